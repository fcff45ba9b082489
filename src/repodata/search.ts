import { type MatchSpec, matchSpecMatches } from "../specs/match-spec.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { stringMatches } from "../specs/string-matcher.ts";
import { fetchRecords } from "./load.ts";

/** Names that a spec's name part matches, over all indexes, sorted. Parses no record. */
export function matchingNames(
  indexes: readonly PackageIndex[],
  spec: Pick<MatchSpec, "name" | "nameMatcher">,
): string[] {
  const { name, nameMatcher } = spec;
  if (name !== undefined) return indexes.some((index) => index.has(name)) ? [name] : [];
  const names = new Set<string>();
  for (const index of indexes) for (const candidate of index.names()) names.add(candidate);
  return [...names].filter((candidate) => !nameMatcher || stringMatches(nameMatcher, candidate)).sort();
}

/**
 * All records that match a spec, by name, then in the order of the indexes; outlines where there are some. Only names that
 * match are read (and fetched, from shards).
 */
export async function searchIndexes(
  indexes: readonly PackageIndex[],
  spec: MatchSpec,
): Promise<RepoDataRecord[]> {
  const names = matchingNames(indexes, spec);
  await fetchRecords(indexes, names);
  const found: RepoDataRecord[] = [];
  for (const name of names)
    for (const index of indexes)
      for (const record of index.outlines?.(name) ?? index.records(name))
        if (matchSpecMatches(spec, record)) found.push(record);
  return found;
}
