/** Takes a directory tree back to what `keepTree` kept of it. */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { fromSystemError, isMissing, ToolError } from "../errors.ts";
import { kindOf } from "./entry-kind.ts";
import { isKept, type KeptEntry, treeFile, walk } from "./kept-tree.ts";
import { tryReadSync } from "./sync-files.ts";
import { removeIfEmpty, sizeOf } from "./tree.ts";

export interface RestoreOptions {
  /** Paths that are somebody else's business, as when the tree was kept. */
  skip: ReadonlySet<string>;
  /** Set when the process that kept the tree is gone: what has come or changed this much later than its last sign of life is left. */
  afterDeath?: { slackMs: number; renamed: ReadonlySet<string> } | undefined;
}

export interface Restored {
  /** Files that were written to in place and whose bytes were not kept: as they are now. */
  changed: string[];
  /** What came or was changed after the death. */
  left: string[];
}

/**
 * Removes what has come since, and brings back what was changed, replaced or removed; undefined when no tree is kept here. What is kept
 * stays: a restoration that was stopped is done again.
 */
export function restoreTree(root: string, store: string, options: RestoreOptions): Restored | undefined {
  try {
    if (!isKept(store)) return undefined;
    const death = fs.statSync(treeFile(store)).ctimeMs;
    return restore({ root, store, entries: readTree(store), death, rewriting: rewritten(store), ...options });
  } catch (error) {
    throw fromSystemError(error, "restore", root);
  }
}

/** The entries of a kept tree, parents before children. Nothing outside of the root, nor through a link, may be named. */
function readTree(store: string): KeptEntry[] {
  try {
    const tree = JSON.parse(fs.readFileSync(treeFile(store), "utf8")) as { version: 1; entries: KeptEntry[] };
    const directories = new Set(["."]);
    const isSound = ({ path, kind }: KeptEntry): boolean => {
      if (kind === "directory") directories.add(path);
      return (
        directories.has(dirname(path)) && path.split("/").every((part) => !["", ".", ".."].includes(part))
      );
    };
    if (tree.version === 1 && tree.entries.every(isSound)) return tree.entries;
  } catch {
    // Told below.
  }
  throw new ToolError("environment-corrupt", `what was kept in \`${store}\` cannot be read`, {
    hint: `delete \`${store}\`; what link scripts did to the environment then stays`,
  });
}

interface Restoration extends RestoreOptions {
  root: string;
  store: string;
  entries: readonly KeptEntry[];
  /** Milliseconds; the last sign of life. */
  death: number;
  /** The entry whose bytes a restoration that was stopped was writing: its time is ours. */
  rewriting: number | undefined;
}

function restore(task: Restoration): Restored {
  const { root, entries } = task;
  const result: Restored = { changed: [], left: [] };
  const found = removeArrivals(task, result);
  const blocked = new Set(result.left);
  for (const [n, { path }] of entries.entries()) {
    if (blocked.has(path) || blocked.has(dirname(path))) blocked.add(path);
    else bringBack(task, n, found.get(path), result);
  }
  // After what is in it, and children first: nothing comes into a directory that is not writable.
  for (const { path, kind, mode } of [...entries].reverse())
    if (kind === "directory" && !blocked.has(path)) setMode(`${root}/${path}`, mode, found.get(path));
  return result;
}

function setMode(path: string, mode: number, stat: fs.Stats | undefined): void {
  if (!stat || (stat.mode & 0o7777) !== mode) fs.chmodSync(path, mode);
}

/** Removes what was not there, or was of another kind. The result is what is still of its kind; its directories can be changed. */
function removeArrivals(task: Restoration, result: Restored): Map<string, fs.Stats> {
  const { root, skip } = task;
  const known = new Map(task.entries.map((entry) => [entry.path, entry]));
  const found = new Map<string, fs.Stats>();
  const remove = (path: string, stat: fs.Stats): void => {
    const full = `${root}/${path}`;
    if (!stat.isDirectory()) {
      if (isLate(task, path, stat.ctimeMs)) result.left.push(path);
      else fs.rmSync(full, { force: true });
      return;
    }
    opened(full, stat);
    const before = result.left.length;
    for (const name of fs.readdirSync(full)) {
      const inside = fs.lstatSync(`${full}/${name}`, { throwIfNoEntry: false });
      if (inside) remove(`${path}/${name}`, inside);
    }
    if (result.left.length > before || !removeIfEmpty(full)) result.left.push(path);
  };
  walk(root, "", skip, (path, stat) => {
    const entry = known.get(path);
    if (entry?.kind !== kindOf(stat)) {
      remove(path, stat);
      return false;
    }
    const enter = entry.kind === "directory" && !entry.closed;
    found.set(path, enter ? opened(`${root}/${path}`, stat) : stat);
    return enter;
  });
  return found;
}

