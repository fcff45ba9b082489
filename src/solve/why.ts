import { type MatchSpec, matchSpecMatches, tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PackageRecord } from "../specs/records.ts";
import { stringsOf } from "./provider.ts";

/** One step of a path: the package, and the dependency by which the next one is needed. */
export interface WhyStep {
  readonly name: string;
  readonly version: string;
  readonly needs?: string;
}

/**
 * Shortest paths from requested packages to the one asked about, shortest first, at most `limit`. A package that nobody requested
 * and nothing needs has the single path of itself.
 */
export function whyInstalled(
  records: readonly PackageRecord[],
  requested: ReadonlySet<string>,
  spec: MatchSpec,
  limit = 10,
): WhyStep[][] {
  const targets = records.filter((record) => matchSpecMatches(spec, record));
  const paths = targets.flatMap((target) => pathsTo(records, requested, target));
  return paths.sort((a, b) => a.length - b.length || (a[0]!.name < b[0]!.name ? -1 : 1)).slice(0, limit);
}

/** Breadth first from the target against the direction of the dependencies: one shortest path for each requested package. */
function pathsTo(
  records: readonly PackageRecord[],
  requested: ReadonlySet<string>,
  target: PackageRecord,
): WhyStep[][] {
  const next = new Map<string, { record: PackageRecord; needs: string }>();
  const seen = new Set([target.name]);
  const dependents = reverseDependencies(records);
  const order = [target];
  for (const record of order) {
    for (const { from, text } of dependents.get(record.name) ?? []) {
      if (seen.has(from.name)) continue;
      seen.add(from.name);
      next.set(from.name, { record, needs: text });
      order.push(from);
    }
  }
  const starts = order.filter((record) => requested.has(record.name));
  return (starts.length > 0 ? starts : [order[order.length - 1]!]).map((start) => {
    const path: WhyStep[] = [];
    for (let record = start; ; ) {
      const step = next.get(record.name);
      if (!step) return [...path, { name: record.name, version: record.version }];
      path.push({ name: record.name, version: record.version, needs: step.needs });
      record = step.record;
    }
  });
}

function reverseDependencies(
  records: readonly PackageRecord[],
): Map<string, { from: PackageRecord; text: string }[]> {
  const dependents = new Map<string, { from: PackageRecord; text: string }[]>();
  for (const from of records) {
    for (const text of stringsOf(from.depends)) {
      const name = tryParseMatchSpec(text)?.name;
      if (name === undefined || name === from.name) continue;
      const list = dependents.get(name);
      if (list) list.push({ from, text });
      else dependents.set(name, [{ from, text }]);
    }
  }
  return dependents;
}
