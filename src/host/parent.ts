import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { readTextSync } from "../fs/sync-files.ts";

/** Name of the program that started this process, such as `zsh`; undefined where the system does not tell. */
export function parentProgram(): string | undefined {
  if (process.platform === "win32") return undefined;
  if (process.platform === "linux") return readTextSync(`/proc/${process.ppid}/comm`)?.trim();
  const { stdout } = spawnSync("ps", ["-o", "comm=", "-p", String(process.ppid)], {
    encoding: "utf8",
    timeout: 2000,
  });
  // Login shells have a dash before their name.
  return stdout ? basename(stdout.trim()).replace(/^-/, "") : undefined;
}
