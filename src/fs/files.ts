import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { fromSystemError, isMissing } from "../errors.ts";
import { type EntryKind, kindOf } from "./entry-kind.ts";
import { cannotFlush, makeDirectory } from "./tree.ts";

/** Bytes of a file, or undefined when it does not exist. */
export async function readBytes(path: string): Promise<Buffer | undefined> {
  try {
    return await fs.promises.readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "read", path);
  }
}

/** Text of a UTF-8 file without its byte order mark, or undefined when it does not exist. */
export async function readText(path: string): Promise<string | undefined> {
  const bytes = await readBytes(path);
  return bytes?.toString("utf8").replace(/^\uFEFF/, "");
}

/**
 * As readText, at once: for small files on a path where each wait costs more than the read (opening one through the thread pool
 * takes milliseconds in a process that has just started).
 */
export function readTextSync(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "read", path);
  }
}

/**
 * Writes by rename from a temporary file beside the target: readers see the old bytes or the new ones, never a part.
 * `durable` also flushes to the device before the rename.
 */
export async function writeAtomic(
  path: string,
  data: string | Uint8Array,
  options: { mode?: number; durable?: boolean } = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await fs.promises.open(temporary, "wx", options.mode ?? 0o666);
    try {
      await file.writeFile(data);
      if (options.durable)
        await file.sync().catch((error: unknown) => {
          if (!cannotFlush(error)) throw error;
        });
    } finally {
      await file.close();
    }
    await fs.promises.rename(temporary, path);
  } catch (error) {
    await fs.promises.rm(temporary, { force: true }).catch(() => {});
    throw fromSystemError(error, "write", path);
  }
}

export async function ensureDir(path: string): Promise<void> {
  makeDirectory(path);
}

/** The bits of a directory whose group may write, and owns what is made in it. */
const GROUP_SHARED = 0o2020;

const CACHE_TAG = `Signature: 8a477f597d28d172789f06886806bc55
# This directory was made by taipan, and holds what can be downloaded again. Backup programs may leave it out:
# see https://bford.info/cachedir/
`;

/**
 * Makes a directory of what can be had again, and tags it so that backup programs leave it out. One that is there already may hold
 * other things: it is taken as it is.
 */
export async function ensureCacheDir(path: string): Promise<void> {
  const isNew = (await pathKind(path)) === undefined;
  makeDirectory(path);
  if (!isNew) return;
  // Not by way of a temporary name: one who is killed here must leave nothing behind. A cache works as well without a whole tag.
  await fs.promises.writeFile(join(path, "CACHEDIR.TAG"), CACHE_TAG, { flag: "wx" }).catch(() => {});
}

/**
 * Makes a directory that those share who share its parent, and the parents that it needs: where a parent is a group's (`chmod g+ws`),
 * so is what is made in it, whatever the umask of the user who comes first. One that is there is taken as it is.
 */
export async function ensureSharedDir(path: string): Promise<void> {
  const parent = dirname(path);
  if (parent === path || (await pathKind(path)) !== undefined) return;
  await ensureSharedDir(parent);
  makeDirectory(path);
  const { mode } = await fs.promises.stat(parent);
  // Two users may make it at once: only its owner can set its mode, and does.
  if ((mode & GROUP_SHARED) === GROUP_SHARED) await fs.promises.chmod(path, mode & 0o7777).catch(() => {});
}

/** What a path is, without following a final symlink. */
export async function pathKind(path: string): Promise<EntryKind | undefined> {
  try {
    const stat = await fs.promises.lstat(path);
    return kindOf(stat);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "look at", path);
  }
}

/** Names in a directory, sorted; empty when it does not exist. */
export async function listDir(path: string): Promise<string[]> {
  try {
    return (await fs.promises.readdir(path)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw fromSystemError(error, "list", path);
  }
}

/**
 * Removes a file or a whole tree; symlinks are removed, never followed. No error when there is nothing. A directory that is
 * not empty after all is tried again for a second: a task that was told to stop may have been in the middle of a file.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    if ((await fs.promises.lstat(path).catch(() => undefined))?.isDirectory()) await emptyTree(path);
    await fs.promises.rm(path, { recursive: true, force: true, maxRetries: 6, retryDelay: 50 });
  } catch (error) {
    throw fromSystemError(error, "remove", path);
  }
}

/** Names of one directory that are removed at once. */
const REMOVE_AT_ONCE = 32;

/**
 * Removes what it can below a real directory; no link is followed. `fs.rm` begins with everything at once, which took 1.7 GB of
 * memory for a million files, and asks for each file's kind, which `readdir` knows. What is left is for its retries.
 */
async function emptyTree(path: string): Promise<void> {
  const entries = await fs.promises.readdir(path, { withFileTypes: true }).catch(() => []);
  for (let from = 0; from < entries.length; from += REMOVE_AT_ONCE) {
    await Promise.allSettled(
      entries.slice(from, from + REMOVE_AT_ONCE).map((entry) => {
        return entry.isDirectory() ? undefined : fs.promises.unlink(join(path, entry.name));
      }),
    );
  }
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const directory = join(path, entry.name);
    await emptyTree(directory);
    await fs.promises.rmdir(directory).catch(() => {});
  }
}

/** Whether this process may create files in the directory, or in the nearest parent that exists. */
export async function isWritable(path: string): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    try {
      await fs.promises.access(at, fs.constants.W_OK | fs.constants.X_OK);
      return true;
    } catch (error) {
      if (!isMissing(error) || at === dirname(at)) return false;
    }
  }
}

/** Canonical path with symlinks resolved, or the path itself where it does not exist. */
export function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    return path;
  }
}
