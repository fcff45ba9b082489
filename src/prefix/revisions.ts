import { ToolError } from "../errors.ts";
import type { PackageRecord } from "../specs/records.ts";
import { type History, splitDist, stateAtRevision } from "./history.ts";

/** What changed in one revision, for `list --revisions`. */
export interface RevisionSummary {
  revision: number;
  date: string;
  command?: string | undefined;
  installed: RevisionPackage[];
  removed: RevisionPackage[];
  upgraded: RevisionChange[];
  downgraded: RevisionChange[];
}

export type RevisionPackage = Pick<PackageRecord, "name" | "version" | "build"> & { channel: string };
export interface RevisionChange {
  old: RevisionPackage;
  new: RevisionPackage;
}

function parse(line: string): RevisionPackage | undefined {
  const dist = splitDist(line);
  const end = line.lastIndexOf("::");
  return dist ? { ...dist, channel: end < 0 ? "" : line.slice(0, end) } : undefined;
}

const byName = (lines: readonly string[]): Map<string, RevisionPackage> =>
  new Map(lines.flatMap((line) => (parse(line) ? [[parse(line)!.name, parse(line)!] as const] : [])));

/** Revisions as conda numbers them: the first is 0. `compare` orders versions. */
export function listRevisions(
  history: History,
  compare: (a: string, b: string) => number,
): RevisionSummary[] {
  return history.revisions.map((revision, index) => {
    const linked = byName(revision.linked);
    const unlinked = byName(revision.unlinked);
    const summary: RevisionSummary = {
      revision: index,
      date: revision.date,
      command: revision.command,
      installed: [],
      removed: [],
      upgraded: [],
      downgraded: [],
    };
    for (const [name, next] of linked) {
      const old = unlinked.get(name);
      if (!old) summary.installed.push(next);
      else if (compare(next.version, old.version) < 0) summary.downgraded.push({ old, new: next });
      else summary.upgraded.push({ old, new: next });
    }
    for (const [name, old] of unlinked) if (!linked.has(name)) summary.removed.push(old);
    return summary;
  });
}

/** The packages of the environment after a revision. Throws `usage` when there is no such revision. */
export function packagesAtRevision(history: History, revision: number): RevisionPackage[] {
  if (!Number.isInteger(revision) || revision < 0 || revision >= history.revisions.length) {
    throw new ToolError("usage", `there is no revision ${revision}`, {
      hint:
        history.revisions.length === 0
          ? "the environment has no history"
          : `revisions go from 0 to ${history.revisions.length - 1}; see \`taipan list --revisions\``,
      details: { exception_name: "CondaIndexError", revision },
    });
  }
  return stateAtRevision(history, revision).flatMap((line) => parse(line) ?? []);
}
