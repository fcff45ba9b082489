// Whole `create --dry-run` commands on a channel of conda-forge's size, against py-rattler (and micromamba where it is).
// node bench/repodata/run.mjs CHANNEL_DIR [--rounds N] [--python PYTHON] [--latency MS] [--cases flat,shards]
// CHANNEL_DIR has linux-64/ and noarch/ with repodata.json.zst; SHARDS_DIR (default: the same) the sharded form (shard.mjs).
// Build first: npm run build. The rounds of all tools are interleaved, so that a busy moment of the machine hits everyone.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ltsNode, machine, median, micromamba, rattlerPython, root, scratch, table, timed } from "../lib.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    python: { type: "string" },
    latency: { type: "string", default: "20" },
    shards: { type: "string" },
    cases: { type: "string", default: "flat,shards" },
  },
});
const [channel] = positionals;
if (!channel) throw new Error("name a channel directory");
const specs = ["python", "numpy", "pandas"];
const work = scratch();
const python = values.python ?? rattlerPython();
const lts = ltsNode();
const mamba = micromamba() ? "micromamba" : undefined;

const createOf = (program, cache, url) => [
  ...[...program, "create", "--dry-run", "-q", "--no-rc", "-r", cache, "-n", "bench", "--override-channels"],
  ...["-c", url, "--platform", "linux-64", ...specs],
];
const taipan = (node) => (cache, url) => createOf([node, join(root, "bin/taipan.js")], cache, url);

/** Command line of a tool, by cache directory, channel URL and whether shards are to be used. */
const tools = { [`taipan, Node ${process.versions.node}`]: taipan(process.execPath) };
if (lts) tools[`taipan, Node ${lts.version.slice(1)}`] = taipan(lts.path);
if (python)
  tools["py-rattler"] = (cache, url, shards) => [
    ...[python, join(root, "bench/repodata/peer.py"), url, cache, shards ? "yes" : "no", ...specs],
  ];
if (mamba) tools.micromamba = (cache, url) => createOf([mamba], cache, url);

const shardsDirectory = values.shards ?? channel;
const cases = [
  { kind: "flat", shards: false, directory: channel, hidden: "shards", latency: 0 },
  {
    kind: "shards",
    shards: true,
    directory: shardsDirectory,
    hidden: "repodata[.]json",
    latency: Number(values.latency),
  },
];

async function serve({ directory, latency, hidden }) {
  const script = join(root, "bench/repodata/serve.mjs");
  const child = spawn(process.execPath, [script, directory, String(latency), hidden], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [port] = await once(child.stdout, "data");
  return { url: `http://127.0.0.1:${String(port).trim()}`, child };
}

async function measure(bench) {
  const { url, child } = await serve(bench);
  const runs = new Map();
  const note = (tool, step, run) => {
    if (run.status !== 0) throw new Error(`${tool}: ${run.stderr || run.stdout}`);
    const key = `${tool}\n${step}`;
    runs.set(key, [...(runs.get(key) ?? []), run]);
  };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [tool, commandLine] of Object.entries(tools)) {
      const cache = join(work, `${tool.replace(/\W+/g, "-")}-${bench.kind}`);
      rmSync(cache, { recursive: true, force: true });
      const [file, ...args] = commandLine(cache, url, bench.shards);
      for (const step of ["cold", "warm"]) note(tool, step, timed(file, args));
    }
  }
  child.kill();
  return ["cold", "warm"].flatMap((step) => rowsOf(bench, step, runs));
}

function rowsOf(bench, step, runs) {
  const reference = runs.get(`py-rattler\n${step}`);
  return Object.keys(tools).map((tool) => {
    const list = runs.get(`${tool}\n${step}`);
    const of = (key, from = list) => median(from.map((run) => run[key]));
    const ratio = (key) => (reference ? (of(key) / of(key, reference)).toFixed(2) : "");
    const best = Math.min(...list.map((run) => run.seconds)).toFixed(2);
    return [
      ...[`${bench.kind}, ${step}`, tool, `${of("seconds").toFixed(2)} s`, `${best} s`, ratio("seconds")],
      ...[`${of("cpuSeconds").toFixed(2)} s`, ratio("cpuSeconds"), `${Math.round(of("maxRssMb"))} MB`],
    ];
  });
}

try {
  console.log(
    `${machine()}; median of ${values.rounds} rounds; load at the start ${loadavg()[0].toFixed(1)}`,
  );
  const rows = [];
  for (const bench of cases) {
    if (!values.cases.split(",").includes(bench.kind)) continue;
    if (bench.shards && !existsSync(join(bench.directory, "noarch/repodata_shards.msgpack.zst"))) continue;
    rows.push(...(await measure(bench)));
  }
  console.log(
    table(
      ["case", "tool", "wall", "best wall", "× py-rattler", "processor", "× py-rattler", "peak memory"],
      rows,
    ),
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
