// The one gate: format, lint, types, layers, tests, build. `--skip a,b` leaves steps out that were just run.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureDependencies } from "./setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
ensureDependencies();
const bin = (...parts) => join(root, "node_modules", ...parts);
const steps = {
  format: [bin("@biomejs", "biome", "bin", "biome"), "format", "."],
  lint: [bin("@biomejs", "biome", "bin", "biome"), "lint", "--error-on-warnings", "."],
  types: [bin("typescript", "bin", "tsc"), "-p", "tsconfig.json", "--noEmit"],
  layers: [join(root, "scripts", "check-layers.mjs")],
  build: [join(root, "scripts", "build.mjs")],
  test: [join(root, "scripts", "test.mjs")],
};
const at = process.argv.indexOf("--skip");
const skip = new Set(at > 0 ? (process.argv[at + 1] ?? "").split(",") : []);
const failed = [];
for (const [name, args] of Object.entries(steps)) {
  if (skip.has(name)) continue;
  const started = Date.now();
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (status !== 0) failed.push(name);
}
console.log(failed.length ? `check: failed: ${failed.join(", ")}` : "check: all good");
process.exit(failed.length ? 1 : 0);
