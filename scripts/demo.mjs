// `npm run demo`: from a fresh clone to a program that runs out of a conda environment, with Node.js and npm only.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { serveInThread } from "./serve.mjs";
import { ensureBuild, ensureDependencies } from "./setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const home = join(root, ".demo");
const say = (text) => process.stdout.write(`${text}\n`);

ensureDependencies();
ensureBuild();

const channels = join(home, "channels");
const channel = join(channels, "demo-channel");
if (!existsSync(join(channel, "noarch", "repodata.json"))) {
  say("making the demo channel: this Node.js and some packages of node_modules ...");
  const { writeDemoChannel } = await import("../dist/fixtures.js");
  const packages = await writeDemoChannel(channel, join(root, "package.json"));
  say(`  ${packages.map((built) => built.fn).join("\n  ")}`);
}

// The server has a thread of its own, since the commands below are waited for.
const server = await serveInThread(channels);
say(`\nserving it at ${server.url}`);

const taipan = join(root, "bin", "taipan.js");
const env = { ...process.env, MAMBA_ROOT_PREFIX: join(home, "root"), HOME: home, USERPROFILE: home };
for (const name of ["CONDA_PREFIX", "CONDA_PKGS_DIRS", "CONDA_ENVS_PATH", "CONDARC", "MAMBARC"])
  delete env[name];
rmSync(join(home, "root"), { recursive: true, force: true });
let failed = false;

function run(...args) {
  say(`\n$ taipan ${args.join(" ")}`);
  const { status } = spawnSync(process.execPath, [taipan, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    env,
    cwd: root,
  });
  if (status !== 0) failed = true;
}

const file = relative(root, join(root, "fixtures", "demo", "environment.yml"));
run("env", "create", "-f", file, "--override-channels", "--channel-alias", server.url, "--yes");
run("run", "-n", "demo", "hello-taipan");
run("run", "-n", "demo", "semver", "1.2.3", "-i", "minor");
run("list", "-n", "demo");
await server.close();

if (failed) {
  process.stderr.write("\nthe demo failed: see above\n");
  process.exit(1);
}
say(`
What to try next:
  node bin/taipan.js --help
  node bin/taipan.js create -n sci -c conda-forge python=3.12 numpy      a real environment from conda-forge
  node bin/taipan.js env create -f environment.yml                       one of yours
  npm test                                                               the test suite`);
