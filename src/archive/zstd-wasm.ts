import { ToolError } from "../errors.ts";
import { type ByteSink, type Codec, corrupt, type FrameStream } from "./zstd-codec.ts";
import { compressWithCodec } from "./zstd-encoder.ts";

/** What zstddec's module exports: the C functions of the same names. Pointers and sizes are 32-bit. */
interface Decoder {
  memory: { readonly buffer: ArrayBuffer };
  malloc(size: number): number;
  free(pointer: number): void;
  ZSTD_createDCtx(): number;
  ZSTD_freeDCtx(context: number): number;
  /** Negative: an error. 0: the frame is complete. */
  ZSTD_decompressStream(context: number, output: number, input: number): number;
}

/** zstd's recommended sizes (ZSTD_DStreamInSize, ZSTD_DStreamOutSize): one block each way. */
const INPUT = 128 * 1024;
const OUTPUT = 128 * 1024;

/**
 * The decoder of this thread, with one input and one output buffer for all frames that are open: calls do not nest. Its
 * memory grows with the windows of the frames that are open at once. Buffers this small stay in the processor's cache:
 * 650 MB/s, where decoding a whole 110 MB frame at once natively reaches 350 on the same machine.
 */
class Engine {
  readonly decoder: Decoder;
  readonly input: number;
  readonly output: number;
  /** ZSTD_outBuffer and ZSTD_inBuffer: pointer, size, position. */
  private readonly state: number;
  private bytes = new Uint8Array(0);
  private words = new Int32Array(0);

  constructor(decoder: Decoder) {
    this.decoder = decoder;
    this.input = decoder.malloc(INPUT);
    this.output = decoder.malloc(OUTPUT);
    this.state = decoder.malloc(24);
  }

  /** Growing detaches the views. */
  private refresh(): void {
    const { buffer } = this.decoder.memory;
    if (this.bytes.buffer === buffer) return;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /** Decodes at most INPUT bytes; the sink gets views that hold until it returns. Returns zstd's last answer. */
  run(context: number, chunk: Uint8Array, sink: ByteSink): number {
    const { input, output, state } = this;
    const at = state >> 2;
    this.refresh();
    this.bytes.set(chunk, input);
    this.words.set([output, OUTPUT, 0, input, chunk.length, 0], at);
    for (;;) {
      this.words[at + 2] = 0;
      const answer = this.decoder.ZSTD_decompressStream(context, state, state + 12);
      if (answer < 0) return answer;
      this.refresh();
      const made = this.words[at + 2]!;
      if (made > 0) sink(this.bytes.subarray(output, output + made));
      // A full output may have more behind it, unless the frame is complete: then another call would begin the next one.
      if ((made < OUTPUT || answer === 0) && this.words[at + 5]! >= chunk.length) return answer;
    }
  }
}

let engine: Promise<Engine> | undefined;
let ready: Engine | undefined;

async function startEngine(): Promise<Engine> {
  const { ZSTDDecoder } = await import("zstddec/stream");
  let instance: { exports: unknown } | undefined;
  class Capturing extends ZSTDDecoder {
    override _init(result: Parameters<InstanceType<typeof ZSTDDecoder>["_init"]>[0]): void {
      ({ instance } = result as { instance: { exports: unknown } });
      super._init(result);
    }
  }
  const starting = withoutFetch(() => new Capturing().init());
  await starting;
  if (!instance) throw new ToolError("internal", "the zstd decoder did not start");
  ready = new Engine(instance.exports as Decoder);
  return ready;
}

/** zstddec decodes its own base64 through `fetch` where there is one, which loads Node's whole HTTP client. */
function withoutFetch<T>(work: () => T): T {
  const fetch = Object.getOwnPropertyDescriptor(globalThis, "fetch");
  Object.defineProperty(globalThis, "fetch", { value: undefined, configurable: true, writable: true });
  try {
    return work();
  } finally {
    if (fetch) Object.defineProperty(globalThis, "fetch", fetch);
  }
}

/** A decoder for one frame, of any window; a promise the first time, while the module starts. */
export function openWasmStream(sink: ByteSink): FrameStream | Promise<FrameStream> {
  if (ready) return new WasmStream(ready, sink);
  engine ??= startEngine();
  return engine.then((started) => new WasmStream(started, sink));
}

export async function wasmCodec(): Promise<Codec | undefined> {
  // Loads the module, so that the first decoder starts at once.
  engine ??= startEngine();
  await engine;
  return { backend: "wasm", reuses: true, stream: openWasmStream, compress: compressWithCodec };
}

class WasmStream implements FrameStream {
  private context: number;
  private answer = 1;
  private readonly engine: Engine;
  private readonly sink: ByteSink;

  constructor(engine: Engine, sink: ByteSink) {
    this.engine = engine;
    this.sink = sink;
    this.context = engine.decoder.ZSTD_createDCtx();
  }

  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += INPUT) {
      if (this.context === 0) throw corrupt(undefined);
      this.answer = this.engine.run(this.context, chunk.subarray(at, at + INPUT), this.sink);
      if (this.answer < 0) {
        this.abort();
        throw corrupt(new Error(`zstd error ${-this.answer}`));
      }
    }
  }

  end(): void {
    const complete = this.answer === 0;
    this.abort();
    if (!complete) throw corrupt(undefined);
  }

  abort(): void {
    if (this.context !== 0) this.engine.decoder.ZSTD_freeDCtx(this.context);
    this.context = 0;
  }
}
