/**
 * Keeps a directory tree on the disk, so that what programs do to it can be taken back: by this process, or by one that comes after it.
 *   tree.json   what there was; written last, so that without it nothing is kept
 *   names/N     another name of the N-th entry's file: it comes back as the same file, shared with whom it was shared with
 *   contents    the bytes of files up to 1 MB, one after the other: writing to a file in place changes it under all its names
 *   copies/N    of a larger file: it shares blocks where the file system can, and is left out where there is no room for it
 * 40,000 files of 560 MB on tmpfs: 0.5 s for names, 0.45 s more for contents, 0.1 s for copies of 180 MB.
 */
import * as fs from "node:fs";
import { codeOf, fromSystemError, isMissing } from "../errors.ts";
import { type EntryKind, kindOf } from "./entry-kind.ts";
import { makeDirectory, removeAll, writeDurable } from "./tree.ts";

/** Something in a kept tree. */
export interface KeptEntry {
  path: string;
  kind: EntryKind;
  mode: number;
  size: number;
  mtimeMs: number;
  ino: number;
  /** Of a symlink. */
  target?: string;
  /** Of a directory: this user may not list it. What is in it is not known, and never touched. */
  closed?: boolean;
  /** Of a file: it has a name in `names`, and its bytes are in `contents` from here or in `copies`. */
  named?: boolean;
  offset?: number;
  copied?: boolean;
}

const CONTENTS_UP_TO = 1024 * 1024;
export const treeFile = (store: string): string => `${store}/tree.json`;

/** Keeps everything below `root` in the new directory `store`, which lies on the same file system. `skip` are paths relative to the root. */
export function keepTree(root: string, store: string, skip: ReadonlySet<string>): void {
  const entries: KeptEntry[] = [];
  for (const name of ["names", "copies"]) makeDirectory(`${store}/${name}`);
  try {
    const contents = new Contents(`${store}/contents`);
    try {
      walk(root, "", skip, (path, stat) => {
        const entry = unlessGone(() => entryOf(root, path, stat));
        if (!entry) return false;
        if (entry.kind === "file") keepFile(`${root}/${path}`, entry, { store, contents, n: entries.length });
        entries.push(entry);
        return !entry.closed;
      });
    } finally {
      contents.close();
    }
  } catch (error) {
    throw fromSystemError(error, "keep", root);
  }
  writeDurable(treeFile(store), JSON.stringify({ version: 1, entries }));
}

/** Whether a tree is kept here, whole. */
export const isKept = (store: string): boolean => fs.existsSync(treeFile(store));

/** Says that the process that kept the tree lives; by the clock of the file system, as no other tells when a file was changed. */
export function signOfLife(store: string): void {
  try {
    const now = new Date();
    fs.utimesSync(treeFile(store), now, now);
  } catch {
    // Gone with the prefix, which a script may remove.
  }
}

/** Removes what is kept. May be stopped and done again: what is left of it is not taken for a tree. */
export function forgetTree(store: string): void {
  removeAll(treeFile(store));
  removeAll(store);
}

/** Visits everything below `root`, parents first; a directory is entered where the visitor says so. */
export function walk(
  root: string,
  directory: string,
  skip: ReadonlySet<string>,
  visit: (path: string, stat: fs.Stats) => boolean,
): void {
  const place = directory === "" ? root : `${root}/${directory}`;
  let names: string[] | undefined;
  try {
    names = unlessGone(() => fs.readdirSync(place));
  } catch (error) {
    throw fromSystemError(error, "list", place);
  }
  for (const name of names ?? []) {
    const path = directory === "" ? name : `${directory}/${name}`;
    if (skip.has(path)) continue;
    const stat = fs.lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (stat && visit(path, stat) && stat.isDirectory()) walk(root, path, skip, visit);
  }
}

/** Undefined for what was there a moment ago: programs of the environment may be running. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function entryOf(root: string, path: string, stat: fs.Stats): KeptEntry {
  const { mode, size, mtimeMs, ino } = stat;
  const entry: KeptEntry = { path, kind: kindOf(stat), mode: mode & 0o7777, size, mtimeMs, ino };
  if (entry.kind === "symlink") entry.target = fs.readlinkSync(`${root}/${path}`);
  if (entry.kind === "directory" && !canList(`${root}/${path}`)) entry.closed = true;
  return entry;
}

function canList(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.R_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function keepFile(
  path: string,
  entry: KeptEntry,
  to: { store: string; contents: Contents; n: number },
): void {
  const attempt = (work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      if (codeOf(error) === "ENOSPC") throw error;
      return false;
    }
  };
  // No hard links here, too many of this file, or a file of another user.
  if (attempt(() => fs.linkSync(path, `${to.store}/names/${to.n}`))) entry.named = true;
  if (entry.size <= CONTENTS_UP_TO) {
    const offset = to.contents.add(path, entry.size);
    if (offset !== undefined) entry.offset = offset;
    return;
  }
  const copy = `${to.store}/copies/${to.n}`;
  try {
    fs.copyFileSync(path, copy, fs.constants.COPYFILE_FICLONE);
    entry.copied = true;
  } catch (error) {
    fs.rmSync(copy, { force: true });
    // What cannot be read, or has no room: all but writing to it in place is undone all the same, if it has a second name.
    if (codeOf(error) === "ENOSPC" && !entry.named) throw error;
  }
}

/** One file that takes the bytes of many: a file for each would cost twice the time, most of it for removing them again. */
class Contents {
  private readonly fd: number;
  private readonly buffer = Buffer.allocUnsafe(2 * CONTENTS_UP_TO);
  private filled = 0;
  private written = 0;

  constructor(path: string) {
    this.fd = fs.openSync(path, "w", 0o600);
  }

  /** Where the bytes of a file begin; undefined when they cannot be read, or are changed at this moment. */
  add(path: string, size: number): number | undefined {
    if (this.filled + size > this.buffer.length) this.flush();
    try {
      const file = fs.openSync(path, "r");
      try {
        if (fs.readSync(file, this.buffer, this.filled, size, 0) !== size) return undefined;
      } finally {
        fs.closeSync(file);
      }
    } catch {
      return undefined;
    }
    const offset = this.written + this.filled;
    this.filled += size;
    return offset;
  }

  close(): void {
    try {
      this.flush();
    } finally {
      fs.closeSync(this.fd);
    }
  }

  private flush(): void {
    for (let at = 0; at < this.filled; ) at += fs.writeSync(this.fd, this.buffer, at, this.filled - at);
    this.written += this.filled;
    this.filled = 0;
  }
}
