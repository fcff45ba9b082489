import { execFile } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import type { Sandbox } from "./cli.ts";
import { FIXED_ENV } from "./cli-world.ts";
import { repoRoot } from "./shared.ts";

export interface NamedResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Path of the executable under another name: a symlink, as the documentation tells users to make one. */
export function executableAs(sandbox: Sandbox, name: string): string {
  const path = join(sandbox.dir, "bin", name);
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) symlinkSync(join(repoRoot, "bin", "taipan.js"), path);
  return path;
}

/** Runs the executable as `conda`, `mamba` or `micromamba` in the sandbox. */
export function runAs(
  sandbox: Sandbox,
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
  /** Standard input; without it, it stays open. */
  input?: string,
): Promise<NamedResult> {
  const path = executableAs(sandbox, name);
  return new Promise((resolve) => {
    const options = {
      cwd: sandbox.dir,
      env: {
        ...FIXED_ENV,
        PATH: [dirname(path), dirname(process.execPath), process.env["PATH"]].join(delimiter),
        HOME: sandbox.home,
        MAMBA_ROOT_PREFIX: sandbox.root,
        NO_COLOR: "1",
        ...env,
      },
    };
    const child = execFile(path, [...args], options, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
      resolve({ code, stdout, stderr });
    });
    // Whoever refuses its words may end before it reads.
    child.stdin?.on("error", () => {});
    if (input !== undefined) child.stdin?.end(input);
  });
}
