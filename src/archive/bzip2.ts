/**
 * A streaming bzip2 decoder. It holds one block (at most 900 kB decoded, a few hundred kB encoded) whatever the archive's
 * size, reads concatenated streams (pbzip2), and refuses what follows the last one.
 *
 * The end of a block is not known before it is decoded. So a block is tried when `wanted` bytes are there, a guess from the
 * blocks before; when its bits run out, the guess grows by half and the try is repeated. Typical waste: one block per file.
 */
import { ToolError } from "../errors.ts";
import { BlockDecoder, NEED_MORE } from "./bzip2-block.ts";
import type { ByteSink, Decompressor } from "./zstd.ts";

const FIRST_GUESS = 256 * 1024;

export interface Bzip2Options {
  /** Most bytes that may come out; default unlimited. */
  maxOutput?: number | undefined;
}

/** A push decoder; decoded bytes go to `sink` in order, in buffers that the sink may keep. */
export function createDecompressor(sink: ByteSink, options: Bzip2Options = {}): Decompressor {
  return new Bzip2Decompressor(sink, options.maxOutput ?? Number.POSITIVE_INFINITY);
}

/** Decodes complete data. `maxSize` bounds the output (bytes); more is `archive-invalid`. */
export function decompress(bytes: Uint8Array, maxSize?: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const decoder = createDecompressor((part) => parts.push(part), { maxOutput: maxSize });
  decoder.write(bytes);
  decoder.end();
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

class Bzip2Decompressor implements Decompressor {
  private input = new Uint8Array(FIRST_GUESS * 2);
  /** Valid bytes of `input`. */
  private length = 0;
  /** Position in `input`, in bits. */
  private bit = 0;
  private wanted = FIRST_GUESS;
  /** Of the stream being read; undefined between streams. */
  private block: BlockDecoder | undefined;
  private streams = 0;
  private combined = 0;
  private produced = 0;
  private readonly sink: ByteSink;

  constructor(sink: ByteSink, maxOutput: number) {
    this.sink = (bytes) => {
      this.produced += bytes.length;
      if (this.produced > maxOutput)
        throw new ToolError("archive-invalid", `bzip2 data decodes to more than ${maxOutput} bytes`);
      sink(bytes);
    };
  }

  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const n = Math.min(chunk.length - at, Math.max(this.wanted - this.pending(), 4096));
      this.append(chunk.subarray(at, at + n));
      at += n;
      while (this.pending() >= this.wanted && this.step(false));
    }
  }

  end(): void {
    while (this.step(true));
    if (this.block || this.streams === 0 || this.pending() > 0)
      throw invalid("data ends before its stream does");
  }

  abort(): void {
    this.input = new Uint8Array(0);
    this.length = 0;
    this.block = undefined;
  }

  private pending(): number {
    return this.length - (this.bit >>> 3);
  }

  private append(chunk: Uint8Array): void {
    const done = this.bit >>> 3;
    if (this.length + chunk.length > this.input.length) {
      const target =
        this.length - done + chunk.length > this.input.length
          ? new Uint8Array((this.length - done + chunk.length) * 2)
          : this.input;
      if (target === this.input) target.copyWithin(0, done, this.length);
      else target.set(this.input.subarray(done, this.length));
      this.input = target;
      this.length -= done;
      this.bit &= 7;
    }
    this.input.set(chunk, this.length);
    this.length += chunk.length;
  }

  /** Reads one stream header, block or stream end. False when there is nothing more to read now. */
  private step(last: boolean): boolean {
    if (!this.block) return this.header(last);
    const before = this.bit;
    const magic = this.peek48();
    if (magic === undefined) {
      if (last) throw invalid("data ends before its stream does");
      this.wanted = this.pending() + 16;
      return false;
    }
    if (magic === 0x177245385090) return this.streamEnd();
    if (magic !== 0x314159265359) throw invalid("a block has no start mark");
    const end = this.block.decode(this.input, this.length, before + 48, this.sink);
    if (end === NEED_MORE) {
      if (last) throw invalid("data ends inside a block");
      if (this.pending() > 8 * 1024 * 1024) throw invalid("a block never ends");
      this.wanted = Math.ceil(this.pending() * 1.5);
      return false;
    }
    this.combined = ((((this.combined << 1) | (this.combined >>> 31)) >>> 0) ^ this.block.crc) >>> 0;
    this.bit = end;
    // The next block is likely no more than a third longer than this one.
    this.wanted = Math.max(65536, Math.ceil(((end - before) >>> 3) * 1.34));
    return true;
  }

  private header(last: boolean): boolean {
    const at = this.bit >>> 3;
    if (this.pending() < 4) {
      this.wanted = 4;
      if (last && this.pending() > 0) throw invalid("bytes follow the end of the stream");
      return false;
    }
    const b = this.input;
    const level = b[at + 3]! - 0x30;
    if (b[at] !== 0x42 || b[at + 1] !== 0x5a || b[at + 2] !== 0x68 || level < 1 || level > 9) {
      throw invalid(
        this.streams === 0 ? "it does not begin as bzip2 does" : "bytes follow the end of the stream",
      );
    }
    this.block = new BlockDecoder(level);
    this.combined = 0;
    this.bit += 32;
    this.wanted = Math.max(this.wanted, FIRST_GUESS);
    return true;
  }

  private streamEnd(): boolean {
    if (this.length * 8 < this.bit + 80) {
      this.wanted = this.pending() + 16;
      return false;
    }
    const expected = this.bits(this.bit + 48, 32);
    if (expected !== this.combined) throw invalid("the checksum of the stream does not match");
    this.bit = (this.bit + 80 + 7) & ~7;
    this.block = undefined;
    this.streams++;
    this.wanted = 4;
    return true;
  }

  private peek48(): number | undefined {
    if (this.length * 8 < this.bit + 48) return undefined;
    return this.bits(this.bit, 24) * 0x1000000 + this.bits(this.bit + 24, 24);
  }

  private bits(from: number, count: number): number {
    let value = 0;
    for (let i = from; i < from + count; i++)
      value = value * 2 + ((this.input[i >>> 3]! >> (7 - (i & 7))) & 1);
    return value;
  }
}

function invalid(reason: string): ToolError {
  return new ToolError("archive-invalid", `invalid bzip2 data: ${reason}`);
}
