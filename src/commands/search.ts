import { type MatchSpec, matchSpecMatches, parseMatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { compareVersions } from "../specs/version.ts";
import { chooseChannels, loadIndexes } from "./channels.ts";
import type { CommandContext } from "./context.ts";

export interface SearchIntent {
  specs: readonly string[];
  channels: readonly string[];
}

export interface SearchResult {
  query: string;
  /** Newest first. */
  records: readonly RepoDataRecord[];
  similar: readonly string[];
}

/** Searches the channels; names are read from the index, records only of the names that match. */
export async function search(intent: SearchIntent, context: CommandContext): Promise<SearchResult> {
  const specs = (intent.specs.length ? intent.specs : ["*"]).map((text) => parseMatchSpec(text));
  const channels = chooseChannels(
    { channels: intent.channels, fileChannels: [], nodefaults: false },
    context,
  );
  const indexes = await loadIndexes(
    channels,
    specs.flatMap((spec) => (spec.name ? [spec.name] : [])),
    context,
  );
  const records: RepoDataRecord[] = [];
  const names = new Set<string>();
  for (const index of indexes) {
    for (const name of index.names()) {
      names.add(name);
      const wanted = specs.filter((spec) => mayMatchName(spec, name));
      if (wanted.length === 0) continue;
      for (const record of index.records(name))
        if (wanted.some((spec) => matchSpecMatches(spec, record))) records.push(record);
    }
  }
  records.sort(newestFirst);
  const query = intent.specs.join(" ") || "*";
  return { query, records, similar: records.length ? [] : similarNames(specs[0]?.name ?? query, [...names]) };
}

function mayMatchName(spec: MatchSpec, name: string): boolean {
  return spec.name === undefined || spec.name === name;
}

function newestFirst(a: RepoDataRecord, b: RepoDataRecord): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return (
    compareVersions(b.version, a.version) ||
    b.build_number - a.build_number ||
    (b.timestamp ?? 0) - (a.timestamp ?? 0) ||
    (a.fn < b.fn ? -1 : 1)
  );
}
