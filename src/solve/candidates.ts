import type { MatchSpec } from "../specs/match-spec.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import type { PackageRecord, PrefixRecord, RepoDataRecord } from "../specs/records.ts";
import { parseVersion, type Version } from "../specs/version.ts";
import {
  type Candidate,
  countTrackFeatures,
  inMilliseconds,
  isLegacyArchive,
  timestampOf,
} from "./candidate-order.ts";
import type { ChannelPriority } from "./types.ts";

/** Where the candidates of a name come from. */
export interface CandidateSource {
  readonly indexes: readonly PackageIndex[];
  readonly installed: ReadonlyMap<string, PrefixRecord>;
  readonly virtual: ReadonlyMap<string, PackageRecord>;
  readonly channelPriority: ChannelPriority;
  /** Names for which a spec of the request names the channel: strict priority does not hide other channels from it. */
  readonly channelNamed: ReadonlySet<string>;
  /** The time after which records of a name do not count. */
  newest(name: string): number | undefined;
  /** Records by the clock that this time was compared with. */
  readonly clocks: Record<Clock, number>;
  readonly noDependencies: boolean;
  /** The installed record of a name that should stay as it is. */
  keeps(name: string): PrefixRecord | undefined;
  /** Whether the lowest version of a name is wanted. */
  lowest(name: string): boolean;
  /** Names that a spec without an exact name may mean. */
  matchingNames(spec: MatchSpec): readonly string[];
}

/** When the channel first listed a record (CEP 47), when it was built, or nothing. */
export type Clock = "indexed" | "built" | "none";

/** Records that exist but are no candidates, with the reason. */
export interface LeftOut {
  /** In a channel of lower priority, under strict channel priority. */
  byPriority: RepoDataRecord[];
  /** Newer than the date of `--exclude-newer`. */
  byDate: RepoDataRecord[];
}

/** Every record of a name that may be selected, in no order. */
export function gatherCandidates(
  source: CandidateSource,
  name: string,
): { candidates: Candidate[]; leftOut: LeftOut | undefined } {
  const virtual = source.virtual.get(name);
  if (virtual) {
    const candidate = makeCandidate(source, virtual, "virtual", 0, 0);
    return { candidates: candidate ? [candidate] : [], leftOut: undefined };
  }
  const leftOut: LeftOut = { byPriority: [], byDate: [] };
  const candidates: Candidate[] = [];
  const installed = source.installed.get(name);
  if (installed) {
    const index = source.indexes.find((other) => other.channel === installed.channel);
    const candidate = makeCandidate(source, installed, "installed", index?.priority ?? 0, -1);
    if (candidate) candidates.push(candidate);
  }
  const byDist = new Map<string, number>();
  const strict = source.channelPriority === "strict" && !source.channelNamed.has(name);
  let owner: number | undefined;
  for (const [position, index] of source.indexes.entries()) {
    if (!index.has(name)) continue;
    owner ??= index.priority;
    const hidden = strict && index.priority !== owner;
    for (const record of index.outlines?.(name) ?? index.records(name)) {
      if (record.name !== name) continue;
      if (hidden) leftOut.byPriority.push(record);
      else if (isTooNew(record, source)) leftOut.byDate.push(record);
      else if (!installed || !isSamePackage(installed, record)) {
        const candidate = makeCandidate(source, record, "channel", index.priority, position);
        if (!candidate) continue;
        if (index.distinct) candidates.push(candidate);
        else addPreferringConda(candidates, byDist, candidate);
      }
    }
  }
  const some = leftOut.byPriority.length + leftOut.byDate.length > 0;
  return { candidates, leftOut: some ? leftOut : undefined };
}

function makeCandidate(
  source: CandidateSource,
  record: PackageRecord,
  origin: Candidate["origin"],
  channel: number,
  position: number,
): Candidate | undefined {
  if (typeof record.build !== "string") return undefined;
  let version: Version;
  try {
    version = parseVersion(record.version);
  } catch {
    return undefined;
  }
  const features = countTrackFeatures(record);
  const priority = source.channelPriority === "disabled" ? 0 : channel;
  return { record, version, origin, priority, channel, position, features, timestamp: timestampOf(record) };
}

/** The same build as `.conda` and `.tar.bz2` in one subdir is one candidate: the `.conda`. */
function addPreferringConda(
  candidates: Candidate[],
  byDist: Map<string, number>,
  candidate: Candidate,
): void {
  const { record, position } = candidate;
  const key = `${position}/${record.version}/${record.build}`;
  const at = byDist.get(key);
  if (at === undefined) {
    byDist.set(key, candidates.push(candidate) - 1);
    return;
  }
  if (isLegacyArchive(candidates[at]!.record) && !isLegacyArchive(record)) candidates[at] = candidate;
}

/** Whether a channel's record is the installed package, so that choosing it would change nothing. */
function isSamePackage(installed: PrefixRecord, record: RepoDataRecord): boolean {
  if (installed.version !== record.version || installed.build !== record.build) return false;
  if (installed.sha256 && record.sha256) return installed.sha256 === record.sha256;
  if (installed.md5 && record.md5) return installed.md5 === record.md5;
  return true;
}

/** CEP 47: when the channel first listed the record, else when it was built. Records without either are old enough. */
function isTooNew(record: PackageRecord, { newest, clocks }: CandidateSource): boolean {
  const limit = newest(record.name);
  if (limit === undefined || limit === Infinity) return false;
  const indexed = inMilliseconds(record.indexed_timestamp);
  const time = indexed || timestampOf(record);
  clocks[indexed > 0 ? "indexed" : time > 0 ? "built" : "none"]++;
  return time > limit;
}
