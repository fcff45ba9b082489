import * as nodeZlib from "node:zlib";
import { type ByteSink, type Codec, corrupt, type FrameStream } from "./zstd-codec.ts";
import { compressWithCodec } from "./zstd-encoder.ts";
import { MAX_WINDOW } from "./zstd-frame.ts";

/** What a zlib stream of Node.js keeps inside: its native state, and how much it left of output and input. */
interface Engine {
  _handle?: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void;
  } | null;
  _writeState?: Uint32Array;
  on(event: "error", listener: (error: unknown) => void): void;
  destroy(): void;
  destroyed: boolean;
}

const OUTPUT = 256 * 1024;
/** "zstd", as one frame. */
const SAMPLE = Buffer.from("28b52ffd24042100007a737464452fa41d", "hex");

/**
 * Decodes on the calling thread into one buffer, by the internal method with which node:zlib implements its own `...Sync`
 * functions. Those decode whole frames into new memory, most of which is page faults; the streams go through the thread pool,
 * with a new buffer for each piece. 506 MB of packages: 0.36 s of processor time, 0.62 s by WASM, 0.90 s by zstdDecompressSync.
 * It is no public interface, so it is tried on a sample first: undefined where that does not work.
 */
export async function syncCodec(): Promise<Codec | undefined> {
  const create = opener();
  if (!create) return undefined;
  const output = new Uint8Array(OUTPUT);
  const codec: Codec = {
    backend: "zlib-sync",
    reuses: true,
    stream: (sink) => new SyncStream(create(), output, sink),
    compress: compressWithCodec,
  };
  return works(codec) ? codec : undefined;
}

function opener(): (() => Engine) | undefined {
  const zlib = nodeZlib as unknown as {
    createZstdDecompress?: (options: object) => Engine;
    constants: Record<string, number>;
  };
  if (typeof zlib.createZstdDecompress !== "function") return undefined;
  const params = { [zlib.constants["ZSTD_d_windowLogMax"]!]: Math.log2(MAX_WINDOW) };
  // 64 is the least: this buffer is not used.
  return () => zlib.createZstdDecompress!({ params, chunkSize: 64 });
}

function works(codec: Codec): boolean {
  const decode = (bytes: Uint8Array): string => {
    let text = "";
    const stream = codec.stream((part) => {
      text += Buffer.from(part).toString("latin1");
    }) as FrameStream;
    stream.write(bytes.subarray(0, 9));
    stream.write(bytes.subarray(9));
    stream.end();
    return text;
  };
  try {
    if (decode(SAMPLE) !== "zstd") return false;
  } catch {
    return false;
  }
  try {
    const damaged = Buffer.from(SAMPLE);
    damaged[damaged.length - 1]! ^= 1;
    decode(damaged);
    return false; // errors do not arrive
  } catch {
    return true;
  }
}

class SyncStream implements FrameStream {
  private readonly engine: Engine;
  private readonly output: Uint8Array;
  private readonly sink: ByteSink;

  constructor(engine: Engine, output: Uint8Array, sink: ByteSink) {
    this.engine = engine;
    this.output = output;
    this.sink = sink;
    // Told later, too, when it has been thrown already.
    engine.on("error", () => {});
  }

  write(chunk: Uint8Array): void {
    const { engine, output } = this;
    for (let at = 0; ; ) {
      const { _handle: handle, _writeState: state } = engine;
      if (!handle || !state || engine.destroyed) throw corrupt(undefined);
      handle.writeSync(0, chunk, at, chunk.length - at, output, 0, OUTPUT);
      // An error in the data closes the engine.
      if (engine.destroyed) throw corrupt(undefined);
      const made = OUTPUT - state[0]!;
      at = chunk.length - state[1]!;
      if (made > 0) this.sink(output.subarray(0, made));
      // A full output may have more behind it.
      if (made < OUTPUT) {
        if (at < chunk.length) throw corrupt(undefined);
        return;
      }
    }
  }

  /** The frame's end was seen by the scanner, and its checksum by the engine. */
  end(): void {
    if (this.engine.destroyed) throw corrupt(undefined);
    this.engine.destroy();
  }

  abort(): void {
    this.engine.destroy();
  }
}