/** Lets this user change a directory: a script may have closed it, behind files of its own. */
function opened(path: string, stat: fs.Stats): fs.Stats {
  if ((stat.mode & 0o700) === 0o700) return stat;
  try {
    fs.chmodSync(path, (stat.mode & 0o7777) | 0o700);
  } catch {
    // Another user's: what cannot be done in it says so.
  }
  return fs.lstatSync(path);
}

/** Makes one entry what it was, but for the mode of a directory. */
function bringBack(task: Restoration, n: number, stat: fs.Stats | undefined, result: Restored): void {
  const entry = task.entries[n]!;
  const { path, kind } = entry;
  const full = `${task.root}/${path}`;
  if (kind === "directory" && !stat) fs.mkdirSync(full);
  if (kind === "symlink" && (!stat || fs.readlinkSync(full) !== entry.target)) {
    if (stat && isLate(task, path, stat.ctimeMs)) result.left.push(path);
    else {
      fs.rmSync(full, { force: true });
      fs.symlinkSync(entry.target!, full);
    }
  }
  if (kind !== "file") return;
  const isSame = stat?.ino === entry.ino;
  if (isSame && hasContent(entry, stat)) {
    setMode(full, entry.mode, stat);
    return;
  }
  // A file that is the same one tells by its own time when it was written to: its links are counted by others, too.
  const time = isSame ? stat.mtimeMs : stat?.ctimeMs;
  if (time !== undefined && n !== task.rewriting && isLate(task, path, time)) result.left.push(path);
  else {
    if (!restoreFile(task, n, stat)) result.changed.push(path);
    const now = fs.lstatSync(full, { throwIfNoEntry: false });
    if (now) setMode(full, entry.mode, now);
  }
}

/** Whether this was done when the one who kept the tree was dead: by the user then, and not by what was to be undone. */
function isLate({ afterDeath, death }: Restoration, path: string, timeMs: number): boolean {
  return afterDeath !== undefined && timeMs > death + afterDeath.slackMs && !afterDeath.renamed.has(path);
}

/** Times that were set pass through floating point: a microsecond may get lost. */
const hasContent = (entry: KeptEntry, stat: fs.Stats): boolean =>
  stat.size === entry.size && Math.abs(stat.mtimeMs - entry.mtimeMs) < 0.01;

/** Brings one file back; false when its bytes were not kept. */
function restoreFile({ root, store, entries }: Restoration, n: number, stat: fs.Stats | undefined): boolean {
  const entry = entries[n]!;
  const path = `${root}/${entry.path}`;
  if (stat?.ino === entry.ino) return rewrite(path, store, n, entry);
  const coming = `${store}/coming`;
  fs.rmSync(coming, { force: true });
  let whole = true;
  if (entry.named) {
    const name = `${store}/names/${n}`;
    if (!hasContent(entry, fs.statSync(name))) whole = rewrite(name, store, n, entry);
    fs.linkSync(name, coming);
  } else {
    fs.writeFileSync(coming, "", { mode: 0o600 });
    if (!rewrite(coming, store, n, entry)) return false;
  }
  fs.renameSync(coming, path);
  return whole;
}

/** Puts the bytes that were kept into a file that is there: it stays one file under all its names, in the package cache, too. */
function rewrite(path: string, store: string, n: number, entry: KeptEntry): boolean {
  const copy = `${store}/copies/${n}`;
  const bytes = entry.copied ? undefined : bytesOf(store, entry);
  // Shorter after a power loss: what is kept is not flushed.
  if (entry.copied ? sizeOf(copy) !== entry.size : !bytes) return false;
  fs.writeFileSync(rewritingFile(store), String(n));
  fs.chmodSync(path, entry.mode | 0o200);
  if (bytes) fs.writeFileSync(path, bytes);
  else fs.copyFileSync(copy, path, fs.constants.COPYFILE_FICLONE);
  fs.chmodSync(path, entry.mode);
  // Node cuts times off at a microsecond.
  fs.utimesSync(path, new Date(), (entry.mtimeMs + 0.0005) / 1000);
  return true;
}

function bytesOf(store: string, entry: KeptEntry): Buffer | undefined {
  if (entry.offset === undefined) return undefined;
  const bytes = Buffer.alloc(entry.size);
  const fd = fs.openSync(`${store}/contents`, "r");
  try {
    return fs.readSync(fd, bytes, 0, entry.size, entry.offset) === entry.size ? bytes : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

const rewritingFile = (store: string): string => `${store}/rewriting`;

/** Nothing is being written as long as this does not say of which entry. */
function rewritten(store: string): number | undefined {
  const text = tryReadSync(rewritingFile(store));
  return text ? Number(text) : undefined;
}
