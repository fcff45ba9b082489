// node bench/solve.mjs --repodata DIR [--channel NAME] [--random 300] [--before DATE] [--json]
// Solving alone: random and hand-picked requests over a channel's repodata, and the update of a large environment, against
// py-rattler, package by package, and against @conda-org/rattler (WASM) by time.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { serveInThread } from "../scripts/serve.mjs";
import { machine, rattlerPython, rattlerWasm, root, table } from "./lib.mjs";
import { HAND_PICKED, LARGE, randomRequests } from "./solve-requests.mjs";

const VIRTUAL = ["__unix=0=0", "__linux=6.1=0", "__glibc=2.36=0", "__archspec=1=x86_64"];
const REPEAT = 3;

const { values: options } = parseArgs({
  options: {
    repodata: { type: "string" },
    channel: { type: "string", default: "conda-forge" },
    random: { type: "string", default: "300" },
    before: { type: "string", default: "2025-06-01" },
    json: { type: "boolean", default: false },
  },
});
if (!options.repodata)
  throw new Error("say where the repodata is: --repodata DIR (with linux-64/ and noarch/)");
const library = await import("../dist/index.js");
const subdirs = ["linux-64", "noarch"];
const { indexes, leaves } = load(options.repodata);
const known = (specs) => specs.filter((spec) => hasName(spec.split("=")[0]));
const picked = HAND_PICKED.map((text) => text.split(" ")).filter(
  (specs) => known(specs).length === specs.length,
);
const requests = [...picked, ...randomRequests(leaves, Number(options.random))];
const first = timeOurs(requests[4], 1);
const ours = requests.map((specs) => timeOurs(specs));
const theirs = runPeer(requests);
report(requests, ours, theirs);
reportUpdate(known(LARGE.split(" ")));
if (!options.json) await reportWasm(picked, ours);

function load(directory) {
  const dependedOn = new Map();
  const made = subdirs.map((subdir) => {
    const path = join(directory, subdir, "repodata.json");
    if (!existsSync(path)) throw new Error(`there is no ${path}`);
    const repodata = JSON.parse(readFileSync(path, "utf8"));
    const records = ["packages", "packages.conda"].flatMap((section) =>
      Object.entries(repodata[section] ?? {}).map(([fn, record]) => ({
        ...record,
        fn,
        subdir,
        channel: options.channel,
        url: `https://conda.example/${options.channel}/${subdir}/${fn}`,
      })),
    );
    for (const record of records) dependedOn.set(record.name, (dependedOn.get(record.name) ?? 0) + 1);
    return new library.MemoryIndex(options.channel, subdir, 0, records);
  });
  return { indexes: made, leaves: [...dependedOn.keys()].filter((name) => !name.startsWith("_")).sort() };
}

function hasName(name) {
  return indexes.some((index) => index.has(name));
}

function timeOurs(specs, repeat = REPEAT, change = {}) {
  let best = Number.POSITIVE_INFINITY;
  let result;
  for (let i = 0; i < repeat; i++) {
    const start = performance.now();
    result = library.solve(
      library.buildRequest({
        command: "create",
        specs: specs.map((spec) => library.parseMatchSpec(spec)),
        flags: {},
        channelPriority: "strict",
        addPip: false,
        installed: [],
        history: [],
        pins: [],
        indexes,
        virtualPackages: VIRTUAL.map((text) => {
          const [name, version, build] = text.split("=");
          return { name, version, build, build_number: 0, subdir: "noarch", depends: [] };
        }),
        platform: "linux-64",
        ...change,
      }),
    );
    best = Math.min(best, performance.now() - start);
  }
  if (result.kind === "conflict") return { ms: best, error: result.message };
  return { ms: best, records: result.records.map((r) => `${r.name}-${r.version}-${r.build}`), result };
}

/** The environment as it would have been some time ago, brought up to date; a peer without a prefix solves for the same specs anew. */
function reportUpdate(specs) {
  const old = timeOurs(specs, 1, { flags: { excludeNewer: Date.parse(options.before) } });
  if (old.error) return console.log(`no environment of ${options.before}: ${old.error}`);
  const updated = timeOurs([], REPEAT, {
    command: "update",
    flags: { updateAll: true },
    installed: old.result.records.map((record) => ({ ...record, files: [] })),
    history: specs.map((spec) => library.parseMatchSpec(spec)),
  });
  const [peer] = runPeer([specs]) ?? [];
  const changed = updated.records.filter((dist) => !old.records.includes(dist)).length;
  console.log(
    `\nupdate --all of ${old.records.length} packages: ${updated.ms.toFixed(0)} ms, ${changed} new builds, ${updated.records.length} packages after it`,
  );
  if (peer)
    console.log(
      `py-rattler, the same specs anew: ${peer.ms.toFixed(0)} ms ${peer.error ?? `(${peer.records.length} packages)`}`,
    );
}

