// Makes a checkout ready: installs dependencies when they are missing or older than the lockfile, and with --build
// bundles when a source is newer than dist/. Needs only Node.js and npm.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const mtime = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

export function ensureDependencies() {
  // A linked node_modules belongs to another checkout; `npm ci` would empty it.
  if (lstatSync(join(root, "node_modules"), { throwIfNoEntry: false })?.isSymbolicLink()) return false;
  const stamp = join(root, "node_modules", ".taipan-installed");
  if (mtime(stamp) > mtime(join(root, "package-lock.json"))) return false;
  process.stderr.write("installing dependencies (npm ci) ...\n");
  // On Windows npm is a .cmd file, which needs a shell; the arguments are constants.
  const { status, error } = spawnSync(
    "npm",
    ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", process.stderr, process.stderr],
      shell: process.platform === "win32",
    },
  );
  if (status !== 0) {
    process.stderr.write(
      `error: \`npm ci\` failed${error ? `: ${error.message}` : ""}\nhint: it needs the npm registry, or npm's cache of it\n`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, "");
  return true;
}

function newest(dir) {
  let time = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    time = Math.max(time, entry.isDirectory() ? newest(path) : mtime(path));
  }
  return time;
}

/** Builds dist/ when something it is made of changed; returns whether it did. */
export function ensureBuild() {
  const built = mtime(join(root, "dist", "cli", "main.cjs"));
  const sources = Math.max(
    ...["src", "solver", "fixtures", "action"].map((dir) => newest(join(root, dir))),
    mtime(join(root, "package.json")),
    mtime(join(root, "scripts", "build.mjs")),
    mtime(join(root, "scripts", "cli-bundle.mjs")),
  );
  if (built > sources) return false;
  process.stderr.write("building ...\n");
  execFileSync(process.execPath, [join(root, "scripts", "build.mjs"), "--no-types"], {
    cwd: root,
    stdio: ["ignore", process.stderr, process.stderr],
  });
  return true;
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  ensureDependencies();
  if (process.argv.includes("--build")) ensureBuild();
}
