// `npm run bench [-- --channel URL --request "SPEC ..." --repeat N --no-pyc]`: whole commands, against every peer found.
// See bench/README.md for how to read the table.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { serveInThread } from "../scripts/serve.mjs";
import { ensureBuild, ensureDependencies } from "../scripts/setup.mjs";
import {
  ltsNode,
  machine,
  median,
  micromamba,
  rattlerPython,
  root,
  scratch,
  table,
  timed,
  workRoot,
} from "./lib.mjs";

const { values: options } = parseArgs({
  options: {
    channel: { type: "string" },
    request: { type: "string" },
    repeat: { type: "string", default: "5" },
    "no-pyc": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
ensureDependencies();
ensureBuild();
mkdirSync(workRoot, { recursive: true });

const server = options.channel ? undefined : await ownChannel();
const channel = options.channel ?? server.url;
const request = (options.request ?? server?.request ?? "").split(/\s+/).filter(Boolean);
if (request.length === 0) throw new Error("with --channel, name what to install: --request 'python numpy'");

const dir = scratch();
const pyc = options["no-pyc"] ? ["--no-pyc"] : [];
const taipan = join(root, "bin", "taipan.js");
const lts = ltsNode();
const python = rattlerPython();
const peers = [
  mambaPeer(`taipan, Node ${process.version}`, process.execPath, [taipan]),
  ...(lts ? [mambaPeer(`taipan, Node ${lts.version}`, lts.path, [taipan])] : []),
  ...(micromamba() ? [mambaPeer(`micromamba ${micromamba()}`, "micromamba")] : []),
  ...(python ? [rattlerPeer(python)] : []),
];
const cases = ["cold create", "warm create", "no-op"];
const samples = new Map(peers.map((peer) => [peer.name, new Map(cases.map((name) => [name, []]))]));
const memory = new Map(peers.map((peer) => [peer.name, 0]));

for (let round = 0; round < Number(options.repeat); round++) {
  for (const name of cases) {
    for (const peer of peers) {
      peer.prepare(name);
      const result = peer.run(name);
      if (result.status !== 0) {
        console.error(`${peer.name}: ${name} failed\n${result.stderr}`);
        process.exitCode = 1;
      }
      samples.get(peer.name).get(name).push(result.seconds);
      memory.set(peer.name, Math.max(memory.get(peer.name), result.maxRssMb));
    }
  }
}

const base = samples.get(peers[0].name);
const rows = peers.map((peer) => {
  const mine = samples.get(peer.name);
  return [
    peer.name,
    ...cases.map(
      (name) =>
        `${median(mine.get(name)).toFixed(2)} s (${(median(mine.get(name)) / median(base.get(name))).toFixed(2)}x)`,
    ),
    Number.isNaN(memory.get(peer.name)) ? "?" : `${Math.round(memory.get(peer.name))} MB`,
  ];
});
if (options.json)
  console.log(
    JSON.stringify({
      machine: machine(),
      date: new Date().toISOString().slice(0, 10),
      medians: Object.fromEntries(
        [...samples].map(([name, by]) => [
          name,
          Object.fromEntries([...by].map(([c, list]) => [c, median(list)])),
        ]),
      ),
    }),
  );
else {
  console.log(
    `\n${machine()}; ${options.repeat} rounds, interleaved, medians; scratch ${dir.startsWith("/dev/shm") ? "on tmpfs" : "on disk"}; request: ${request.join(" ")}\n`,
  );
  console.log(table(["", ...cases, "peak memory"], rows));
  console.log(
    "\nRatios are to the first row; below 1x is faster than it. py-rattler compiles no .pyc: compare with --no-pyc.",
  );
}
rmSync(dir, { recursive: true, force: true });
await server?.close();

/** A program with micromamba's command line: `command` and its first arguments. */
function mambaPeer(name, command, first = []) {
  const home = join(dir, name.replace(/\W+/g, "-"));
  const env = {
    ...process.env,
    HOME: home,
    MAMBA_ROOT_PREFIX: join(home, "root"),
    CONDA_PREFIX: "",
    CONDA_PKGS_DIRS: "",
  };
  const prefix = ["-p", join(home, "env")];
  const rest = ["--no-rc", "--override-channels", "-c", channel, "-y", "-q", ...pyc, ...request];
  return {
    name,
    prepare: (what) => clear(home, what),
    run: (what) =>
      timed(command, [...first, what === "no-op" ? "install" : "create", ...prefix, ...rest], { env }),
  };
}

function rattlerPeer(interpreter) {
  const home = join(dir, "rattler");
  const args = [
    join(root, "bench", "peer_rattler.py"),
    channel,
    join(home, "env"),
    join(home, "root"),
    ...request,
  ];
  return {
    name: "py-rattler (no .pyc)",
    prepare: (what) => clear(home, what),
    run: () => timed(interpreter, args, { env: { ...process.env, HOME: home } }),
  };
}

/** Cold: nothing there. Warm: the package cache is there, the environment is not. No-op: both are. */
function clear(home, what) {
  if (what !== "no-op") rmSync(join(home, "env"), { recursive: true, force: true });
  if (what === "cold create") rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
}

/** A channel of the packages in node_modules and the Node.js at hand: some 100 real packages, made once. */
async function ownChannel() {
  const directory = join(workRoot, "channel");
  if (!existsSync(join(directory, "noarch", "repodata.json"))) {
    console.error("making the benchmark channel ...");
    const { writeNodeModulesChannel } = await import("../dist/fixtures.js");
    await writeNodeModulesChannel(directory, join(root, "node_modules"));
  }
  return { ...(await serveInThread(directory)), request: "everything" };
}
