import { dirname } from "node:path";
import { appendText } from "../fs/cache-files.ts";
import { ensureDir, readText, writeAtomic } from "../fs/files.ts";

/** Prefixes registered in `~/.conda/environments.txt`, one absolute path per line; empty when there is no file. */
export async function readEnvironmentsTxt(path: string): Promise<string[]> {
  return prefixesIn((await readText(path)) ?? "");
}

function prefixesIn(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return [...new Set(lines.filter((line) => line !== "" && !line.startsWith("#")))];
}

/**
 * Registers a prefix, at the end of the file: of several processes that write it anew at once, only the last is in it. The file is a
 * convenience that other tools read: failing to write it is not an error.
 */
export async function registerEnvironment(path: string, prefix: string): Promise<boolean> {
  // It has a line for each.
  if (/[\r\n]/.test(prefix)) return false;
  return quietly(async () => {
    const text = (await readText(path)) ?? "";
    if (prefixesIn(text).includes(prefix)) return;
    await ensureDir(dirname(path));
    await appendText(path, `${text === "" || text.endsWith("\n") ? "" : "\n"}${prefix}\n`);
  });
}

export async function unregisterEnvironment(path: string, prefix: string): Promise<boolean> {
  return quietly(async () => {
    const lines = await readEnvironmentsTxt(path);
    const others = lines.filter((line) => line !== prefix);
    if (others.length < lines.length) await writeAtomic(path, others.map((line) => `${line}\n`).join(""));
  });
}

async function quietly(change: () => Promise<void>): Promise<boolean> {
  try {
    await change();
    return true;
  } catch {
    return false;
  }
}
