import { dirname } from "node:path";
import { ensureDir, readText, writeAtomic } from "../fs/files.ts";

/** Prefixes registered in `~/.conda/environments.txt`, one absolute path per line; empty when there is no file. */
export async function readEnvironmentsTxt(path: string): Promise<string[]> {
  const text = await readText(path);
  const lines = (text ?? "").split(/\r?\n/).map((line) => line.trim());
  return [...new Set(lines.filter((line) => line !== "" && !line.startsWith("#")))];
}

/** Registers a prefix. The file is a convenience that other tools read: failing to write it is not an error. */
export async function registerEnvironment(path: string, prefix: string): Promise<boolean> {
  return rewrite(path, (lines) => (lines.includes(prefix) ? lines : [...lines, prefix]));
}

export async function unregisterEnvironment(path: string, prefix: string): Promise<boolean> {
  return rewrite(path, (lines) => (lines.includes(prefix) ? lines.filter((line) => line !== prefix) : lines));
}

async function rewrite(path: string, change: (lines: string[]) => string[]): Promise<boolean> {
  try {
    const before = await readEnvironmentsTxt(path);
    const after = change(before);
    if (after === before) return true;
    await ensureDir(dirname(path));
    await writeAtomic(path, after.map((line) => `${line}\n`).join(""));
    return true;
  } catch {
    return false;
  }
}
