import type { ZstdBinding } from "zstd-codec/lib/zstd-codec-binding-wasm.js";
import { ToolError } from "../errors.ts";
import { quietLoad } from "./quiet-load.ts";

/** The WASM build of zstd-codec has a fixed memory of 16 MiB: enough for encoding at level 3. */
const WASM_LEVEL = 3;
/** The asm.js build of the same code has as much memory as it is given; pages that are not touched cost nothing. */
const ASM_MEMORY = 256 * 1024 * 1024;

const loadWasm = () => import("zstd-codec/lib/zstd-codec-binding-wasm.js");
const loadAsm = () => import("zstd-codec/lib/zstd-codec-binding.js");
const started = new Map<"wasm" | "asm", Promise<ZstdBinding>>();

function binding(build: "wasm" | "asm"): Promise<ZstdBinding> {
  let starting = started.get(build);
  if (!starting) {
    starting = build === "wasm" ? start(loadWasm, {}) : start(loadAsm, { TOTAL_MEMORY: ASM_MEMORY });
    started.set(build, starting);
  }
  return starting;
}

function start(
  load: () => Promise<{ default: (module: Partial<ZstdBinding>) => unknown }>,
  options: Partial<ZstdBinding>,
): Promise<ZstdBinding> {
  return quietLoad(async () => {
    const { default: open } = await load();
    return new Promise<ZstdBinding>((resolve) => {
      const quiet = (): void => {};
      const module: Partial<ZstdBinding> = { ...options, print: quiet, printErr: quiet };
      module.onRuntimeInitialized = () => {
        // Emscripten modules of this age are thenables that resolve to themselves: awaiting one would never end.
        delete module.then;
        resolve(module as ZstdBinding);
      };
      open(module);
    });
  });
}

/** One frame, made without any native code. */
export async function compressWithCodec(bytes: Uint8Array, level: number): Promise<Uint8Array> {
  const build = level <= WASM_LEVEL ? "wasm" : "asm";
  const instance = await binding(build);
  const parts: Uint8Array[] = [];
  const stream = new instance.ZstdCompressStreamBinding();
  const keep = (part: Uint8Array): void => void parts.push(part.slice());
  let ok = false;
  try {
    // Above 19 the encoder's tables do not fit into ASM_MEMORY.
    ok = stream.begin(Math.min(level, 19)) && stream.transform(bytes, keep) && stream.end(keep);
  } catch {}
  if (!ok) {
    // Out of memory aborts a whole instance for good.
    started.delete(build);
    throw new ToolError("internal", "the zstd encoder failed");
  }
  stream.delete();
  return Buffer.concat(parts);
}
