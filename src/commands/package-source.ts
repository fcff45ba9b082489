import { dependentNames, dependentsOf, firstDependents } from "../repodata/dependents.ts";
import { searchIndexes } from "../repodata/search.ts";
import { type MatchSpec, matchSpecMatches, tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { stringMatches } from "../specs/string-matcher.ts";
import { compareVersions } from "../specs/version.ts";

/** Packages that can be asked about: those of an environment or those of channels. */
export interface PackageSource {
  local: boolean;
  names(): Iterable<string>;
  /** All records that match, as outlines where there are some. */
  search(spec: MatchSpec): Promise<RepoDataRecord[]>;
  /** The record that would be taken for dependencies on one name: the newest of the first channel that has one. */
  best(spec: MatchSpec, ...more: MatchSpec[]): RepoDataRecord | undefined;
  /** All records with a dependency on the name, as outlines where there are some. */
  dependents(name: string): RepoDataRecord[];
  /** Of each package with a dependency on the name, the newest record that has it. Made for many questions. */
  newestDependents(name: string): RepoDataRecord[];
}

export function installedSource(records: readonly RepoDataRecord[]): PackageSource {
  const byName = new Map(records.map((record) => [record.name, record]));
  const matching = (spec: MatchSpec) =>
    records.filter((record) => nameMatches(spec, record.name) && matchSpecMatches(spec, record));
  const dependents = (name: string) =>
    records.filter((record) => record.depends.some((text) => tryParseMatchSpec(text)?.name === name));
  return {
    local: true,
    names: () => byName.keys(),
    search: async (spec) => matching(spec),
    best: (spec, ...more) => {
      const record = spec.name === undefined ? matching(spec)[0] : byName.get(spec.name);
      return record && matchesAll([spec, ...more], record) ? record : undefined;
    },
    dependents,
    newestDependents: dependents,
  };
}

export function channelSource(indexes: readonly PackageIndex[]): PackageSource {
  let needed: Map<string, Set<string>> | undefined;
  const first = firstDependents(indexes, newestFirst);
  return {
    local: false,
    names: function* () {
      for (const index of indexes) yield* index.names();
    },
    search: (spec) => searchIndexes(indexes, spec),
    best: (...specs) => bestInChannels(indexes, specs),
    dependents: (name) => dependentsOf(indexes, name),
    newestDependents: (name) => {
      needed ??= dependentNames(indexes);
      return [...(needed.get(name) ?? [])].flatMap((by) => first(by, name) ?? []);
    },
  };
}

function bestInChannels(
  indexes: readonly PackageIndex[],
  specs: readonly MatchSpec[],
): RepoDataRecord | undefined {
  const name = specs[0]?.name;
  if (name === undefined) return undefined;
  let best: RepoDataRecord | undefined;
  let priority = 0;
  for (const index of indexes) {
    if (best && index.priority !== priority) break;
    for (const record of index.records(name)) {
      if (!matchesAll(specs, record)) continue;
      if (!best || newestFirst(record, best) < 0) best = record;
      priority = index.priority;
    }
  }
  return best;
}

function matchesAll(specs: readonly MatchSpec[], record: RepoDataRecord): boolean {
  return specs.every((spec) => matchSpecMatches(spec, record));
}

function nameMatches(spec: MatchSpec, name: string): boolean {
  if (spec.name !== undefined) return spec.name === name;
  return !spec.nameMatcher || stringMatches(spec.nameMatcher, name);
}

/** By name, then highest version, build number and timestamp first. */
export function newestFirst(a: RepoDataRecord, b: RepoDataRecord): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  const order =
    compareVersions(b.version, a.version) ||
    b.build_number - a.build_number ||
    (b.timestamp ?? 0) - (a.timestamp ?? 0);
  return order || (a.fn < b.fn ? -1 : a.fn > b.fn ? 1 : 0);
}
