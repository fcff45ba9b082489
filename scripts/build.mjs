// Bundles the CLI (CommonJS, see cli-bundle.mjs) and the library, its worker and the fixture builders (ESM) into dist/, with type
// declarations. `--no-types` leaves those out, `--out DIR` puts everything elsewhere.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { writeCliBundle } from "./cli-bundle.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const types = !process.argv.includes("--no-types");
const outAt = process.argv.indexOf("--out");
const dist = outAt > 0 ? resolve(process.argv[outAt + 1]) : join(root, "dist");
// A failed build leaves the last good one alone.
const fresh = join(dist, `.new-${process.pid}`);
const old = join(dist, `.old-${process.pid}`);
mkdirSync(fresh, { recursive: true });
mkdirSync(old);
process.on("exit", () => {
  for (const directory of [fresh, old]) rmSync(directory, { recursive: true, force: true });
});

await writeCliBundle(join(fresh, "cli"), { root });
// One graph for every entry, so that shared modules become shared chunks.
const bundle = await rolldown({
  cwd: root,
  platform: "node",
  input: {
    index: "src/index.ts",
    worker: "src/worker.ts",
    fixtures: "fixtures/index.ts",
    action: "action/main.ts",
  },
  // Runtime dependencies stay in node_modules: they hold WASM and native parts that must not be inlined.
  external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith("\0"),
  logLevel: "warn",
  // What the CLI loads late, the library has at once.
  checks: { ineffectiveDynamicImport: false },
});
await bundle.write({
  dir: fresh,
  format: "esm",
  sourcemap: false,
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
});
await bundle.close();
// By renames, so that programs that start meanwhile find the old or the new files.
for (const name of readdirSync(dist))
  if (!/^\.(new|old)-|^types$/.test(name)) renameSync(join(dist, name), join(old, name));
for (const name of readdirSync(fresh)) renameSync(join(fresh, name), join(dist, name));

if (types) {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
    stdio: "inherit",
    cwd: root,
  });
}
