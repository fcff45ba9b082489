import type { Dirent, Stats } from "node:fs";

export type EntryKind = "file" | "directory" | "symlink" | "other";

/** What an entry is, as `lstat` or `readdir` tells: a symlink is a symlink, whatever it leads to. */
export function kindOf(entry: Stats | Dirent): EntryKind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "directory";
  return entry.isSymbolicLink() ? "symlink" : "other";
}
