import type { ZstdBinding } from "zstd-codec/lib/zstd-codec-binding-wasm.js";
import { ToolError } from "../errors.ts";
import { quietLoad } from "./quiet-load.ts";
import { type ByteSink, type Codec, corrupt, type FrameStream } from "./zstd-codec.ts";

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

/** A decoder for one frame; a promise when an instance has to start. */
export function openWasmStream(sink: ByteSink, window: number): FrameStream | Promise<FrameStream> {
  const instances = window <= WASM_WINDOW ? wasmInstances : asmInstances;
  const binding = instances.take();
  return binding instanceof Promise
    ? binding.then((ready) => new WasmStream(ready, instances, sink))
    : new WasmStream(binding, instances, sink);
}

export async function wasmCodec(): Promise<Codec | undefined> {
  // Loads the module, so that the first decoder starts at once.
  wasmInstances.give(await wasmInstances.take());
  return {
    backend: "wasm",
    stream: openWasmStream,
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
