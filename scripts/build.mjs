// Bundles the CLI, the library, the worker and the fixture builders into dist/, with type declarations.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const types = !process.argv.includes("--no-types");
// A failed build leaves the last good one alone.
const fresh = join(root, "dist", `.new-${process.pid}`);
mkdirSync(fresh, { recursive: true });

// One graph for every entry, so that shared modules become shared chunks and `taipan --help` loads little.
const bundle = await rolldown({
  cwd: root,
  platform: "node",
  input: {
    cli: "src/cli/main.ts",
    index: "src/index.ts",
    worker: "src/worker.ts",
    fixtures: "fixtures/index.ts",
  },
  // Runtime dependencies stay in node_modules: they hold WASM and native parts that must not be inlined.
  external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith("\0"),
  logLevel: "warn",
});
await bundle.write({
  dir: fresh,
  format: "esm",
  sourcemap: false,
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
});
await bundle.close();
for (const name of readdirSync(join(root, "dist"))) {
  if (!name.startsWith(".new-") && name !== "types")
    rmSync(join(root, "dist", name), { recursive: true, force: true });
}
for (const name of readdirSync(fresh)) renameSync(join(fresh, name), join(root, "dist", name));
rmSync(fresh, { recursive: true, force: true });

if (types) {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
    stdio: "inherit",
    cwd: root,
  });
}
