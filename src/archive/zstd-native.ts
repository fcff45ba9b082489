import * as nodeZlib from "node:zlib";
import { ToolError } from "../errors.ts";
import { type ByteSink, type Codec, corrupt, type FrameStream } from "./zstd-codec.ts";
import { MAX_WINDOW } from "./zstd-frame.ts";
import { openWasmStream } from "./zstd-wasm.ts";

/** Typed by hand: the types of the oldest supported Node do not know zstd. */
interface ZlibZstd {
  zstdDecompressSync(bytes: Uint8Array, options: object): Uint8Array;
  zstdCompressSync(bytes: Uint8Array, options: object): Uint8Array;
  createZstdDecompress(options: object): nodeZlib.Gunzip;
  constants: Record<string, number>;
}

export async function zlibCodec(): Promise<Codec | undefined> {
  const zlib = nodeZlib as unknown as ZlibZstd;
  if (typeof zlib.zstdDecompressSync !== "function") return undefined;
  const params = { [zlib.constants["ZSTD_d_windowLogMax"]!]: Math.log2(MAX_WINDOW) };
  return {
    backend: "zlib",
    decodeFrame(frame, maxOutput) {
      try {
        // One piece: by default zlib makes 16 kB ones and joins them. The spare bytes tell it that nothing follows.
        const chunkSize = Math.max(maxOutput, 1) + 64;
        return zlib.zstdDecompressSync(frame, {
          params,
          chunkSize,
          maxOutputLength: Math.max(maxOutput, 1),
        });
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

/** A prebuilt native add-on: whole frames only, so larger ones go to WASM, which is the faster of the two there, and loads with the first of them. */
export async function addonCodec(): Promise<Codec | undefined> {
  try {
    const { Decoder, Encoder } = await import("@toondepauw/node-zstd");
    const decoder = new Decoder();
    const asBuffer = (bytes: Uint8Array): Buffer =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      backend: "addon",
      reuses: true,
      decodeFrame(frame) {
        try {
          return decoder.decodeSync(asBuffer(frame));
        } catch (error) {
          throw corrupt(error);
        }
      },
      stream: openWasmStream,
      compress: (bytes, level) => new Encoder(level).encodeSync(asBuffer(bytes)),
    };
  } catch {
    return undefined; // no binary for this platform: an optional dependency is allowed to be absent
  }
}
