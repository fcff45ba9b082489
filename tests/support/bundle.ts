import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { repoRoot } from "./shared.ts";

/**
 * Bundles sources for plain Node (child processes, worker threads), inside the checkout so that dependencies resolve.
 * Returns a directory with `<name>.js` for each entry; `remove` deletes it.
 */
export async function bundleForNode(
  input: Record<string, string>,
): Promise<{ directory: string; remove(): void }> {
  const cache = join(repoRoot, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, "tests-"));
  // Tests run it as other users too.
  chmodSync(directory, 0o755);
  const bundle = await rolldown({
    cwd: repoRoot,
    platform: "node",
    input,
    external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith("\0"),
    logLevel: "silent",
  });
  await bundle.write({
    dir: directory,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
  });
  await bundle.close();
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
