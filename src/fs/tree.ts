/** Synchronous tree operations for transactions: few calls, each one atomic, in an order that the journal knows. */
import * as fs from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { codeOf, fromSystemError, isMissing, ToolError } from "../errors.ts";
import { type EntryKind, kindOf } from "./entry-kind.ts";
import { isDirectorySync } from "./sync-files.ts";

/** Kinds of a directory's entries by name, or undefined when it is not a directory. A symlink to a directory is a symlink. */
export function entriesOf(path: string): Map<string, EntryKind> | undefined {
  try {
    const result = new Map<string, EntryKind>();
    for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
      result.set(entry.name, kindOf(entry));
    }
    return result;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "list", path);
  }
}

/** What a path is, without following a final symlink; undefined when there is nothing. */
export function kindAt(path: string): EntryKind | undefined {
  try {
    const stat = fs.lstatSync(path);
    return kindOf(stat);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "look at", path);
  }
}

/** Renames; false when the source does not exist. A failure names the new place, or the one of both that the user knows. */
export function move(from: string, to: string, known = to): boolean {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT" && kindAt(from) === undefined) return false;
    throw fromSystemError(error, "move", known);
  }
}

/**
 * Makes a directory and the parents that it needs; one that is there is well. In place of mkdir's `recursive`, which never ends where a
 * directory that exists answers ENOENT, as those of /proc and of automounters do (Node.js 20 to 26). `mode` is what it has afterwards.
 */
export function makeDirectory(path: string, mode?: number): void {
  makeParentsAnd(path);
  if (mode === undefined) return;
  try {
    fs.chmodSync(path, mode);
  } catch (error) {
    throw fromSystemError(error, "change the permissions of", path);
  }
}

function makeParentsAnd(path: string): void {
  if (isMade(path)) return;
  const parent = dirname(path);
  makeParentsAnd(parent);
  if (isMade(path)) return;
  throw new ToolError("io-error", `cannot create directory \`${path}\`: \`${parent}\` takes none`, {
    hint: "check the spelling of the path",
    details: { path, errno: "ENOENT" },
  });
}

/** Whether the directory is there now; false where its parent is missing, or seems to be. */
function isMade(path: string): boolean {
  try {
    fs.mkdirSync(path);
    return true;
  } catch (error) {
    // A read-only file system and some roots answer with other codes than EEXIST for what is there.
    if (isDirectorySync(path)) return true;
    if (codeOf(error) === "ENOENT" && dirname(path) !== path) return false;
    throw fromSystemError(error, "create directory", path);
  }
}

/**
 * Removes a file or tree without following symlinks; directories without write permission are opened first. A listing says what each
 * entry is, so that a file costs one call: with rmSync of Node 20, 40,000 files take 0.42 s of processor time instead of 0.28 s.
 */
export function removeAll(path: string): void {
  try {
    removeTree(path);
  } catch (error) {
    if (codeOf(error) !== "EACCES" && codeOf(error) !== "EPERM") throw fromSystemError(error, "remove", path);
    try {
      unlockDirectories(path);
      removeTree(path);
    } catch (again) {
      throw fromSystemError(again, "remove", path);
    }
  }
}

function removeTree(path: string): void {
  // Windows says EBUSY and EPERM for files that somebody is looking at: rmSync waits and tries again.
  if (process.platform === "win32") fs.rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  else if (kindAt(path) !== "directory") fs.rmSync(path, { force: true });
  else {
    try {
      removeDirectory(path);
    } catch (error) {
      // Somebody else adds or removes files here at the same time.
      if (!isMissing(error) && codeOf(error) !== "ENOTEMPTY") throw error;
      fs.rmSync(path, { recursive: true, force: true });
    }
  }
}

function removeDirectory(path: string): void {
  for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory()) removeDirectory(inside);
    else fs.unlinkSync(inside);
  }
  fs.rmdirSync(path);
}

function unlockDirectories(path: string): void {
  if (kindAt(path) !== "directory") return;
  fs.chmodSync(path, 0o700);
  for (const entry of fs.readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) unlockDirectories(join(path, entry.name));
}

/** Removes of a tree what may be removed, and leaves the rest, with the directories that it is in. */
export function removeSparing(path: string): void {
  for (const [name, kind] of kindAt(path) === "directory" ? (entriesOf(path) ?? []) : [])
    if (kind === "directory") removeSparing(join(path, name));
    else removeQuietly(() => fs.unlinkSync(join(path, name)));
  removeQuietly(() => fs.rmdirSync(path));
}

function removeQuietly(remove: () => void): void {
  try {
    remove();
  } catch {
    // It stays.
  }
}

/** Copies a file, replacing what is there. */
export function copyInto(source: string, target: string): void {
  try {
    fs.copyFileSync(source, target);
  } catch (error) {
    throw fromSystemError(error, "copy", source);
  }
}

/** Makes a symlink, replacing a file or link that is there. */
export function makeSymlink(target: string, path: string): void {
  try {
    fs.rmSync(path, { force: true });
    fs.symlinkSync(target, path);
  } catch (error) {
    throw fromSystemError(error, "link", path);
  }
}

/** Removes a directory when it is empty; says whether it did. */
export function removeIfEmpty(path: string): boolean {
  try {
    fs.rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Writes a small file so that it is there whole or not at all, and on the device before the call returns. */
export function writeDurable(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  try {
    const fd = fs.openSync(temporary, "w", 0o644);
    try {
      fs.writeFileSync(fd, text);
      flush(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, path);
  } catch (error) {
    throw fromSystemError(error, "write", path);
  }
  syncDirectory(dirname(path));
}

function flush(fd: number): void {
  try {
    fs.fsyncSync(fd);
  } catch (error) {
    if (!cannotFlush(error)) throw error;
  }
}

/** Whether a file system has no such call as fsync (FUSE, 9p), as against one that failed to write. */
export function cannotFlush(error: unknown): boolean {
  return ["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"].includes(codeOf(error) ?? "");
}

function syncDirectory(path: string): void {
  try {
    const fd = fs.openSync(path, "r");
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // Not possible on Windows and on some network file systems; the rename itself is atomic all the same.
  }
}

/** Where a symlinked directory inside `root` leads, relative to `root`; undefined when that is outside of it or no directory. */
export function directoryInside(root: string, path: string): string | undefined {
  try {
    const real = fs.realpathSync(path);
    if (!fs.statSync(real).isDirectory()) return undefined;
    const inside = relative(fs.realpathSync(root), real);
    return inside === "" || (!inside.startsWith("..") && !inside.startsWith(sep))
      ? inside.split(sep).join("/")
      : undefined;
  } catch {
    return undefined;
  }
}

/** Target text of a symlink, or undefined. */
export function linkTarget(path: string): string | undefined {
  try {
    return fs.readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Size of a file in bytes, through symlinks; undefined when there is none. */
export function sizeOf(path: string): number | undefined {
  try {
    return fs.statSync(path).size;
  } catch {
    return undefined;
  }
}
