/**
 * zstd with the best codec this Node has, chosen once at run time (docs/dependencies.md has the measured MB/s):
 *   zlib    node:zlib since Node 22.15, native; a stream that decodes on Node's thread pool
 *   addon   a prebuilt native add-on, an optional dependency; decodes whole frames only
 *   wasm    zstddec, everywhere; a synchronous stream (zstd-codec to encode)
 *   zlib-sync  node:zlib on the calling thread, for packages
 * Small frames are decoded whole, others in pieces: memory stays near the window whatever the archive holds.
 */
import { ToolError } from "../errors.ts";
import type { ByteSink, Codec, FrameStream, ZstdBackend } from "./zstd-codec.ts";
import { FrameScanner } from "./zstd-frame.ts";
import { addonCodec, zlibCodec } from "./zstd-native.ts";
import { syncCodec } from "./zstd-sync.ts";
import { wasmCodec } from "./zstd-wasm.ts";

export type { ByteSink, ZstdBackend } from "./zstd-codec.ts";

const ZSTD_BACKENDS: readonly ZstdBackend[] = ["zlib", "addon", "wasm", "zlib-sync"];

const OPENERS: Readonly<Record<ZstdBackend, () => Promise<Codec | undefined>>> = {
  zlib: zlibCodec,
  addon: addonCodec,
  wasm: wasmCodec,
  "zlib-sync": syncCodec,
};

/**
 * Frames that decode to at most this much are decoded at once. Larger ones are faster in pieces that stay in the processor's
 * cache: a 110 MB frame takes node:zlib 0.12 s as a stream and 0.33 s at once, most of it page faults.
 */
const ONE_SHOT_MAX = 1024 * 1024;

/** A push decoder. `write` and `end` may finish later: await them. The chunk must stay unchanged until `write` has finished. */
export interface Decompressor {
  write(chunk: Uint8Array): void | Promise<void>;
  /** Throws `archive-invalid` when the data stops inside a frame. */
  end(): void | Promise<void>;
  /** Frees the codec; nothing is written to the sink afterwards. */
  abort(): void;
}

export interface DecompressorOptions {
  /** Most bytes that may come out; default unlimited. */
  maxOutput?: number | undefined;
  /** The sink is done with its bytes when it returns, so that they need not be copied. */
  transient?: boolean | undefined;
  backend?: ZstdBackend | undefined;
}

const codecs = new Map<ZstdBackend, Promise<Codec | undefined>>();

/** The codec of a backend, or undefined when this Node or platform has none. */
function loadCodec(backend: ZstdBackend): Promise<Codec | undefined> {
  let codec = codecs.get(backend);
  if (!codec) {
    codec = OPENERS[backend]();
    codecs.set(backend, codec);
  }
  return codec;
}

async function pickCodec(backends: ZstdBackend | readonly ZstdBackend[] = ZSTD_BACKENDS): Promise<Codec> {
  for (const name of typeof backends === "string" ? [backends] : backends) {
    const codec = await loadCodec(name);
    if (codec) return codec;
  }
  throw new ToolError("internal", `no zstd codec \`${String(backends)}\` on this platform`);
}

/** Backends that work here, best first. */
export async function availableBackends(): Promise<ZstdBackend[]> {
  const found = await Promise.all(ZSTD_BACKENDS.map(loadCodec));
  return ZSTD_BACKENDS.filter((_, i) => found[i] !== undefined);
}

/** A streaming decoder of any number of frames; decoded bytes go to `sink` in order. */
export async function createDecompressor(
  sink: ByteSink,
  options: DecompressorOptions = {},
): Promise<Decompressor> {
  return (await loadDecompressor(options.backend))(sink, options);
}

/** Loads the first codec that is there, once; the function then makes decoders synchronously. */
export async function loadDecompressor(
  backends?: ZstdBackend | readonly ZstdBackend[],
): Promise<(sink: ByteSink, options?: DecompressorOptions) => Decompressor> {
  const codec = await pickCodec(backends);
  return (sink, options = {}) => new FrameDecompressor(codec, sink, options);
}

