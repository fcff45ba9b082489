import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fromSystemError } from "../errors.ts";

/**
 * Text of a small file, or undefined when it does not exist or is a directory. Synchronous: at every start some forty
 * places of configuration are tried, nearly all missing, and a thread-pool round trip costs more than the system call.
 */
export function readTextSync(path: string): string | undefined {
  if (!isKind(path, "file")) return undefined;
  try {
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    throw fromSystemError(error, "read", path);
  }
}

/** Text of a file, or undefined when it cannot be read, for whatever reason. `latin1` is for finding text in a program. */
export function tryReadSync(path: string, encoding: "utf8" | "latin1" = "utf8"): string | undefined {
  try {
    return readFileSync(path, encoding);
  } catch {
    return undefined;
  }
}

/** Paths of the entries of a directory, sorted; empty when it is missing or may not be read. */
export function listPathsSync(path: string): string[] {
  try {
    return readdirSync(path)
      .sort()
      .map((name) => join(path, name));
  } catch {
    return [];
  }
}

export function isDirectorySync(path: string): boolean {
  return isKind(path, "directory");
}

export function isFileSync(path: string): boolean {
  return isKind(path, "file");
}

/** A path below a directory that may not be searched counts as missing. */
function isKind(path: string, kind: "file" | "directory"): boolean {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return (kind === "file" ? stat?.isFile() : stat?.isDirectory()) ?? false;
  } catch {
    return false;
  }
}

/** Permission bits of a file, or undefined when it does not exist. */
export function fileModeSync(path: string): number | undefined {
  try {
    return (statSync(path, { throwIfNoEntry: false })?.mode ?? Number.NaN) & 0o7777 || undefined;
  } catch {
    return undefined;
  }
}
