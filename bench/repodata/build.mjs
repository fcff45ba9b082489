// Bundles the repodata loader and the worker, so that what is measured is what ships.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Writes worker.js and loader.js to `directory` and returns the path of loader.js. */
export async function buildLoader(directory) {
  const entry = join(directory, "entry.ts");
  mkdirSync(directory, { recursive: true });
  if (!existsSync(join(directory, "node_modules")))
    symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
  const source = (path) => JSON.stringify(join(ROOT, "src", path));
  writeFileSync(
    entry,
    [
      `export { loadChannels, closeIndexes } from ${source("repodata/load.ts")};`,
      `export { dependencyName } from ${source("repodata/closure.ts")};`,
      `export { createHttpClient } from ${source("net/http.ts")};`,
      `export { createPool } from ${source("workers/pool.ts")};`,
      `export { resolveChannels, DEFAULT_CHANNEL_CONFIG } from ${source("specs/channel.ts")};`,
    ].join("\n"),
  );
  const bundle = await rolldown({
    cwd: ROOT,
    platform: "node",
    input: { loader: entry, worker: join(ROOT, "src/worker.ts") },
    external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith("\0"),
    logLevel: "silent",
  });
  const out = join(directory, "out");
  await bundle.write({
    dir: out,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
  });
  await bundle.close();
  return join(out, "loader.js");
}
