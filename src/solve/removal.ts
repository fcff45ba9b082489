import { type MatchSpec, matchSpecMatches, tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PackageRecord } from "../specs/records.ts";
import { stringsOf } from "./provider.ts";

/** Which of the records stay, and which of the removed ones nobody named. */
export interface Removal<T> {
  kept: T[];
  removed: T[];
}

/** Takes the named records away and, with `dependents`, everything that no longer has what it needs. */
export function removeMatching<T extends PackageRecord>(
  records: readonly T[],
  specs: readonly MatchSpec[],
  dependents: boolean,
): Removal<T> {
  const removed = records.filter((record) => specs.some((spec) => matchSpecMatches(spec, record)));
  let kept = records.filter((record) => !removed.includes(record));
  let gone = removed;
  while (dependents && gone.length > 0) {
    const before = gone;
    gone = kept.filter((record) => brokenBy(record, before, kept));
    kept = kept.filter((record) => !gone.includes(record));
    removed.push(...gone);
  }
  return { kept, removed };
}

/** Whether a dependency was met by one of `gone` and is met by nothing that is kept. */
function brokenBy(
  record: PackageRecord,
  gone: readonly PackageRecord[],
  kept: readonly PackageRecord[],
): boolean {
  return stringsOf(record.depends).some((text) => {
    const spec = tryParseMatchSpec(text);
    if (!spec || spec.when) return false;
    return (
      gone.some((other) => matchSpecMatches(spec, other)) &&
      !kept.some((other) => matchSpecMatches(spec, other))
    );
  });
}

/** Names that `roots` need, directly and through each other, with the roots themselves. */
export function neededBy(records: readonly PackageRecord[], roots: Iterable<string>): Set<string> {
  const byName = new Map(records.map((record) => [record.name, record]));
  const needed = new Set<string>();
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const record = byName.get(name);
    if (!record || needed.has(name)) continue;
    needed.add(name);
    for (const text of stringsOf(record.depends)) {
      const spec = tryParseMatchSpec(text);
      if (spec?.name !== undefined) queue.push(spec.name);
    }
  }
  return needed;
}

/**
 * The records without orphans: packages that nobody requested, that something needed before, and that nothing needs now.
 * A package that nothing ever needed was somebody's wish, whatever the history says, and stays.
 */
export function pruneOrphans<T extends PackageRecord>(
  records: readonly T[],
  before: readonly PackageRecord[],
  requested: ReadonlySet<string>,
): Removal<T> {
  const beforeNames = new Set(before.map((record) => record.name));
  const neededBefore = new Set<string>();
  for (const record of before) {
    for (const text of stringsOf(record.depends)) {
      const name = tryParseMatchSpec(text)?.name;
      if (name !== undefined && name !== record.name) neededBefore.add(name);
    }
  }
  const roots = records
    .map((record) => record.name)
    .filter((name) => requested.has(name) || !beforeNames.has(name) || !neededBefore.has(name));
  const needed = neededBy(records, roots);
  return {
    kept: records.filter((record) => needed.has(record.name)),
    removed: records.filter((record) => !needed.has(record.name)),
  };
}
