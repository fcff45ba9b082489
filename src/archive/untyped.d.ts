/** Parts of two packages that ship no types. Only what src/archive uses. */
declare module "zstd-codec/lib/zstd-codec-binding-wasm.js" {
  type Sink = (bytes: Uint8Array) => void;
  interface StreamBinding {
    /** False when the codec refuses. `level` is for compression only. */
    begin(level?: number): boolean;
    transform(chunk: Uint8Array, sink: Sink): boolean;
    end(sink: Sink): boolean;
    delete(): void;
  }
  interface ZstdBinding {
    ZstdCompressStreamBinding: new () => StreamBinding;
    ZstdDecompressStreamBinding: new () => StreamBinding;
    /** Memory in bytes; it never grows. The WASM build has 16 MiB whatever this says. */
    TOTAL_MEMORY?: number;
    print?: () => void;
    printErr?: () => void;
    onRuntimeInitialized?: () => void;
    then?: unknown;
  }
  const start: (module: Partial<ZstdBinding>) => unknown;
  export default start;
  export type { StreamBinding, ZstdBinding };
}

declare module "zstd-codec/lib/zstd-codec-binding.js" {
  export { default } from "zstd-codec/lib/zstd-codec-binding-wasm.js";
}

declare module "libbzip2-wasm" {
  interface Bzip2Binding {
    /** `error` is 0 on success. `blockSize` is 1-9 (100 kB units). */
    compressBZ2(
      bytes: Uint8Array,
      blockSize: number,
      workFactor: number,
    ): { error: number; error_msg?: string; output: Uint8Array };
    onRuntimeInitialized?: () => void;
    then?: unknown;
  }
  const load: () => Bzip2Binding;
  export default load;
  export type { Bzip2Binding };
}
