// node bench/solve.mjs --repodata DIR [--channel NAME] [--random 300] [--json]
// Solving alone: random and hand-picked requests over a channel's repodata, against py-rattler, package by package.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine, rattlerPython, root, table } from "./lib.mjs";

const HAND_PICKED = [
  "python",
  "python numpy",
  "python numpy pandas",
  "python=3.12 numpy pandas scipy matplotlib jupyterlab",
  "python numpy pandas scipy matplotlib jupyterlab",
  "python=3.11 scikit-learn pandas matplotlib",
  "pytorch",
  "python=3.12 pytorch",
  "geopandas",
  "geopandas qgis",
  "gdal",
  "python=3.11 gdal rasterio",
  "xarray dask netcdf4",
  "r-base",
  "compilers",
  "openjdk",
  "qt6-main",
  "opencv",
  "python=3.12 opencv",
  "mpi4py",
  "hdf5 netcdf4 h5py",
  "jupyterlab ipywidgets",
  "python=3.10 numpy scipy",
  "python=3.13 pandas",
  "scikit-image matplotlib",
  "pyarrow pandas",
  "boost cmake ninja",
  "ffmpeg",
  "python=3.8 pandas",
  "python=3.12 torchvision",
];
const VIRTUAL = ["__unix=0=0", "__linux=6.1=0", "__glibc=2.36=0", "__archspec=1=x86_64"];
const REPEAT = 3;

const { values: options } = parseArgs({
  options: {
    repodata: { type: "string" },
    channel: { type: "string", default: "conda-forge" },
    random: { type: "string", default: "300" },
    json: { type: "boolean", default: false },
  },
});
if (!options.repodata)
  throw new Error("say where the repodata is: --repodata DIR (with linux-64/ and noarch/)");
const library = await import("../dist/index.js");
const subdirs = ["linux-64", "noarch"];
const { indexes, leaves } = load(options.repodata);
const requests = [
  ...HAND_PICKED.map((text) => text.split(" ")).filter((specs) =>
    specs.every((spec) => hasName(spec.split("=")[0])),
  ),
  ...randomRequests(Number(options.random)),
];

const ours = requests.map((specs) => timeOurs(specs));
const theirs = runPeer(requests);
report(requests, ours, theirs);

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

/** The same requests on every run: two to six names each. */
function randomRequests(count) {
  let state = 20240501;
  const next = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return Array.from({ length: count }, () => {
    const names = Array.from({ length: 2 + next(5) }, () => leaves[next(leaves.length)]);
    return next(2) ? ["python", ...names] : names;
  });
}

function timeOurs(specs) {
  let best = Number.POSITIVE_INFINITY;
  let result;
  for (let i = 0; i < REPEAT; i++) {
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
      }),
    );
    best = Math.min(best, performance.now() - start);
  }
  if (result.kind === "conflict") return { ms: best, error: result.message };
  return { ms: best, records: result.records.map((r) => `${r.name}-${r.version}-${r.build}`) };
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
  if (result.status !== 0) throw new Error(result.stderr);
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
      JSON.stringify({ machine: machine(), requests: list, taipan: mine, rattler: peer, differences }),
    );
    return;
  }
  console.log(`${machine()}; best of ${REPEAT}; ${list.length} requests\n`);
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
