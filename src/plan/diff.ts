import { distString, type PrefixRecord, type RepoDataRecord } from "../specs/records.ts";
import { compareVersions } from "../specs/version.ts";
import { pythonInfo } from "./python.ts";
import type { Operation, OperationKind, Transaction } from "./transaction.ts";

/** The part of a solver's answer that a plan is made from. */
export interface SolvedEnvironment {
  /** The whole environment afterwards, dependencies before dependents. */
  records: readonly (RepoDataRecord | PrefixRecord)[];
  /** Requested specs by package name, for those that this request names. */
  requested: ReadonlyMap<string, readonly string[]>;
  /** Names to link again although nothing changes. */
  reinstall: ReadonlySet<string>;
  /** The rest of a Solution; not read here. */
  kind?: "solution";
  notes?: readonly string[];
  stats?: object;
}

const isInstalled = (record: RepoDataRecord | PrefixRecord): record is PrefixRecord =>
  "paths_data" in record || "files" in record;

/** The archives are the same, as far as the records know: a different hash of the same name is another package. */
function sameArchive(a: RepoDataRecord, b: RepoDataRecord): boolean {
  if (distString(a) !== distString(b) || a.subdir !== b.subdir) return false;
  if (a.sha256 && b.sha256) return a.sha256 === b.sha256;
  if (a.md5 && b.md5) return a.md5 === b.md5;
  return a.fn.replace(/\.(conda|tar\.bz2)$/, "") === b.fn.replace(/\.(conda|tar\.bz2)$/, "");
}

function kindOf(old: PrefixRecord, next: RepoDataRecord): OperationKind {
  const order = compareVersions(next.version, old.version);
  if (order > 0) return "upgrade";
  if (order < 0) return "downgrade";
  if (sameArchive(old, next)) return "reinstall";
  if (next.build === old.build) return "change";
  return next.build_number > old.build_number
    ? "upgrade"
    : next.build_number < old.build_number
      ? "downgrade"
      : "change";
}

/**
 * Python's minor version or site-packages moved: what was linked for the old one must be linked again. Where python goes
 * (`remove --force python`) there is nothing to link for: what needed it stays as it is.
 */
function pythonMoved(
  installed: readonly PrefixRecord[],
  solution: SolvedEnvironment,
  platform: string,
): boolean {
  const before = installed.find((record) => record.name === "python");
  const after = solution.records.find((record) => record.name === "python");
  if (!after) return false;
  if (!before) return true;
  const [a, b] = [pythonInfo(before, platform), pythonInfo(after, platform)];
  return a.sitePackages !== b.sitePackages || a.minor !== b.minor;
}

/**
 * What takes the prefix from `installed` to the solution. Kept packages are recognised by their archive, not by identity, except that
 * `noarch: python` packages are linked again when python's minor version changes.
 */
export function planTransaction(
  installed: readonly PrefixRecord[],
  solution: SolvedEnvironment,
  context: { platform: string },
): Transaction {
  const old = new Map(installed.map((record) => [record.name, record]));
  const relinkNoarch = pythonMoved(installed, solution, context.platform);
  const operations: Operation[] = [];
  const unchanged: PrefixRecord[] = [];
  const newlyRequested = new Map<string, readonly string[]>();
  const kept = new Set<string>();

  for (const record of solution.records) {
    const before = old.get(record.name);
    const named = solution.requested.get(record.name);
    const requestedSpecs = named ?? (before ? requestedSpecsOf(before) : []);
    kept.add(record.name);
    if (!before) {
      operations.push({ kind: "install", new: record, requestedSpecs });
    } else if (
      solution.reinstall.has(record.name) ||
      !(
        record === before ||
        (isInstalled(record) ? distString(record) === distString(before) : sameArchive(before, record))
      ) ||
      (relinkNoarch && record.noarch === "python")
    ) {
      operations.push({ kind: kindOf(before, record), old: before, new: record, requestedSpecs });
    } else {
      unchanged.push(before);
      if (named && named.join("\n") !== requestedSpecsOf(before).join("\n"))
        newlyRequested.set(record.name, named);
    }
  }
  const removed = installed
    .filter((record) => !kept.has(record.name))
    .map((record): Operation => ({ kind: "remove", old: record, requestedSpecs: [] }));
  const python = solution.records.find((record) => record.name === "python");
  return {
    operations: [...removed, ...operations],
    unchanged,
    newlyRequested,
    python: python ? pythonInfo(python, context.platform) : undefined,
  };
}

/** Specs of a record that its user asked for; both spellings of conda-meta, `None` and the empty string mean none. */
export function requestedSpecsOf(record: Pick<PrefixRecord, "requested_spec" | "requested_specs">): string[] {
  if (record.requested_specs?.length) return [...record.requested_specs];
  const spec = record.requested_spec;
  return spec && spec !== "None" ? [spec] : [];
}