async function reportWasm(list, mine) {
  const directory = rattlerWasm();
  if (!directory) return;
  const server = await serveInThread(options.repodata);
  const job = { subdirs, requests: list, repeat: REPEAT, trivial: ["tzdata"] };
  const result = spawnSync(
    process.execPath,
    [join(root, "bench", "peer_solve_wasm.mjs"), directory, server.url],
    { input: JSON.stringify(job), encoding: "utf8", maxBuffer: 1 << 28 },
  );
  await server.close();
  if (result.status !== 0) throw new Error(result.stderr);
  const { floor, answers } = JSON.parse(result.stdout);
  const both = list.map((_, i) => i).filter((i) => mine[i].records && answers[i].count);
  const of = (times) =>
    `median ${quantile(times, 0.5).toFixed(1)} ms, p95 ${quantile(times, 0.95).toFixed(1)} ms`;
  console.log(
    `\n@conda-org/rattler (WASM): ${both.length} of ${list.length} hand-picked requests need no virtual package and are answered by both;` +
      ` taipan ${of(both.map((i) => mine[i].ms))}; WASM ${of(both.map((i) => answers[i].ms - floor))} above the ${floor.toFixed(0)} ms that any call takes`,
  );
}

function runPeer(list) {
  const python = rattlerPython();
  if (!python) return undefined;
  const input = JSON.stringify({ subdirs, virtual: VIRTUAL, requests: list, repeat: REPEAT });
  const result = spawnSync(
    python,
    [join(root, "bench", "peer_solve.py"), options.repodata, options.channel],
    {
      input,
      encoding: "utf8",
      maxBuffer: 1 << 28,
    },
  );
  // The interpreter may crash when it exits, after everything is said.
  if (result.stdout === "") throw new Error(result.stderr);
  return JSON.parse(result.stdout);
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function report(list, mine, peer) {
  const rows = [["taipan", mine], ...(peer ? [["py-rattler", peer]] : [])].flatMap(([name, answers]) =>
    [
      ["answered", (a) => a.records],
      ["impossible", (a) => a.error],
    ].map(([what, wanted]) => {
      const times = answers.filter(wanted).map(({ ms }) => ms);
      return [
        `${name}, ${what}`,
        String(times.length),
        ...[0.5, 0.95, 1].map((q) => `${quantile(times, q).toFixed(1)} ms`),
      ];
    }),
  );
  const differences = peer ? list.map((specs, i) => compare(specs, mine[i], peer[i])).filter(Boolean) : [];
  if (options.json) {
    console.log(
      JSON.stringify({
        machine: machine(),
        requests: list,
        taipan: mine.map(({ result, ...rest }) => rest),
        rattler: peer,
        differences,
      }),
    );
    return;
  }
  console.log(
    `${machine()}; best of ${REPEAT}; ${list.length} requests; first solve of the process ${first.ms.toFixed(0)} ms\n`,
  );
  console.log(table(["", "requests", "median", "p95", "worst"], rows));
  if (!peer) return;
  const verdicts = new Map();
  for (const { verdict } of differences) verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  console.log(
    `\nsame answer: ${list.length - differences.length}; different: ${[...verdicts].map(([k, n]) => `${n} ${k}`).join(", ")}`,
  );
  for (const { specs, verdict, detail } of differences
    .filter((d) => d.verdict !== "requested newer")
    .slice(0, 40)) {
    console.log(`- ${specs.join(" ")}: ${verdict}${detail ? ` (${detail})` : ""}`);
  }
}

/** Why two answers differ: in what was requested, in how many packages, or in dependencies only. */
function compare(specs, mine, theirs) {
  if (!mine.records !== !theirs.records)
    return { specs, verdict: mine.records ? "only taipan answers" : "ONLY THE PEER ANSWERS", detail: "" };
  if (!mine.records) return undefined;
  const [left, right] = [byName(mine.records), byName(theirs.records)];
  const names = specs.map((spec) => spec.split("=")[0]);
  let newer = 0;
  let older = 0;
  let first = 0;
  for (const name of names) {
    const order = library.compareVersions(left.get(name).version, right.get(name).version);
    first ||= order;
    if (order > 0) newer++;
    if (order < 0) older++;
  }
  const count = `${left.size} against ${right.size} packages`;
  if (first > 0 && older === 0) return { specs, verdict: "requested newer", detail: count };
  if (first > 0)
    return {
      specs,
      verdict: "first requested newer, others older",
      detail: `${newer} newer, ${older} older`,
    };
  if (first < 0)
    return {
      specs,
      verdict: "REQUESTED OLDER",
      detail: names.map((n) => `${n} ${left.get(n).version}/${right.get(n).version}`).join(" "),
    };
  const changed = [...left].filter(([name, r]) => right.has(name) && right.get(name).dist !== r.dist);
  let balance = 0;
  for (const [name, r] of changed) balance += library.compareVersions(r.version, right.get(name).version);
  if (changed.length === 0 && left.size === right.size) return undefined;
  const detail = `${count}; ${changed
    .map(([name, r]) => `${r.dist}/${right.get(name).dist}`)
    .slice(0, 5)
    .join(" ")}`;
  if (balance > 0) return { specs, verdict: "dependencies newer", detail };
  if (balance < 0) return { specs, verdict: "DEPENDENCIES OLDER", detail };
  if (left.size !== right.size)
    return { specs, verdict: left.size < right.size ? "fewer packages" : "MORE PACKAGES", detail };
  return { specs, verdict: "other builds", detail };
}

function byName(dists) {
  return new Map(
    dists.map((dist) => {
      const [, name, version] = /^(.*)-([^-]+)-([^-]+)$/.exec(dist);
      return [name, { version, dist }];
    }),
  );
}
