import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

/** How a real shell, without any of its user's files, evaluates a file and then dumps its variables. */
const PROGRAMS: Record<string, (file: string) => string[]> = {
  bash: (file) => ["--norc", "--noprofile", "-c", `. '${file}'; /usr/bin/env -0`],
  zsh: (file) => ["-f", "-c", `. '${file}'; /usr/bin/env -0`],
  dash: (file) => ["-c", `. '${file}'; /usr/bin/env -0`],
  fish: (file) => ["--no-config", "-c", `source '${file}'; /usr/bin/env -0`],
  tcsh: (file) => ["-f", "-c", `eval "\`cat '${file}'\`"; /usr/bin/env -0`],
  xonsh: (file) => ["--no-rc", "-c", `source '${file}'\n/usr/bin/env -0`],
};

export type RealShell = "bash" | "zsh" | "dash" | "fish" | "tcsh" | "xonsh";
export const REAL_SHELLS = Object.keys(PROGRAMS) as RealShell[];

/** Whether the shell is installed; says so once when it is not, and the test then skips. */
export function hasShell(shell: string): boolean {
  const found = (process.env["PATH"] ?? "").split(delimiter).some((dir) => existsSync(join(dir, shell)));
  if (!found) process.stderr.write(`skipped: ${shell} is not installed\n`);
  return found;
}

export interface ShellResult {
  status: number | null;
  stdout: string;
  stderr: string;
  env: Record<string, string>;
}

/** Evaluates text in a real shell and returns its exported variables. */
export function evaluateIn(shell: RealShell, text: string, env: Record<string, string>): ShellResult {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "taipan-shell-")));
  const file = join(home, shell === "xonsh" ? "text.xsh" : "text");
  writeFileSync(file, text);
  const path = process.env["PATH"] ?? "";
  const program =
    path
      .split(delimiter)
      .map((dir) => join(dir, shell))
      .find((candidate) => existsSync(candidate)) ?? shell;
  const result = spawnSync(program, PROGRAMS[shell]?.(file) ?? [], {
    env: { PATH: path, HOME: home, TERM: "dumb", XONSH_SHOW_TRACEBACK: "0", ...env },
    encoding: "utf8",
  });
  const entries = result.stdout.split("\0").filter((entry) => entry.includes("="));
  const last = Object.fromEntries(
    entries.map((entry) => [
      entry.slice(0, entry.indexOf("=")).replace(/^[\s\S]*\n/, ""),
      entry.slice(entry.indexOf("=") + 1),
    ]),
  );
  return { status: result.status, stdout: result.stdout, stderr: result.stderr, env: last };
}

export interface PrefixContent {
  /** Scripts by name without ending; `event` is activate or deactivate. */
  scripts?: string[];
  state?: Record<string, unknown>;
  envVars?: Record<string, Record<string, unknown>>;
}

/** An environment directory whose scripts append `:<tag>-<event>-<name>` to LOG. */
export function makePrefix(prefix: string, content: PrefixContent = {}): string {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(prefix, path)), { recursive: true });
    writeFileSync(join(prefix, path), text);
  };
  mkdirSync(join(prefix, "bin"), { recursive: true });
  write("conda-meta/history", "");
  const tag = prefix.split("/").at(-1);
  for (const name of content.scripts ?? []) {
    for (const event of ["activate", "deactivate"]) {
      const entry = `:${tag}-${event}-${name.replace(/\W/g, "_")}`;
      const path = `etc/conda/${event}.d/${name}`;
      write(`${path}.sh`, `export LOG="\${LOG}${entry}"\n`);
      write(`${path}.fish`, `set -gx LOG "$LOG${entry}"\n`);
      write(`${path}.csh`, `setenv LOG "\${LOG}${entry}"\n`);
    }
  }
  if (content.state) write("conda-meta/state", JSON.stringify(content.state));
  for (const [name, values] of Object.entries(content.envVars ?? {})) {
    write(`etc/conda/env_vars.d/${name}.json`, JSON.stringify(values));
  }
  return prefix;
}
