import type { PackageRecord } from "../specs/records.ts";
import { compareVersions, type Version } from "../specs/version.ts";

/** A record as the solver sees it, with what its order depends on read once. */
export interface Candidate {
  readonly record: PackageRecord;
  readonly version: Version;
  readonly origin: "channel" | "installed" | "virtual";
  /** Rank of its channel: 0 is best. Equal for all when channel priority is disabled. */
  readonly priority: number;
  /** Rank of its channel whatever the priority: between equal versions it breaks the tie. */
  readonly channel: number;
  /** Position of its index in the request, the last resort between equals. */
  readonly position: number;
  readonly features: number;
  /** Milliseconds; 0 when the record has none. */
  readonly timestamp: number;
}

/** How many features a record tracks: each makes it less wanted (conda's way to mark a variant as not the default). */
export function countTrackFeatures(record: PackageRecord): number {
  const features: unknown = record.track_features;
  if (Array.isArray(features)) return features.filter((feature) => feature !== "").length;
  if (typeof features !== "string" || features === "") return 0;
  return features.split(/[\s,]+/).filter((feature) => feature !== "").length;
}

/** When a record says that the package was built, in milliseconds; 0 when it does not say. */
export const timestampOf = (record: PackageRecord): number => inMilliseconds(record.timestamp);

/** Timestamps are milliseconds; those of the first years were seconds (conda: anything up to the year 9999 in seconds). */
export function inMilliseconds(timestamp: unknown): number {
  if (typeof timestamp !== "number" || !Number.isFinite(timestamp) || timestamp <= 0) return 0;
  return timestamp > 253402300799 ? timestamp : timestamp * 1000;
}

/** First respect: channel, fewest track_features, version. `lowest` turns only the version round. */
export function compareGrade0(a: Candidate, b: Candidate, lowest: boolean): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  if (a.features !== b.features) return a.features - b.features;
  if (a.version === b.version) return 0;
  const order = compareVersions(b.version, a.version);
  return lowest ? -order : order;
}

/**
 * Second respect: the channel, where it was not the first (conda: without channel priority "the configured priority of channels is used only
 * to break ties"), then the build number, highest first under every strategy (a rebuild repairs, it does not raise a bound).
 */
export function compareGrade1(a: Candidate, b: Candidate): number {
  return a.channel - b.channel || buildNumber(b) - buildNumber(a);
}

function buildNumber(candidate: Candidate): number {
  const number: unknown = candidate.record.build_number;
  return typeof number === "number" && Number.isFinite(number) ? number : 0;
}

/** What is left between builds that are equal in every respect that matters: newest, arch before noarch, `.conda`, by name. */
export function compareLast(a: Candidate, b: Candidate): number {
  if (a.timestamp !== b.timestamp) return b.timestamp - a.timestamp;
  const noarch = Number(isNoarch(a.record)) - Number(isNoarch(b.record));
  if (noarch !== 0) return noarch;
  if (a.position !== b.position) return a.position - b.position;
  const legacy = Number(isLegacyArchive(a.record)) - Number(isLegacyArchive(b.record));
  if (legacy !== 0) return legacy;
  return a.record.build < b.record.build ? 1 : a.record.build > b.record.build ? -1 : 0;
}

function isNoarch(record: PackageRecord): boolean {
  return record.subdir === "noarch";
}

export function isLegacyArchive(record: PackageRecord & { fn?: string }): boolean {
  return record.fn?.endsWith(".tar.bz2") === true;
}
