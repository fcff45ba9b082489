import { ToolError } from "../errors.ts";

export type ZstdBackend = "zlib" | "addon" | "wasm" | "zlib-sync";

export type ByteSink = (bytes: Uint8Array) => void;

/** Decodes one frame as it arrives. */
export interface FrameStream {
  write(chunk: Uint8Array): void | Promise<void>;
  end(): void | Promise<void>;
  abort(): void;
}

/** What a backend can do. */
export interface Codec {
  backend: ZstdBackend;
  decodeFrame?(frame: Uint8Array, maxOutput: number): Uint8Array;
  /** What the sink of `stream` gets is overwritten once it returns. */
  reuses?: true;
  stream(sink: ByteSink): FrameStream | Promise<FrameStream>;
  compress(bytes: Uint8Array, level: number): Uint8Array | Promise<Uint8Array>;
}

export function corrupt(cause: unknown): ToolError {
  return new ToolError("archive-invalid", "corrupt zstd data", { cause });
}