/** Decodes complete data. `maxSize` bounds the output (bytes); more is `archive-invalid`. */
export async function decompress(
  bytes: Uint8Array,
  maxSize?: number,
  backend?: ZstdBackend,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const decoder = await createDecompressor((part) => parts.push(part), { maxOutput: maxSize, backend });
  try {
    await decoder.write(bytes);
    await decoder.end();
  } catch (error) {
    decoder.abort();
    throw error;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** Compresses to one frame. `level` is 1-22, default 19 (what conda packages use). */
export async function compress(bytes: Uint8Array, level = 19, backend?: ZstdBackend): Promise<Uint8Array> {
  return (await pickCodec(backend)).compress(bytes, level);
}

class FrameDecompressor implements Decompressor {
  private scanner: FrameScanner | undefined;
  private held: Uint8Array[] = [];
  private stream: FrameStream | undefined;
  private produced = 0;
  private frames = 0;
  private closed = false;
  private readonly codec: Codec;
  private readonly sink: ByteSink;
  private readonly streamSink: ByteSink;

  constructor(codec: Codec, sink: ByteSink, options: DecompressorOptions) {
    const maxOutput = options.maxOutput ?? Number.POSITIVE_INFINITY;
    this.codec = codec;
    this.sink = (bytes) => {
      if (this.closed || bytes.length === 0) return;
      this.produced += bytes.length;
      if (this.produced > maxOutput) throw tooLarge(maxOutput);
      sink(bytes);
    };
    this.streamSink = codec.reuses && !options.transient ? (bytes) => this.sink(bytes.slice()) : this.sink;
  }

  write(chunk: Uint8Array): void | Promise<void> {
    return this.writeFrom(chunk, 0);
  }

  private writeFrom(chunk: Uint8Array, from: number): void | Promise<void> {
    let at = from;
    while (at < chunk.length) {
      this.scanner ??= new FrameScanner();
      const stop = this.scanner.scan(chunk, at);
      const piece = at === 0 && stop === chunk.length ? chunk : chunk.subarray(at, stop);
      at = stop;
      const pending = this.feed(piece, this.scanner);
      if (pending) return pending.then(() => this.writeFrom(chunk, at));
    }
  }

  private feed(piece: Uint8Array, scanner: FrameScanner): void | Promise<void> {
    if (!this.stream) {
      // What is kept for later is a copy: the caller uses the chunk's memory again.
      this.held.push(scanner.done ? piece : piece.slice());
      const small = scanner.bound <= ONE_SHOT_MAX && this.codec.decodeFrame !== undefined;
      if (scanner.done) return this.finishFrame(scanner);
      if (small || scanner.skippable || scanner.bound === 0) return;
      return this.startStream();
    }
    const pending = this.stream.write(piece);
    if (!scanner.done) return pending;
    return pending ? pending.then(() => this.finishFrame(scanner)) : this.finishFrame(scanner);
  }

  /** Too large to decode whole: everything held goes to a stream, and so does what follows. */
  private startStream(): void | Promise<void> {
    const opened = this.codec.stream(this.streamSink);
    return opened instanceof Promise
      ? opened.then((stream) => this.useStream(stream))
      : this.useStream(opened);
  }

  private useStream(stream: FrameStream): void | Promise<void> {
    if (this.closed) return stream.abort();
    this.stream = stream;
    const held = this.held;
    this.held = [];
    return inOrder(held, (part) => this.stream?.write(part));
  }

  private finishFrame(scanner: FrameScanner): void | Promise<void> {
    this.scanner = undefined;
    this.frames++;
    if (scanner.skippable) {
      this.held = [];
      return;
    }
    if (!this.stream && this.codec.decodeFrame && scanner.bound <= ONE_SHOT_MAX) {
      const frame = this.held.length === 1 ? this.held[0]! : Buffer.concat(this.held);
      this.held = [];
      this.sink(this.codec.decodeFrame(frame, scanner.bound));
      return;
    }
    const started = this.stream ? undefined : this.startStream();
    const close = (): void | Promise<void> => {
      const stream = this.stream!;
      this.stream = undefined;
      return stream.end();
    };
    return started ? started.then(close) : close();
  }

  end(): void {
    if (this.scanner || this.frames === 0)
      throw new ToolError("archive-invalid", "zstd data ends before its frame does");
    this.closed = true;
  }

  abort(): void {
    this.closed = true;
    this.stream?.abort();
    this.stream = undefined;
    this.held = [];
  }
}

function inOrder<T>(
  items: readonly T[],
  each: (item: T) => void | Promise<void>,
  from = 0,
): void | Promise<void> {
  for (let i = from; i < items.length; i++) {
    const pending = each(items[i]!);
    if (pending) return pending.then(() => inOrder(items, each, i + 1));
  }
}

function tooLarge(limit: number): ToolError {
  return new ToolError("archive-invalid", `zstd data decodes to more than ${limit} bytes`);
}
