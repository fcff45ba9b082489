/**
 * zstd with the best codec this Node has, chosen once at run time (docs/dependencies.md has the measured MB/s):
 *   zlib    node:zlib since Node 22.15, native; a stream that decodes on Node's thread pool
 *   addon   a prebuilt native add-on, an optional dependency; decodes whole frames only
 *   wasm    zstd-codec, everywhere; a synchronous stream (its asm.js build for windows above 8 MiB)
 * Small frames are decoded whole, large ones in pieces: memory stays below ONE_SHOT_MAX + window whatever the archive holds.
 */
import * as nodeZlib from "node:zlib";
import type { ZstdBinding } from "zstd-codec/lib/zstd-codec-binding-wasm.js";
import { ToolError } from "../errors.ts";
import { quietLoad } from "./quiet-load.ts";
import { FrameScanner, MAX_WINDOW } from "./zstd-frame.ts";

export type ZstdBackend = "zlib" | "addon" | "wasm";
export const ZSTD_BACKENDS: readonly ZstdBackend[] = ["zlib", "addon", "wasm"];

/** Frames that decode to at most this much are decoded at once, by the fastest whole-frame codec. */
const ONE_SHOT_MAX = 32 * 1024 * 1024;

export type ByteSink = (bytes: Uint8Array) => void;

/** A push decoder. Chunks must stay unchanged after they are written. `write` and `end` may finish later: await them. */
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
  backend?: ZstdBackend | undefined;
}

interface FrameStream {
  write(chunk: Uint8Array): void | Promise<void>;
  end(): void | Promise<void>;
  abort(): void;
}

interface Codec {
  backend: ZstdBackend;
  decodeFrame?(frame: Uint8Array, maxOutput: number): Uint8Array;
  /** `window` is what the frame's header asks for, in bytes. */
  stream(sink: ByteSink, window: number): FrameStream | Promise<FrameStream>;
  compress(bytes: Uint8Array, level: number): Uint8Array | Promise<Uint8Array>;
}

const codecs = new Map<ZstdBackend, Promise<Codec | undefined>>();

/** The codec of a backend, or undefined when this Node or platform has none. */
function loadCodec(backend: ZstdBackend): Promise<Codec | undefined> {
  let codec = codecs.get(backend);
  if (!codec) {
    codec = backend === "zlib" ? zlibCodec() : backend === "addon" ? addonCodec() : wasmCodec();
    codecs.set(backend, codec);
  }
  return codec;
}

