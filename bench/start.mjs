// `node bench/start.mjs [--repeat N] [--binary PATH]`: processor time of short commands, and of Node.js doing nothing.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureBuild, ensureDependencies } from "../scripts/setup.mjs";
import { ltsNode, machine, median, root, scratch, table, workRoot } from "./lib.mjs";

const { values: options } = parseArgs({
  options: {
    repeat: { type: "string", default: "30" },
    binary: { type: "string" },
    channel: { type: "string" },
    request: { type: "string", default: "" },
  },
});
ensureDependencies();
ensureBuild();
mkdirSync(workRoot, { recursive: true });

const dir = scratch();
const env = { PATH: process.env["PATH"], HOME: dir, MAMBA_ROOT_PREFIX: join(dir, "root") };
const script = join(root, "bin", "taipan.js");
const prefix = join(dir, "env");
const lts = ltsNode();
const programs = [
  [`Node ${process.version}`, process.execPath, [script]],
  ...(lts ? [[`Node ${lts.version}`, lts.path, [script]]] : []),
  ...(options.binary ? [["binary", options.binary, []]] : []),
];
const change = [
  "--no-rc",
  "--override-channels",
  "-c",
  options.channel ?? "",
  "-y",
  "-q",
  "--no-pyc",
  ...options.request.split(/\s+/).filter(Boolean),
];
const cases = [
  ["nothing", undefined],
  ["--version", ["--version"]],
  ["--help", ["--help"]],
  ["env list", ["env", "list"]],
  ["info", ["info"]],
  ["shell activate", ["shell", "activate", "-s", "bash", prefix]],
  ["run true", ["run", "-p", prefix, "true"]],
  ["list", ["list", "-p", prefix]],
  ...(options.channel ? [["no-op install", ["install", "-p", prefix, ...change]]] : []),
];

run(programs[0], ["create", "-p", prefix, ...(options.channel ? change : ["-y", "-q"])]);
const samples = new Map();
for (let round = -2; round < Number(options.repeat); round++) {
  for (const program of programs) {
    for (const [name, args] of cases) {
      if (!args && program[2].length === 0) continue;
      const result = run(program, args);
      const key = `${program[0]} ${name}`;
      // Two rounds fill the caches.
      if (round >= 0) samples.set(key, [...(samples.get(key) ?? []), result]);
    }
  }
}
rmSync(dir, { recursive: true, force: true });

const ms = (seconds) => `${Math.round(seconds * 1000)}`;
const rows = cases.map(([name]) => [
  name,
  ...programs.map(([program]) => {
    const list = samples.get(`${program} ${name}`);
    return list
      ? `${ms(median(list.map((r) => r.cpuSeconds)))}, ${ms(median(list.map((r) => r.seconds)))}`
      : "-";
  }),
]);
console.log(
  `\n${machine()}; ${options.repeat} rounds, interleaved; median processor time, median wall time, in ms\n`,
);
console.log(table(["", ...programs.map(([name]) => name)], rows));

/** bash counts in milliseconds, GNU time cuts to hundredths of a second. */
function run([, command, first], args) {
  const words = args ? [...first, ...args] : ["-e", "0"];
  const started = performance.now();
  const script = 'TIMEFORMAT="%3U %3S"; time "$@"';
  const { status, stderr } = spawnSync("bash", ["-c", script, "bash", command, ...words], {
    env,
    encoding: "utf8",
  });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  const [user, system] = stderr.trimEnd().split("\n").at(-1).split(" ").map(Number);
  return { seconds, cpuSeconds: user + system };
}
