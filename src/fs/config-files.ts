import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fromSystemError } from "../errors.ts";

/**
 * Text of a configuration file, or undefined when it does not exist or is a directory. Synchronous: some forty paths
 * are tried at every start, nearly all missing, and a thread-pool round trip for each costs more than the system call.
 */
export function readConfigFile(path: string): string | undefined {
  if (!isKind(path, "file")) return undefined;
  try {
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    throw fromSystemError(error, "read", path);
  }
}

/** Paths of the entries of a directory, sorted; empty when it is missing or may not be read. */
export function listConfigDir(path: string): string[] {
  try {
    return readdirSync(path)
      .sort()
      .map((name) => join(path, name));
  } catch {
    return [];
  }
}

export function directoryExists(path: string): boolean {
  return isKind(path, "directory");
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