async function pickCodec(backend?: ZstdBackend): Promise<Codec> {
  for (const name of backend ? [backend] : ZSTD_BACKENDS) {
    const codec = await loadCodec(name);
    if (codec) return codec;
  }
  throw new ToolError("internal", `no zstd codec \`${backend ?? "any"}\` on this platform`);
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

/** Loads the codec once; the function then makes decoders synchronously. */
export async function loadDecompressor(
  backend?: ZstdBackend,
): Promise<(sink: ByteSink, options?: DecompressorOptions) => Decompressor> {
  const codec = await pickCodec(backend);
  return (sink, options = {}) =>
    new FrameDecompressor(codec, sink, options.maxOutput ?? Number.POSITIVE_INFINITY);
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

  constructor(codec: Codec, sink: ByteSink, maxOutput: number) {
    this.codec = codec;
    this.sink = (bytes) => {
      if (this.closed || bytes.length === 0) return;
      this.produced += bytes.length;
      if (this.produced > maxOutput) throw tooLarge(maxOutput);
      sink(bytes);
    };
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
      this.held.push(piece);
      const small = scanner.bound <= ONE_SHOT_MAX && this.codec.decodeFrame !== undefined;
      if (scanner.done) return this.finishFrame(scanner);
      if (small || scanner.skippable || scanner.bound === 0) return;
      return this.startStream(scanner);
    }
    const pending = this.stream.write(piece);
    if (!scanner.done) return pending;
    return pending ? pending.then(() => this.finishFrame(scanner)) : this.finishFrame(scanner);
  }

  /** Too large to decode whole: everything held goes to a stream, and so does what follows. */
  private startStream(scanner: FrameScanner): void | Promise<void> {
    const opened = this.codec.stream(this.sink, scanner.window);
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
    const started = this.stream ? undefined : this.startStream(scanner);
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

function corrupt(cause: unknown): ToolError {
  return new ToolError("archive-invalid", "corrupt zstd data", { cause });
}

// --- node:zlib ---------------------------------------------------------------------------------------------------------

/** Typed by hand: the types of the oldest supported Node do not know zstd. */
interface ZlibZstd {
  zstdDecompressSync(bytes: Uint8Array, options: object): Uint8Array;
  zstdCompressSync(bytes: Uint8Array, options: object): Uint8Array;
  createZstdDecompress(options: object): nodeZlib.Gunzip;
  constants: Record<string, number>;
}

async function zlibCodec(): Promise<Codec | undefined> {
  const zlib = nodeZlib as unknown as ZlibZstd;
  if (typeof zlib.zstdDecompressSync !== "function") return undefined;
  const params = { [zlib.constants["ZSTD_d_windowLogMax"]!]: Math.log2(MAX_WINDOW) };
  return {
    backend: "zlib",
    decodeFrame(frame, maxOutput) {
      try {
        return zlib.zstdDecompressSync(frame, { params, maxOutputLength: Math.max(maxOutput, 1) });
      } catch (error) {
        throw corrupt(error);
      }
    },
    stream: (sink) => new ZlibStream(zlib.createZstdDecompress({ params, chunkSize: 256 * 1024 }), sink),
    compress: (bytes, level) =>
      zlib.zstdCompressSync(bytes, {
        params: { [zlib.constants["ZSTD_c_compressionLevel"]!]: level },
        pledgedSrcSize: bytes.length,
      }),
  };
}

class ZlibStream implements FrameStream {
  private failure: unknown;
  private readonly stream: nodeZlib.Gunzip;
  private readonly ended: Promise<void>;

  constructor(stream: nodeZlib.Gunzip, sink: ByteSink) {
    this.stream = stream;
    stream.on("data", (bytes: Uint8Array) => {
      if (this.failure) return;
      try {
        sink(bytes);
      } catch (error) {
        this.failure = error;
        stream.destroy();
      }
    });
    this.ended = new Promise((resolve, reject) => {
      stream.on("end", resolve);
      stream.on("error", (error) => {
        this.failure ??= corrupt(error);
      });
      stream.on("close", () => (this.failure ? reject(this.failure) : resolve()));
    });
    this.ended.catch(() => {});
  }

  write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.stream.write(chunk, (error) =>
        this.failure || error ? reject(this.failure ?? corrupt(error)) : resolve(),
      );
    });
  }

  end(): Promise<void> {
    this.stream.end();
    return this.ended;
  }

  abort(): void {
    this.failure ??= new ToolError("interrupted", "decoding was given up");
    this.stream.destroy();
  }
}

// --- prebuilt native add-on --------------------------------------------------------------------------------------------

async function addonCodec(): Promise<Codec | undefined> {
  try {
    const { Decoder, Encoder } = await import("@toondepauw/node-zstd");
    const wasm = await loadCodec("wasm");
    if (!wasm) return undefined;
    const decoder = new Decoder();
    const asBuffer = (bytes: Uint8Array): Buffer =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      backend: "addon",
      decodeFrame(frame) {
        try {
          return decoder.decodeSync(asBuffer(frame));
        } catch (error) {
          throw corrupt(error);
        }
      },
      stream: wasm.stream,
      compress: (bytes, level) => new Encoder(level).encodeSync(asBuffer(bytes)),
    };
  } catch {
    return undefined; // no binary for this platform: an optional dependency is allowed to be absent
  }
}

// --- WebAssembly -------------------------------------------------------------------------------------------------------

/** The WASM build has a fixed memory of 16 MiB: enough for windows up to 8 MiB (zstd level 19) and encoding at level 3. */
const WASM_WINDOW = 8 * 1024 * 1024;
const WASM_LEVEL = 3;
/** The asm.js build of the same code has as much memory as it is given; pages that are not touched cost nothing. */
const ASM_MEMORY = 256 * 1024 * 1024;

/**
 * Instances of one build. A decoder with an 8 MiB window fills a WASM instance's memory, so each decoder that is open has
 * an instance of its own: several archives are extracted by turns in one worker.
 */
class Instances {
  private readonly idle: ZstdBinding[] = [];
  private readonly start: () => Promise<ZstdBinding>;

  constructor(start: () => Promise<ZstdBinding>) {
    this.start = start;
  }

  /** Synchronous when one is idle. */
  take(): ZstdBinding | Promise<ZstdBinding> {
    return this.idle.pop() ?? this.start();
  }

  give(binding: ZstdBinding): void {
    this.idle.push(binding);
  }
}

