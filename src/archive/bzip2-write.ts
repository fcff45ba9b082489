import type { Bzip2Binding } from "libbzip2-wasm";
import { ToolError } from "../errors.ts";
import { quietLoad } from "./quiet-load.ts";

let binding: Promise<Bzip2Binding> | undefined;

function load(): Promise<Bzip2Binding> {
  binding ??= quietLoad(async () => {
    const { default: start } = await import("libbzip2-wasm");
    const module = start();
    await new Promise<void>((resolve) => {
      module.onRuntimeInitialized = resolve;
    });
    // Emscripten modules of this age are thenables that resolve to themselves: awaiting one would never end.
    delete module.then;
    return module;
  });
  return binding;
}

/** Compresses to one bzip2 stream. `level` is 1-9. */
export async function compressBzip2(bytes: Uint8Array, level = 9): Promise<Uint8Array> {
  const result = (await load()).compressBZ2(bytes, level, 0);
  if (result.error !== 0)
    throw new ToolError("internal", `the bzip2 encoder failed: ${result.error_msg ?? result.error}`);
  return result.output;
}
