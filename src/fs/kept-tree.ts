/** Keeps a directory tree so that what a program does to it can be taken back. */
import * as fs from "node:fs";
import { fromSystemError } from "../errors.ts";

interface Entry {
  kind: "file" | "directory" | "symlink" | "other";
  mode: number;
  size: number;
  mtimeMs: number;
  ino: number;
  /** Of a symlink. */
  target?: string;
  /** Of a file: where it is kept, and whether that is a copy. */
  kept?: { path: string; copy: boolean };
}

export interface KeptTree {
  /**
   * Removes what has come since, and brings back what was changed, replaced or removed. The result are files that were written to in
   * place and were not copied: those are as they are now.
   */
  restore(): string[];
}

/** Files that no other name has are copied up to this size: writing to them does not change what is kept. */
const COPY_UP_TO = 1024 * 1024;

/**
 * Keeps everything below `root` in the new directory `store`, which lies on the same file system: a link costs 7 µs a file. `skip` are
 * paths relative to the root that are somebody else's business.
 */
export function keepTree(root: string, store: string, skip: ReadonlySet<string>): KeptTree {
  const entries = new Map<string, Entry>();
  try {
    fs.mkdirSync(store, { recursive: true });
    walk(root, "", skip, (path, stat) => {
      const entry = entryOf(`${root}/${path}`, stat);
      entries.set(path, entry);
      if (entry.kind === "file") entry.kept = keep(`${root}/${path}`, `${store}/${entries.size}`, stat);
      return true;
    });
  } catch (error) {
    throw fromSystemError(error, "keep", root);
  }
  return {
    restore: () => {
      try {
        return restore(root, entries, skip);
      } catch (error) {
        throw fromSystemError(error, "restore", root);
      }
    },
  };
}

function walk(
  root: string,
  directory: string,
  skip: ReadonlySet<string>,
  visit: (path: string, stat: fs.Stats) => boolean,
): void {
  for (const name of fs.readdirSync(directory === "" ? root : `${root}/${directory}`)) {
    const path = directory === "" ? name : `${directory}/${name}`;
    if (skip.has(path)) continue;
    const stat = fs.lstatSync(`${root}/${path}`);
    if (visit(path, stat) && stat.isDirectory()) walk(root, path, skip, visit);
  }
}

function entryOf(path: string, stat: fs.Stats): Entry {
  const { mode, size, mtimeMs, ino } = stat;
  const entry: Entry = { kind: kindOf(stat), mode: mode & 0o7777, size, mtimeMs, ino };
  if (entry.kind === "symlink") entry.target = fs.readlinkSync(path);
  return entry;
}

const kindOf = (stat: fs.Stats): Entry["kind"] =>
  stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "symlink" : stat.isFile() ? "file" : "other";

function keep(path: string, kept: string, stat: fs.Stats): Entry["kept"] {
  if (stat.nlink > 1 || stat.size > COPY_UP_TO) {
    try {
      fs.linkSync(path, kept);
      return { path: kept, copy: false };
    } catch {
      // No hard links here, or too many of this file.
    }
  }
  fs.copyFileSync(path, kept, fs.constants.COPYFILE_FICLONE);
  return { path: kept, copy: true };
}

function restore(root: string, entries: ReadonlyMap<string, Entry>, skip: ReadonlySet<string>): string[] {
  const found = new Map<string, fs.Stats>();
  walk(root, "", skip, (path, stat) => {
    const entry = entries.get(path);
    if (entry && entry.kind === kindOf(stat)) {
      found.set(path, stat);
      return true;
    }
    fs.rmSync(`${root}/${path}`, { recursive: true, force: true });
    return false;
  });
  const changed: string[] = [];
  // Parents were seen before their children.
  for (const [path, entry] of entries) {
    const stat = found.get(path);
    const full = `${root}/${path}`;
    if (entry.kind === "directory" && !stat) fs.mkdirSync(full);
    else if (entry.kind === "symlink" && (!stat || fs.readlinkSync(full) !== entry.target)) {
      fs.rmSync(full, { force: true });
      fs.symlinkSync(entry.target!, full);
    } else if (entry.kind === "file" && !isSame(entry, stat)) {
      if (stat?.ino === entry.ino && !entry.kept!.copy) changed.push(path);
      else restoreFile(full, entry);
    }
    if (entry.kind !== "symlink" && (!stat || (stat.mode & 0o7777) !== entry.mode))
      fs.chmodSync(full, entry.mode);
  }
  return changed;
}

const isSame = (entry: Entry, stat: fs.Stats | undefined): boolean =>
  stat?.ino === entry.ino && stat.size === entry.size && stat.mtimeMs === entry.mtimeMs;

function restoreFile(path: string, entry: Entry): void {
  const { path: kept, copy } = entry.kept!;
  fs.rmSync(path, { force: true });
  if (!copy) fs.linkSync(kept, path);
  else {
    fs.copyFileSync(kept, path, fs.constants.COPYFILE_FICLONE);
    fs.utimesSync(path, new Date(), new Date(entry.mtimeMs));
  }
}
