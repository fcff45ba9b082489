import {
  isSafeBuildString,
  isSafeFileName,
  isSafePackageName,
  isSafeSubdir,
  isSafeVersionString,
} from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";

/** Where a record comes from, and what it is completed with. */
export interface RecordSource {
  /** Channel as shown to users. */
  channel: string;
  subdir: string;
  /** URL that file names are appended to, with a trailing slash and without credentials. */
  archiveBase: string;
  /** Leave out `.conda` packages (`use_only_tar_bz2`). */
  onlyTarBz2?: boolean | undefined;
}

/** Longest text that a record may hold in one string. */
export const MAX_TEXT = 8192;

type Raw = Record<string, unknown>;

function optionalText(raw: Raw, key: string): string | undefined {
  const value = raw[key];
  return typeof value === "string" && value.length <= MAX_TEXT ? value : undefined;
}

/** A list of strings; undefined when it is anything else. Absent and null are the empty list. */
function textList(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  for (const item of value) if (typeof item !== "string" || item.length > MAX_TEXT) return undefined;
  return value as string[];
}

function textLists(value: unknown): Record<string, string[]> | undefined {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  const lists: Record<string, string[]> = Object.create(null);
  for (const [key, item] of Object.entries(value)) {
    const list = textList(item);
    if (!list) return undefined;
    lists[key] = list;
  }
  return lists;
}

/** A hexadecimal hash in lower case: undefined when absent, false when it is none. */
function hash(value: unknown, length: number): string | undefined | false {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string" || value.length !== length || !/^[0-9a-fA-F]+$/.test(value)) return false;
  return value.toLowerCase();
}

/** `track_features` and `features` are text, but some builders wrote lists. */
function featureText(value: unknown): string | undefined {
  if (typeof value === "string" && value.length <= MAX_TEXT) return value === "" ? undefined : value;
  const list = Array.isArray(value) ? textList(value) : undefined;
  return list && list.length > 0 ? list.join(" ") : undefined;
}

function noarch(value: unknown): "python" | "generic" | undefined {
  // `true` is how the first noarch packages were marked, before there were kinds.
  return value === "python" ? "python" : value === "generic" || value === true ? "generic" : undefined;
}

/** A directory below the prefix that stays there: the linker writes to it (CEP 17). */
export function isInnerPath(path: string): boolean {
  return /^[A-Za-z0-9_.+-]+(\/[A-Za-z0-9_.+-]+)*$/.test(path) && !path.split("/").includes("..");
}

const timestamp = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined;

const size = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;

/**
 * Checks and completes a record of a channel. The answer is a reason in words when the record cannot be used: what becomes
 * part of a path must be safe (CEP 26), what is solved with must have its type, and a hash must be a hash. Other keys of a
 * wrong type are dropped, and unknown keys are ignored (CEP 36).
 */
export function toRecord(
  value: unknown,
  fn: string,
  name: string,
  source: RecordSource,
): RepoDataRecord | string {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "it is no dictionary";
  const raw = value as Raw;
  if (!isSafeFileName(fn)) return "its file name is no archive name";
  if (raw["name"] !== name || !isSafePackageName(name)) return "its name is malformed";
  const version = raw["version"];
  if (typeof version !== "string" || !isSafeVersionString(version)) return "its version is malformed";
  const build = raw["build"];
  if (typeof build !== "string" || !isSafeBuildString(build)) return "its build is malformed";
  const buildNumber = raw["build_number"] ?? 0;
  if (!Number.isSafeInteger(buildNumber) || (buildNumber as number) < 0)
    return "its build_number is no number";
  const subdir = raw["subdir"] ?? source.subdir;
  if (typeof subdir !== "string" || !isSafeSubdir(subdir)) return "its subdir is malformed";
  const depends = textList(raw["depends"]);
  if (!depends) return "its depends is no list of texts";
  const constrains = textList(raw["constrains"]);
  if (!constrains) return "its constrains is no list of texts";
  const sha256 = hash(raw["sha256"], 64);
  const md5 = hash(raw["md5"], 32);
  if (sha256 === false || md5 === false) return "a hash of it is malformed";
  const sitePackages = optionalText(raw, "python_site_packages_path");
  if (sitePackages !== undefined && !isInnerPath(sitePackages))
    return "its python_site_packages_path leaves the prefix";

  // Every record has the same keys in the same order, so that the solver's property accesses stay monomorphic.
  const record: RepoDataRecord = {
    name,
    version: version,
    build: build,
    build_number: buildNumber as number,
    subdir: subdir,
    depends,
    constrains: constrains.length > 0 ? constrains : undefined,
    noarch: noarch(raw["noarch"]),
    license: optionalText(raw, "license"),
    license_family: optionalText(raw, "license_family"),
    timestamp: timestamp(raw["timestamp"]),
    indexed_timestamp: timestamp(raw["indexed_timestamp"]),
    track_features: featureText(raw["track_features"]),
    features: featureText(raw["features"]),
    md5,
    sha256,
    size: size(raw["size"]),
    python_site_packages_path: sitePackages,
    fn,
    url: source.archiveBase + fn,
    channel: source.channel,
  };
  return addRareKeys(record, raw);
}

/** Keys that few records have; left off entirely where they are absent. */
function addRareKeys(record: RepoDataRecord, raw: Raw): RepoDataRecord | string {
  if (typeof raw["arch"] === "string") record.arch = raw["arch"];
  if (typeof raw["platform"] === "string") record.platform = raw["platform"];
  const legacy = hash(raw["legacy_bz2_md5"], 32);
  if (typeof legacy === "string") {
    record.legacy_bz2_md5 = legacy;
    record.legacy_bz2_size = size(raw["legacy_bz2_size"]);
  }
  if (raw["extra_depends"] !== undefined && raw["extra_depends"] !== null) {
    const extras = textLists(raw["extra_depends"]);
    if (!extras) return "its extra_depends is malformed";
    record.extra_depends = extras;
  }
  if (raw["flags"] !== undefined && raw["flags"] !== null) {
    const flags = textList(raw["flags"]);
    if (!flags) return "its flags is no list of texts";
    record.flags = flags;
  }
  return record;
}

/** The warning of a record that cannot be used; `reason` is what `toRecord` answered. */
export function leftOut(key: string, { channel, subdir }: RecordSource, reason: string): string {
  const shown = key.length > 100 ? `${key.slice(0, 100)}…` : key;
  return `record ${JSON.stringify(shown)} of \`${channel}/${subdir}\` is left out: ${reason}`;
}

/**
 * One record per archive: later entries replace earlier ones of the same file name, what is listed as removed is out, and
 * `.conda` wins over the `.tar.bz2` of the same stem, which is the same package in an older form.
 */
export function mergeRecords(
  records: readonly RepoDataRecord[],
  removed: ReadonlySet<string>,
): RepoDataRecord[] {
  const byFile = new Map<string, RepoDataRecord>();
  for (const record of records) byFile.set(record.fn, record);
  return withoutOthers(byFile, removed);
}

/** Records by file name without those that are removed, or there as `.conda` too. */
export function withoutOthers(
  byFile: ReadonlyMap<string, RepoDataRecord>,
  removed: ReadonlySet<string>,
): RepoDataRecord[] {
  const merged: RepoDataRecord[] = [];
  const isListed = (fn: string): boolean => byFile.has(fn) && !removed.has(fn);
  for (const [fn, record] of byFile) {
    if (removed.size > 0 && removed.has(fn)) continue;
    if (fn.endsWith(".tar.bz2") && isListed(`${fn.slice(0, -8)}.conda`)) continue;
    merged.push(record);
  }
  return merged;
}
