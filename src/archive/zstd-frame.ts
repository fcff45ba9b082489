/**
 * Walks the structure of one zstd frame (RFC 8878) without decoding it: where it ends, which window it needs, and the most
 * bytes that it can decode to. Costs one step per block (at most 128 KiB), so it tells small frames from bombs before
 * a codec allocates anything, and a cut or padded stream from a complete one whatever the codec thinks.
 */
import { ToolError } from "../errors.ts";

/** zstd's own default limit (`--long=27`): what every conforming decoder accepts. */
export const MAX_WINDOW = 128 * 1024 * 1024;
const BLOCK_MAX = 128 * 1024;
const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

type State = "magic" | "skippable-size" | "header" | "block-header" | "body" | "checksum" | "done";

export class FrameScanner {
  /** Upper bound of the decoded bytes of the blocks seen so far. */
  bound = 0;
  window = 0;
  skippable = false;
  private state: State = "magic";
  private want = 4;
  private have = 0;
  private readonly held = new Uint8Array(18);
  private skip = 0;
  private lastBlock = false;
  private checksum = false;

  get done(): boolean {
    return this.state === "done";
  }

  /** Takes bytes of `chunk` from `from` on, to the end of the chunk or of the frame; returns where it stopped. */
  scan(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && this.state !== "done") {
      if (this.skip > 0) {
        const n = Math.min(this.skip, chunk.length - at);
        this.skip -= n;
        at += n;
        if (this.skip === 0) this.bodyDone();
        continue;
      }
      this.held[this.have++] = chunk[at++]!;
      if (this.have === this.want) this.step();
    }
    return at;
  }

  private expect(state: State, bytes: number): void {
    this.state = state;
    this.want = bytes;
    this.have = 0;
  }

  private step(): void {
    const b = this.held;
    const word = (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0;
    switch (this.state) {
      case "magic":
        if (word === MAGIC) this.expect("header", 1);
        else if ((word & 0xfffffff0) >>> 0 === SKIPPABLE) {
          this.skippable = true;
          this.expect("skippable-size", 4);
        } else throw invalid(`0x${word.toString(16).padStart(8, "0")} is not the start of a zstd frame`);
        return;
      case "skippable-size":
        this.skip = word;
        this.state = "body";
        if (word === 0) this.bodyDone();
        return;
      case "header":
        this.header();
        return;
      case "block-header":
        this.blockHeader((b[0]! | (b[1]! << 8) | (b[2]! << 16)) >>> 0);
        return;
      default:
        this.state = "done";
    }
  }

  private header(): void {
    const b = this.held;
    const descriptor = b[0]!;
    const single = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
    const length = 1 + (single ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (this.have < length) {
      this.want = length;
      return;
    }
    if (descriptor & 0x08) throw invalid("a reserved bit is set in the frame header");
    for (let i = 0; i < dictionaryBytes; i++)
      if (b[length - sizeBytes - 1 - i] !== 0) throw invalid("the frame needs a dictionary");
    let size = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + b[length - sizeBytes + i]!;
    if (sizeBytes === 2) size += 256;
    const mantissa = b[1]! & 7;
    const base = 2 ** (10 + (b[1]! >> 3));
    this.window = single ? size : base + (base / 8) * mantissa;
    if (this.window > MAX_WINDOW && !(single && size <= MAX_WINDOW)) {
      throw invalid(
        `the frame needs a window of ${Math.ceil(this.window / 1048576)} MiB; the limit is ${MAX_WINDOW / 1048576} MiB`,
      );
    }
    this.checksum = (descriptor & 4) !== 0;
    this.expect("block-header", 3);
  }

  private blockHeader(word: number): void {
    this.lastBlock = (word & 1) !== 0;
    const type = (word >> 1) & 3;
    const size = word >>> 3;
    if (type === 3) throw invalid("a block has the reserved type");
    if (size > BLOCK_MAX) throw invalid(`a block of ${size} bytes is larger than 128 KiB`);
    this.bound += type === 2 ? Math.min(BLOCK_MAX, Math.max(this.window, 1024)) : size;
    this.skip = type === 1 ? 1 : size;
    this.state = "body";
    if (this.skip === 0) this.bodyDone();
  }

  private bodyDone(): void {
    if (this.skippable) this.state = "done";
    else if (!this.lastBlock) this.expect("block-header", 3);
    else if (this.checksum) this.expect("checksum", 4);
    else this.state = "done";
  }
}

function invalid(reason: string): ToolError {
  return new ToolError("archive-invalid", `invalid zstd data: ${reason}`);
}
