import { createHash } from "node:crypto";
import { join } from "node:path";
import { readWithMode } from "../fs/link.ts";
import { isFileSync } from "../fs/sync-files.ts";
import { kindAt, sizeOf } from "../fs/tree.ts";
import { distString, nameOfDist, type PrefixPathsEntry, type PrefixRecord } from "../specs/records.ts";

export type ProblemKind = "missing" | "changed" | "wrong-type";

export interface VerifyProblem {
  package: string;
  path: string;
  problem: ProblemKind;
}

export interface VerifyOptions {
  /** `fast` compares kinds and sizes, `full` also hashes every file. */
  mode: "fast" | "full";
  signal?: AbortSignal | undefined;
}

/**
 * Compares an environment with what its records say. Byte code is left out: the interpreter may write it anew at any time. A path that
 * several packages have counts as good when it is what any of them says, because one of them was replaced by another.
 */
export function verifyPrefix(
  prefix: string,
  records: readonly PrefixRecord[],
  options: VerifyOptions,
): VerifyProblem[] {
  const found = new Map<string, VerifyProblem>();
  const good = new Set<string>();
  for (const record of records) {
    if (options.signal?.aborted) break;
    const entries = new Map(record.paths_data.paths.map((entry) => [entry._path, entry]));
    for (const path of record.files) {
      const entry = entries.get(path);
      if (entry?.path_type === "pyc_file" || path.endsWith(".pyc") || good.has(path)) continue;
      const problem = check(join(prefix, path), entry, options.mode);
      if (problem) found.set(path, { package: distString(record), path, problem });
      else {
        good.add(path);
        found.delete(path);
      }
    }
  }
  return [...found.values()];
}

function check(
  path: string,
  entry: PrefixPathsEntry | undefined,
  mode: VerifyOptions["mode"],
): ProblemKind | undefined {
  const kind = kindAt(path);
  if (kind === undefined) return "missing";
  if (entry?.path_type === "softlink") return kind === "directory" ? "wrong-type" : undefined;
  // always_softlink environments have links to the cache in place of files.
  if (kind === "symlink" && sizeOf(path) === undefined) return "missing";
  if (kind === "symlink" ? !isFileSync(path) : kind !== "file") return "wrong-type";
  if (!entry) return undefined;
  const resized = entry.prefix_placeholder !== undefined && entry.file_mode !== "binary";
  if (!resized && entry.size_in_bytes !== undefined && sizeOf(path) !== entry.size_in_bytes) return "changed";
  const expected =
    entry.sha256_in_prefix ?? (entry.prefix_placeholder === undefined ? entry.sha256 : undefined);
  if (mode === "fast" || !expected) return undefined;
  return createHash("sha256").update(readWithMode(path).data).digest("hex") === expected
    ? undefined
    : "changed";
}

/** Names of the packages that must be linked again to mend what was found. */
export function damagedPackages(problems: readonly VerifyProblem[]): Set<string> {
  return new Set(problems.map((problem) => nameOfDist(problem.package)));
}
