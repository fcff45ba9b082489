import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "./cli.ts";
import { FIXED_ENV } from "./cli-world.ts";
import { repoRoot } from "./shared.ts";

/**
 * A virtual environment with the named programs from the Python registry, made once for a list and kept in
 * node_modules/.cache. Undefined, after saying so, where python or the registry is not there.
 */
export function pythonPrograms(...packages: string[]): string | undefined {
  // A virtual environment holds its own path: behind a link, or after its directory was moved, it is made anew.
  const modules = realpathSync(join(repoRoot, "node_modules"));
  const directory = join(modules, ".cache", `venv-${packages.join("-").replace(/[^\w.-]/g, "_")}`);
  const done = join(directory, "complete");
  if (existsSync(done) && readFileSync(done, "utf8") === directory) return join(directory, "bin");
  try {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const quiet = { stdio: "ignore", timeout: 240_000 } as const;
    execFileSync("python3", ["-m", "venv", directory], quiet);
    execFileSync(join(directory, "bin", "pip"), ["install", "--quiet", ...packages], quiet);
    writeFileSync(done, directory);
    return join(directory, "bin");
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    process.stderr.write(`skipped: pip cannot install ${packages.join(", ")}: ${(error as Error).message}\n`);
    return undefined;
  }
}

/** Puts the executable on a PATH of its own under the names that the clients call. */
export function namedExecutables(sandbox: Sandbox): string {
  const bin = join(sandbox.dir, "bin");
  mkdirSync(bin);
  for (const name of ["conda", "mamba", "micromamba"])
    symlinkSync(join(repoRoot, "bin", "taipan.js"), join(bin, name));
  return bin;
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a client with the executables first on PATH, in the sandbox's home, without a terminal. */
export function runClient(
  sandbox: Sandbox,
  bin: string,
  command: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Ran {
  const [program, ...args] = command;
  const { status, stdout, stderr } = spawnSync(program!, args, {
    cwd: options.cwd ?? sandbox.dir,
    encoding: "utf8",
    input: "",
    timeout: 120_000,
    env: {
      ...FIXED_ENV,
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      HOME: sandbox.home,
      MAMBA_ROOT_PREFIX: sandbox.root,
      NO_COLOR: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      ...options.env,
    },
  });
  return { code: status, stdout, stderr };
}
