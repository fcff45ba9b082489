// Fails when a module imports from a layer to its right, from a sibling layer, or opens a door that belongs to one folder.
// The order is the architecture: see docs/architecture.md.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const order = [
  ["util", "errors"],
  ["specs"],
  ["plan", "solve"],
  ["events"],
  ["fs"],
  ["host", "archive"],
  ["net", "config"],
  ["workers"],
  ["repodata", "cache", "prefix", "shell"],
  ["commands"],
  ["cli", "index", "worker"],
];
const rank = new Map(order.flatMap((names, i) => names.map((n) => [n, i])));
const doors = [
  [/^(node:)?fs(\/promises)?$/, ["fs"]],
  [/^(node:(http|https|http2|net|tls|dgram|dns)|undici)(\/.*)?$/, ["net"]],
  [/^node:worker_threads$/, ["workers", "worker"]],
  [/^node:child_process$/, ["host"]],
];

function* sources(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.ts$/.test(entry.name)) yield path;
  }
}

const layerOf = (path) => relative(join(root, "src"), path).split(sep)[0].replace(/\.ts$/, "");
const problems = [];
for (const file of [...sources(join(root, "src")), ...sources(join(root, "solver"))]) {
  const inSolver = file.startsWith(join(root, "solver") + sep);
  const layer = inSolver ? "solver" : layerOf(file);
  const shown = relative(root, file);
  if (!inSolver && !rank.has(layer)) problems.push(`${shown}: \`${layer}\` is no known layer`);
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  for (const [, target] of text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"]+)"/g)) {
    if (target.startsWith(".")) {
      const to = join(dirname(file), target);
      const toSolver = to.startsWith(join(root, "solver") + sep);
      if (inSolver && !toSolver) problems.push(`${shown}: solver/ imports ${target}`);
      else if (!inSolver && toSolver && layer !== "solve")
        problems.push(`${shown}: only src/solve may import solver/`);
      else if (!inSolver && !toSolver) {
        const other = layerOf(to);
        if (other !== layer && (rank.get(other) ?? 99) >= rank.get(layer))
          problems.push(`${shown}: layer \`${layer}\` may not import \`${other}\``);
      }
    } else {
      if (inSolver) problems.push(`${shown}: solver/ imports ${target}`);
      for (const [door, layers] of doors)
        if (door.test(target) && !layers.includes(layer))
          problems.push(`${shown}: ${target} belongs to ${layers.join(", ")}`);
    }
  }
  if (/\bprocess\.env\b/.test(text) && !["config", "cli"].includes(layer))
    problems.push(`${shown}: process.env belongs to config`);
  if (/\bconsole\.\w/.test(text) && layer !== "cli") problems.push(`${shown}: the console belongs to cli`);
  if (/\bmkdir(Sync)?\([^;]*?\brecursive\b/.test(text))
    problems.push(`${shown}: mkdir's \`recursive\` may never end; makeDirectory of src/fs/tree.ts does`);
  const lines = text.split("\n").length;
  if (lines > 500) problems.push(`${shown}: ${lines} lines; past 500 a file wants to be two`);
}
for (const problem of problems) console.error(problem);
console.log(problems.length ? `${problems.length} layer problems` : "layers: ok");
process.exit(problems.length ? 1 : 0);
