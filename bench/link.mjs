// `node bench/link.mjs --channel URL --request "python numpy ..." [--extra SPEC] [--repeat N] [--on DIR] [--cases REGEX] [--json]`: linking
// with a warm package cache, against every peer found. `--extra` is added and removed: nothing else may need it. See bench/README.md.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { machine, median, micromamba, rattlerPython, root, scratch, table, timed } from "./lib.mjs";

const { values: options } = parseArgs({
  options: {
    channel: { type: "string" },
    request: { type: "string" },
    extra: { type: "string" },
    repeat: { type: "string", default: "5" },
    on: { type: "string" },
    cases: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});
const specs = (options.request ?? "").split(/\s+/).filter(Boolean);
if (!options.channel || specs.length === 0)
  throw new Error("name a channel and what to install: --channel URL --request 'python=3.12 numpy'");
/** The package that is added to the environment and removed again. */
const extra = options.extra ?? specs.at(-1);
const base = specs.filter((spec) => spec !== extra);
const dir = options.on ? mkdtempSync(join(resolve(options.on), "taipan-bench-")) : scratch();

/** Every case in the order of a round: each leaves what the next one needs. */
const CASES = [
  { name: "create, no .pyc", verb: "create", pyc: false, fresh: true },
  { name: "create, .pyc of the cache", verb: "create", pyc: true, fresh: true },
  { name: "create, .pyc compiled", verb: "create", pyc: true, fresh: true, forget: true },
  { name: "no-op", verb: "install", pyc: true },
  { name: "add one package", verb: "install", pyc: true, more: true },
  { name: "remove one package", verb: "remove", pyc: true },
  { name: "remove the environment", verb: "env remove", pyc: true },
].filter(({ name }) => name === "create, .pyc of the cache" || new RegExp(options.cases).test(name));

const python = rattlerPython();
const peers = [
  cliPeer("taipan", [process.execPath, join(root, "bin", "taipan.js")]),
  ...(micromamba() ? [cliPeer(`micromamba ${micromamba()}`, ["micromamba"])] : []),
  ...(python ? [rattlerPeer(python)] : []),
];
const samples = new Map(peers.map((peer) => [peer.name, new Map(CASES.map(({ name }) => [name, []]))]));
const compileall = [];

// Fills the caches, that of byte code too: with the package that is added later.
for (const peer of peers) {
  const all = { ...CASES.find(({ name }) => name === "create, .pyc of the cache"), more: true };
  mustWork(peer, all, peer.run(all));
}
for (let round = 0; round < Number(options.repeat); round++) {
  for (const step of CASES) {
    for (const peer of peers) {
      if (!peer.does(step)) continue;
      if (step.fresh) rmSync(peer.prefix, { recursive: true, force: true });
      if (step.forget) rmSync(join(peer.home, "root", "pkgs", ".pyc"), { recursive: true, force: true });
      const before = packagesIn(peer.prefix);
      const result = mustWork(peer, step, peer.run(step));
      const changed = packagesIn(peer.prefix) - before;
      if (/one package/.test(step.name) && changed === 0)
        throw new Error(`${peer.name}: "${step.name}" changed nothing: something else needs ${extra}`);
      samples.get(peer.name).get(step.name).push(result);
    }
    if (step.name === "create, no .pyc" && CASES.some(({ forget }) => forget))
      compileWithPython(peers[0].prefix);
  }
}
report();
rmSync(dir, { recursive: true, force: true });

function packagesIn(prefix) {
  const meta = join(prefix, "conda-meta");
  return existsSync(meta) ? readdirSync(meta).filter((name) => name.endsWith(".json")).length : 0;
}

function mustWork(peer, step, result) {
  if (result.status === 0) return result;
  rmSync(dir, { recursive: true, force: true });
  throw new Error(`${peer.name}: ${step.name} failed\n${result.stderr}${result.stdout}`);
}

function cliPeer(name, command) {
  const home = join(dir, name.replace(/\W+/g, "-"));
  const prefix = join(home, "env");
  mkdirSync(home, { recursive: true });
  const env = { ...process.env, HOME: home, MAMBA_ROOT_PREFIX: join(home, "root"), CONDA_PREFIX: "" };
  delete env.CONDA_PKGS_DIRS;
  const channels = ["--override-channels", "-c", options.channel];
  return {
    name,
    home,
    prefix,
    does: ({ forget }) => !forget || name === "taipan",
    run: (step) => {
      const wanted = step.more
        ? step.verb === "create"
          ? specs
          : [extra]
        : step.verb === "remove"
          ? [nameOf(extra)]
          : base;
      const args = [...command.slice(1), ...step.verb.split(" "), "-p", prefix, "--no-rc", "-y", "-q"];
      if (step.verb !== "remove" && step.verb !== "env remove")
        args.push(...channels, ...(step.pyc ? [] : ["--no-pyc"]));
      if (step.verb !== "env remove") args.push(...wanted);
      return timed(command[0], args, { env, cwd: home });
    },
  };
}

/** Has no .pyc files and no command that removes an environment. */
function rattlerPeer(interpreter) {
  const home = join(dir, "rattler");
  const prefix = join(home, "env");
  mkdirSync(home, { recursive: true });
  return {
    name: "py-rattler (no .pyc)",
    home,
    prefix,
    does: ({ pyc, fresh, verb }) => (!pyc || !fresh) && verb !== "env remove",
    run: (step) =>
      timed(
        interpreter,
        [
          join(root, "bench", "peer_link.py"),
          options.channel,
          prefix,
          join(home, "root"),
          ...(step.more ? specs : base),
        ],
        { env: { ...process.env, HOME: home } },
      ),
  };
}

function nameOf(spec) {
  return /^[\w.-]+/.exec(spec)[0];
}

/** What compiling costs when nothing else is done: `python -m compileall` over the same files. */
function compileWithPython(prefix) {
  const interpreter = join(prefix, "bin", "python");
  if (!existsSync(interpreter)) return;
  const site = execFileSync(interpreter, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], {
    encoding: "utf8",
  });
  // Most packages have some file that no interpreter compiles: the exit code says nothing.
  compileall.push(
    timed(interpreter, ["-m", "compileall", "-q", "-j", "0", site.trim()], {
      stdio: ["ignore", "ignore", "pipe"],
    }),
  );
}

