/**
 * Lock files that work where fcntl does not (NFS): a lock is made by hard-linking a file that already has its content, which is atomic
 * everywhere. Where links are impossible it is created exclusively.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { codeOf, fromSystemError, isMissing, ToolError } from "../errors.ts";

/** A file that cannot be removed now is swept by a later command: never a reason to fail, least of all with the lock in hand. */
function removeQuietly(path: string): void {
  try {
    fs.rmSync(path, { force: true });
  } catch {
    // See above.
  }
}

/** The process is in the name, so that files of a dead one can be told. */
function temporaryBeside(path: string): string {
  return join(dirname(path), `.taipan-${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
}

/** Removes what processes left that died while they took a lock here. */
export function sweepTemporaries(directory: string, isAlive: (pid: number) => boolean): void {
  let names: string[] = [];
  try {
    names = fs.readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) {
    const pid = /^\.taipan-(\d+)-[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeQuietly(join(directory, name));
  }
}

/** Takes the lock by giving it this content; false when somebody has it. */
export function tryLock(path: string, content: string): boolean {
  const own = temporaryBeside(path);
  try {
    fs.writeFileSync(own, content, { flag: "wx", mode: 0o644 });
  } catch (error) {
    throw refusal(error, dirname(path));
  }
  try {
    fs.linkSync(own, path);
    return true;
  } catch (error) {
    // A lost answer of an NFS server: the link count tells whether the link was made after all.
    if (codeOf(error) === "EEXIST") return fs.statSync(own).nlink === 2;
    // File systems without links refuse in many words (EPERM, ENOTSUP, ENOSYS, EXDEV, EMLINK). What is no such refusal fails here, too.
    return createExclusive(path, content);
  } finally {
    removeQuietly(own);
  }
}

/** A file system that the kernel makes up (/proc, /sys) answers that there is no such file where none can be made. */
function refusal(error: unknown, directory: string): unknown {
  if (codeOf(error) !== "ENOENT" || !fs.existsSync(directory))
    return fromSystemError(error, "lock", directory);
  return new ToolError("permission-denied", `no file can be made in \`${directory}\``, {
    hint: "its file system takes none: choose another directory with -p or --root-prefix",
    cause: error,
    details: { path: directory, errno: "ENOENT" },
  });
}

function createExclusive(path: string, content: string): boolean {
  try {
    fs.writeFileSync(path, content, { flag: "wx", mode: 0o644 });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw fromSystemError(error, "lock", path);
  }
}

/** Content of a lock and the milliseconds since it was last refreshed by the file system's own clock; undefined when it is free. */
export function readLock(path: string): { content: string; age: number } | undefined {
  try {
    const content = fs.readFileSync(path, "utf8");
    const held = fs.statSync(path).mtimeMs;
    return { content, age: Math.max(0, fileSystemTime(dirname(path)) - held) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "read", path);
  }
}

/** The clock of the machine that serves the files, which may not be ours. */
function fileSystemTime(directory: string): number {
  const probe = temporaryBeside(join(directory, "probe"));
  try {
    fs.writeFileSync(probe, "", { flag: "wx" });
    return fs.statSync(probe).mtimeMs;
  } catch {
    return Date.now();
  } finally {
    removeQuietly(probe);
  }
}

const guardOf = (path: string): string => `${path}.breaking`;

/** A guard whose process died is found after this many milliseconds of the clock that serves the files. */
const GUARD_DEAD_AFTER = 30_000;

/**
 * Removes a lock whose holder is dead. Only one process may do so at a time, and only if the content is still the dead one's: else a
 * process that was slow to decide would remove the lock of the next holder. False when another process is about it, or died over it.
 */
export function breakLock(path: string, content: string): boolean {
  const guard = guardOf(path);
  try {
    fs.mkdirSync(guard);
  } catch {
    try {
      if (fileSystemTime(dirname(path)) - fs.statSync(guard).mtimeMs <= GUARD_DEAD_AFTER) return false;
    } catch {
      // Gone by now.
    }
    removeGuard(path);
    return false;
  }
  try {
    if (fs.readFileSync(path, "utf8") === content) fs.unlinkSync(path);
  } catch {
    // Released in the meantime.
  } finally {
    removeGuard(path);
  }
  return true;
}

/**
 * Removes what a process left that died while it broke a lock. Whoever holds the lock may: who is still behind the guard finds another
 * content than the one that it came for.
 */
export function removeGuard(path: string): void {
  try {
    fs.rmdirSync(guardOf(path));
  } catch {
    // Most often there is none.
  }
}

/** Tells others that the holder lives. */
export function refreshLock(path: string): void {
  try {
    const now = new Date();
    fs.utimesSync(path, now, now);
  } catch {
    // The lock went away with its directory.
  }
}

/** Gives the lock up, if it is still this holder's. */
export function releaseLock(path: string, content: string): void {
  try {
    if (fs.readFileSync(path, "utf8") === content) fs.unlinkSync(path);
  } catch {
    // Gone with its directory.
  }
}

/** Clock ticks after boot at which a process started (Linux); tells a process from a later one with the same id. */
export const processStart = (pid: number): string | undefined => processFields(pid)[19];

/** Whether a process has ended, also when nobody has asked how: in containers, there may be nobody who does. Undefined where `/proc` is not. */
export function hasEnded(pid: number): boolean | undefined {
  const state = processFields(pid)[0];
  return state === undefined && processFields(process.pid).length === 0 ? undefined : (state ?? "Z") === "Z";
}

/**
 * Whether a process is dead and only its entry is there, as nobody asks how it ended. Not found is no answer: /proc may hide other users'.
 */
export const isZombie = (pid: number): boolean => processFields(pid)[0] === "Z";

/** Fields of /proc/PID/stat after the name of the program, which may have blanks in it. */
function processFields(pid: number): string[] {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
