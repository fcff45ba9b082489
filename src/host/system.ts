import { availableParallelism, homedir, hostname, tmpdir, userInfo } from "node:os";
import { parse } from "node:path";
import { codeOf } from "../errors.ts";
import { isZombie } from "../fs/lock-file.ts";

/** Facts of this machine and process that do not change while it runs. */
export interface SystemFacts {
  cores: number;
  hostname: string;
  temporaryDirectory: string;
  /** Undefined on Windows. */
  uid: number | undefined;
  gid: number | undefined;
  userName: string;
  nodePlatform: NodeJS.Platform;
  nodeArch: string;
}

export function systemFacts(): SystemFacts {
  return {
    cores: availableParallelism(),
    hostname: hostname(),
    temporaryDirectory: tmpdir(),
    uid: process.getuid?.(),
    gid: process.getgid?.(),
    userName: userName(),
    nodePlatform: process.platform,
    nodeArch: process.arch,
  };
}

/** The user's directory. A uid that nobody made an account for has none: then the root directory, as in containers. */
export function homeDirectory(env: Readonly<Record<string, string | undefined>>): string {
  try {
    return env["HOME"] ?? env["USERPROFILE"] ?? homedir();
  } catch {
    return parse(process.cwd()).root;
  }
}

/** Containers often run with a uid that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

/** Whether a process id names a running process: in containers killed ones stay as zombies, where the first process is no init. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** Sends a signal; false when the process is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
    throw error;
  }
}
