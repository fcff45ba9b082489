// node bench/solve-hard.mjs [--timeout SECONDS] [--only TEXT]
// Worlds made to be hard, each solved once in process, with explanation, against py-rattler: the answer and the time of either.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine, rattlerPython, root, scratch, table } from "./lib.mjs";
import { WORLDS } from "./solve-worlds.mjs";

const { values: options } = parseArgs({
  options: { timeout: { type: "string", default: "60" }, only: { type: "string", default: "" } },
});
const library = await import("../dist/index.js");
const python = rattlerPython();
const directory = scratch(1e8);
const rows = [];
for (const [name, make] of WORLDS.filter(([name]) => name.includes(options.only))) {
  const world = make();
  rows.push([name, ...ours(world), ...theirs(world)]);
}
rmSync(directory, { recursive: true });
console.log(`${machine()}; Node ${process.versions.node}\n`);
console.log(table(["world", "taipan", "processor", "conflicts", "py-rattler", "wall"], rows));

function ours({ records, specs }) {
  const located = records.map((r) => ({
    ...r,
    channel: "ch",
    url: `https://conda.example/ch/${r.subdir}/${r.fn}`,
  }));
  const request = library.buildRequest({
    command: "create",
    specs: specs.map((spec) => library.parseMatchSpec(spec)),
    flags: { timeout: Number(options.timeout) * 1000 },
    channelPriority: "strict",
    addPip: false,
    installed: [],
    history: [],
    pins: [],
    indexes: [new library.MemoryIndex("ch", "linux-64", 0, located)],
    virtualPackages: [],
    platform: "linux-64",
  });
  const start = process.cpuUsage();
  let answer = "no answer in time";
  let conflicts = "";
  try {
    const result = library.solve(request);
    answer = result.kind === "solution" ? `${result.records.length} packages` : "impossible";
    conflicts = String(result.stats.conflicts);
  } catch (error) {
    if (error.code !== "solver-timeout") throw error;
  }
  const { user, system } = process.cpuUsage(start);
  return [answer, `${((user + system) / 1000).toFixed(0)} ms`, conflicts];
}

function theirs({ records, specs }) {
  if (!python) return ["", ""];
  const subdir = join(directory, "linux-64");
  mkdirSync(subdir, { recursive: true });
  const hashes = { size: 1, md5: "0".repeat(32), sha256: "0".repeat(64) };
  const packages = Object.fromEntries(records.map((record) => [record.fn, { ...record, ...hashes }]));
  const repodata = { info: { subdir: "linux-64" }, packages: {}, "packages.conda": packages };
  writeFileSync(join(subdir, "repodata.json"), JSON.stringify(repodata));
  const timeout = Number(options.timeout);
  const job = { subdirs: ["linux-64"], virtual: [], requests: [specs], repeat: 1, timeout };
  const result = spawnSync(python, [join(root, "bench", "peer_solve.py"), directory, "ch"], {
    input: JSON.stringify(job),
    encoding: "utf8",
    timeout: timeout * 2000,
    maxBuffer: 1 << 28,
  });
  if (!result.stdout) return ["no answer in time", ""];
  const [{ ms, records: found, error }] = JSON.parse(result.stdout);
  const answer = found
    ? `${found.length} packages`
    : /cancel/i.test(error)
      ? "no answer in time"
      : "impossible";
  return [answer, `${ms.toFixed(0)} ms`];
}
