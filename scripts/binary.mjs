// `npm run binary`: build/taipan, one file with Node.js and everything of taipan in it. See README.md.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { writeCliBundle } from "./cli-bundle.mjs";
import { ensureDependencies } from "./setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outAt = process.argv.indexOf("--out");
const out = resolve(outAt > 0 ? process.argv[outAt + 1] : join(root, "build"));
ensureDependencies();
mkdirSync(out, { recursive: true });
const work = mkdtempSync(join(out, ".new-"));
try {
  const binary = await build();
  const name = process.platform === "win32" ? "taipan.exe" : "taipan";
  renameSync(binary, join(out, name));
  writeFileSync(join(out, `${name}.licenses.txt`), licenses());
  console.log(`${join(out, name)} (Node.js ${process.version})`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function build() {
  const bundle = join(work, "bundle");
  // An add-on cannot be loaded out of the binary. Node.js 22.15 and later have zstd themselves, older ones take the WASM decoder.
  await writeCliBundle(bundle, { root, outside: ["@toondepauw/node-zstd"] });
  const start = await startScript();
  writeFileSync(join(work, "start.cjs"), start);
  writeFileSync(join(bundle, "worker.cjs"), `globalThis.taipanTasks = true;\n${start}`);
  const assets = Object.fromEntries(filesBelow(bundle).map((id) => [id, join(bundle, id)]));
  const config = {
    main: join(work, "start.cjs"),
    output: join(work, "blob"),
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    assets,
  };
  writeFileSync(join(work, "sea.json"), JSON.stringify(config));
  execFileSync(process.execPath, ["--experimental-sea-config", join(work, "sea.json")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return inject(join(work, "blob"));
}

/** bin/binary.js and what it needs, as one file. */
async function startScript() {
  const graph = await rolldown({
    cwd: root,
    platform: "node",
    input: "bin/binary.js",
    external: /^node:/,
    logLevel: "warn",
  });
  const { output } = await graph.generate({ format: "cjs" });
  await graph.close();
  return output[0].code;
}

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(directory.length + 1)
        .replaceAll("\\", "/"),
    );
}

/** The blob goes into a copy of the Node.js that runs this, as https://nodejs.org/api/single-executable-applications.html says. */
async function inject(blob) {
  const { inject: intoExecutable } = createRequire(import.meta.url)("postject");
  const binary = join(work, "taipan");
  copyFileSync(process.execPath, binary);
  chmodSync(binary, 0o755);
  const mac = process.platform === "darwin";
  if (mac) execFileSync("codesign", ["--remove-signature", binary]);
  await intoExecutable(binary, "NODE_SEA_BLOB", readFileSync(blob), {
    sentinelFuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2",
    ...(mac ? { machoSegmentName: "NODE_SEA" } : {}),
  });
  if (mac) execFileSync("codesign", ["--sign", "-", binary]);
  return binary;
}

/** What the licences of the packages inside ask for. */
function licenses() {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const parts = [`taipan\n\n${readFileSync(join(root, "LICENSE"), "utf8")}`];
  for (const [path, { dev, version, license }] of Object.entries(packages)) {
    if (!path || dev) continue;
    let files = [];
    try {
      files = readdirSync(join(root, path)).filter((name) => /^(licen[cs]e|notice)/i.test(name));
    } catch {
      continue; // an optional package of another platform
    }
    const texts = files.map((name) => readFileSync(join(root, path, name), "utf8"));
    parts.push([`${path.replace(/^.*node_modules\//, "")} ${version} (${license})`, ...texts].join("\n\n"));
  }
  return parts.join(`\n\n${"-".repeat(80)}\n\n`);
}