const wasmInstances = new Instances(() =>
  startBinding(() => import("zstd-codec/lib/zstd-codec-binding-wasm.js"), {}),
);

/** Three times slower than WASM: only for what WASM's memory cannot hold. */
const asmInstances = new Instances(() =>
  startBinding(() => import("zstd-codec/lib/zstd-codec-binding.js"), { TOTAL_MEMORY: ASM_MEMORY }),
);

function startBinding(
  load: () => Promise<{ default: (module: Partial<ZstdBinding>) => unknown }>,
  options: Partial<ZstdBinding>,
): Promise<ZstdBinding> {
  return quietLoad(async () => {
    const { default: start } = await load();
    return new Promise<ZstdBinding>((resolve) => {
      const quiet = (): void => {};
      const module: Partial<ZstdBinding> = { ...options, print: quiet, printErr: quiet };
      module.onRuntimeInitialized = () => {
        // Emscripten modules of this age are thenables that resolve to themselves: awaiting one would never end.
        delete module.then;
        resolve(module as ZstdBinding);
      };
      start(module);
    });
  });
}

async function wasmCodec(): Promise<Codec | undefined> {
  // Loads the module, so that the first decoder starts at once.
  wasmInstances.give(await wasmInstances.take());
  return {
    backend: "wasm",
    stream: (sink, window) => {
      const instances = window <= WASM_WINDOW ? wasmInstances : asmInstances;
      const binding = instances.take();
      return binding instanceof Promise
        ? binding.then((ready) => new WasmStream(ready, instances, sink))
        : new WasmStream(binding, instances, sink);
    },
    async compress(bytes, level) {
      const instances = level <= WASM_LEVEL ? wasmInstances : asmInstances;
      const binding = await instances.take();
      const parts: Uint8Array[] = [];
      const stream = new binding.ZstdCompressStreamBinding();
      const keep = (part: Uint8Array): void => void parts.push(part.slice());
      // Above 19 the encoder's tables do not fit into ASM_MEMORY.
      const ok = guard(
        () => stream.begin(Math.min(level, 19)) && stream.transform(bytes, keep) && stream.end(keep),
      );
      if (!ok) throw new ToolError("internal", "the zstd encoder failed");
      stream.delete();
      instances.give(binding);
      return Buffer.concat(parts);
    },
  };
}

/** Out of memory aborts a whole instance for good: whoever sees false must not give it back. */
function guard(call: () => boolean | undefined): boolean {
  try {
    return call() === true;
  } catch {
    return false;
  }
}

class WasmStream implements FrameStream {
  private stream: InstanceType<ZstdBinding["ZstdDecompressStreamBinding"]> | undefined;
  private failure: unknown;
  private broken = false;
  private readonly binding: ZstdBinding;
  private readonly instances: Instances;
  private readonly keep: ByteSink;

  constructor(binding: ZstdBinding, instances: Instances, sink: ByteSink) {
    this.binding = binding;
    this.instances = instances;
    this.stream = new binding.ZstdDecompressStreamBinding();
    this.broken = !guard(() => this.stream?.begin());
    // The codec calls back from inside WASM: an exception must not cross it. The bytes may be a view of WASM memory
    // that the next call overwrites, so a sink that keeps them gets a copy.
    this.keep = (bytes) => {
      if (this.failure) return;
      try {
        sink(bytes.slice());
      } catch (error) {
        this.failure = error;
      }
    };
  }

  write(chunk: Uint8Array): void {
    // In slices: one call's output is bounded, and a limit that the sink finds exceeded stops the rest.
    for (let at = 0; at < chunk.length; at += 65536) {
      this.call((stream) => stream.transform(chunk.subarray(at, at + 65536), this.keep));
    }
  }

  end(): void {
    try {
      this.call((stream) => stream.end(this.keep));
    } finally {
      this.abort();
    }
  }

  private call(work: (stream: InstanceType<ZstdBinding["ZstdDecompressStreamBinding"]>) => boolean): void {
    const { stream } = this;
    const ok = !this.broken && stream !== undefined && guard(() => work(stream));
    if (!ok) this.broken = true;
    if (this.failure) throw this.failure;
    if (!ok) throw corrupt(undefined);
  }

  abort(): void {
    const { stream } = this;
    if (!stream) return;
    this.stream = undefined;
    const freed = guard(() => {
      stream.delete();
      return true;
    });
    if (freed && !this.broken) this.instances.give(this.binding);
  }
}
