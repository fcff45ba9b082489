// `npm test [-- FILTER ...]`: dependencies, build, then the whole suite (or the files that match).
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBuild, ensureDependencies } from "./setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
ensureDependencies();
ensureBuild();
const result = spawnSync(
  process.execPath,
  [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(result.status ?? 1);
