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
 * All shortest paths from requested packages to the one asked about, shortest first, at most `limit`. A package that nobody requested
 * and nothing needs has the single path of itself.
 */
export function whyInstalled(
  records: readonly PackageRecord[],
  requested: ReadonlySet<string>,
  spec: MatchSpec,
  limit = 10,
): WhyStep[][] {
  const targets = records.filter((record) => matchSpecMatches(spec, record));
  const paths = targets.flatMap((target) => pathsTo(records, requested, target, limit));
  return paths.sort((a, b) => a.length - b.length || (a[0]!.name < b[0]!.name ? -1 : 1)).slice(0, limit);
}

/** Breadth first from the target against the direction of the dependencies: every shortest path for each requested package. */
function pathsTo(
  records: readonly PackageRecord[],
  requested: ReadonlySet<string>,
  target: PackageRecord,
  limit: number,
): WhyStep[][] {
  const next = new Map<string, { record: PackageRecord; needs: string }[]>();
  const distance = new Map([[target.name, 0]]);
  const dependents = reverseDependencies(records);
  const order = [target];
  for (const record of order) {
    const far = distance.get(record.name)! + 1;
    for (const { from, text } of dependents.get(record.name) ?? []) {
      const known = distance.get(from.name);
      if (known === undefined) {
        distance.set(from.name, far);
        next.set(from.name, [{ record, needs: text }]);
        order.push(from);
      } else if (known === far && next.get(from.name)!.every((step) => step.record !== record))
        next.get(from.name)!.push({ record, needs: text });
    }
  }
  const starts = order.filter((record) => requested.has(record.name));
  const chosen = starts.length > 0 ? starts : [order[order.length - 1]!];
  return chosen.flatMap((start) => pathsFrom(start, next, limit));
}

/** All ways from a package to the target, at most `limit`: their number may grow with two to the power of their length. */
function pathsFrom(
  start: PackageRecord,
  next: ReadonlyMap<string, readonly { record: PackageRecord; needs: string }[]>,
  limit: number,
): WhyStep[][] {
  const done: WhyStep[][] = [];
  const open: { path: WhyStep[]; record: PackageRecord }[] = [{ path: [], record: start }];
  for (let at = open.pop(); at && done.length < limit; at = open.pop()) {
    const { name, version } = at.record;
    const steps = next.get(name);
    if (!steps) done.push([...at.path, { name, version }]);
    for (const { record, needs } of [...(steps ?? [])].reverse())
      open.push({ path: [...at.path, { name, version, needs }], record });
  }
  return done;
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