function report() {
  const of = (list, key) => median(list.map((result) => result[key]));
  if (options.json) {
    const medians = [...samples].map(([name, by]) => [
      name,
      Object.fromEntries(
        [...by]
          .filter(([, list]) => list.length)
          .map(([step, list]) => [
            step,
            { wall: of(list, "seconds"), cpu: of(list, "cpuSeconds"), mb: of(list, "maxRssMb") },
          ]),
      ),
    ]);
    console.log(
      JSON.stringify({
        machine: machine(),
        date: new Date().toISOString().slice(0, 10),
        medians: Object.fromEntries(medians),
      }),
    );
    return;
  }
  const where = dir.startsWith("/dev/shm") ? "tmpfs" : "disk";
  console.log(
    `\n${machine()}; ${options.repeat} rounds, interleaved, medians; on ${where}; request: ${specs.join(" ")}; added and removed: ${extra}\n`,
  );
  const cell = (list) =>
    list.length === 0 ? "-" : `${of(list, "seconds").toFixed(2)} s, ${of(list, "cpuSeconds").toFixed(2)} s`;
  console.log(
    table(
      ["wall, processor time", ...peers.map(({ name }) => name)],
      CASES.map(({ name }) => [name, ...peers.map((peer) => cell(samples.get(peer.name).get(name)))]),
    ),
  );
  const memory = peers.map((peer) => {
    const all = [...samples.get(peer.name).values()].flat().map(({ maxRssMb }) => maxRssMb);
    return `${peer.name} ${Math.round(Math.max(...all))} MB`;
  });
  console.log(`\nPeak memory: ${memory.join(", ")}.`);
  if (compileall.length > 0)
    console.log(
      `\`python -m compileall -j 0\` over the same site-packages: ${cell(compileall)}. It has no links to make.`,
    );
}
