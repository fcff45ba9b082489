import type { MatchSpec, PlainField } from "./match-spec.ts";
import type { PackageRecord } from "./records.ts";
import { trimTrailingSlashes } from "./slashes.ts";
import { stringMatches } from "./string-matcher.ts";
import { isValidVersion } from "./version.ts";
import { versionSpecMatches } from "./version-spec.ts";

/** A record, with where it comes from when that is known. */
export type MatchableRecord = Omit<PackageRecord, "track_features" | "depends"> & {
  depends?: readonly string[];
  track_features?: string | readonly string[] | undefined;
  channel?: string | undefined;
  url?: string | undefined;
  fn?: string | undefined;
};

/**
 * Whether the record satisfies the spec. `channel`, `url` and `fn` are checked when the record has them; `when`, `extras` and
 * `optional` say something about the solution, not about the record. A record whose version is no version matches only specs
 * that do not ask for one.
 */
export function matchSpecMatches(spec: MatchSpec, record: MatchableRecord): boolean {
  if (spec.name !== undefined && spec.name !== record.name && spec.name !== record.name.toLowerCase())
    return false;
  if (spec.nameMatcher !== undefined && !stringMatches(spec.nameMatcher, record.name)) return false;
  if (
    spec.version !== undefined &&
    !(isValidVersion(record.version) && versionSpecMatches(spec.version, record.version))
  )
    return false;
  if (spec.build !== undefined && !stringMatches(spec.build, record.build)) return false;
  if (spec.buildNumber !== undefined && !versionSpecMatches(spec.buildNumber, String(record.build_number)))
    return false;
  return originMatches(spec, record) && detailsMatch(spec, record);
}

function originMatches(spec: MatchSpec, record: MatchableRecord): boolean {
  if (
    spec.subdirMatchers !== undefined &&
    !spec.subdirMatchers.some((matcher) => stringMatches(matcher, record.subdir ?? ""))
  )
    return false;
  if (
    spec.channel !== undefined &&
    record.channel !== undefined &&
    !namesChannel(spec.channelMembers ?? [spec.channel], record.channel, record.url)
  )
    return false;
  if (
    spec.url !== undefined &&
    record.url !== undefined &&
    plainLocation(spec.url) !== plainLocation(record.url)
  )
    return false;
  return (
    spec.fn === undefined ||
    spec.url !== undefined ||
    record.fn === undefined ||
    spec.fn.toLowerCase() === record.fn.toLowerCase()
  );
}

function namesChannel(wanted: readonly string[], actual: string, recordUrl: string | undefined): boolean {
  return wanted.some((channel) => channelMatches(channel, actual, recordUrl));
}

function detailsMatch(spec: MatchSpec, record: MatchableRecord): boolean {
  if (spec.md5 !== undefined && spec.md5 !== record.md5?.toLowerCase()) return false;
  if (spec.sha256 !== undefined && spec.sha256 !== record.sha256?.toLowerCase()) return false;
  if (spec.license !== undefined && !stringMatches(spec.license, record.license ?? "")) return false;
  if (spec.licenseFamily !== undefined && !stringMatches(spec.licenseFamily, record.license_family ?? ""))
    return false;
  if (spec.features !== undefined && !stringMatches(spec.features, record.features ?? "")) return false;
  if (spec.trackFeatures !== undefined && !tracksAll(spec.trackFeatures, record.track_features)) return false;
  if (spec.flags?.some((flag) => !record.flags?.some((text) => stringMatches(flag, text)))) return false;
  if (spec.plain !== undefined) {
    for (const [field, matcher] of Object.entries(spec.plain)) {
      if (!stringMatches(matcher, String(record[field as PlainField] ?? ""))) return false;
    }
  }
  return true;
}

function tracksAll(wanted: readonly string[], tracked: string | readonly string[] | undefined): boolean {
  const have = typeof tracked === "string" ? tracked.split(/[\s,]+/) : (tracked ?? []);
  return wanted.every((feature) => have.includes(feature));
}

/** `defaults` is what these channels of repo.anaconda.com are called together. */
const DEFAULTS = /^pkgs\/(?:main|r|msys2|free|pro|anaconda)$/;

/**
 * Whether a channel as written in a spec is the record's channel. A name is compared with the canonical name, or with the path of
 * the URL; a URL with the URL. Globs are allowed. Credentials and tokens say nothing about identity.
 */
export function channelMatches(wanted: string, actual: string, recordUrl?: string): boolean {
  const spec = plainLocation(wanted).toLowerCase();
  const record = plainLocation(actual).toLowerCase();
  if (spec === record) return true;
  if (spec.includes("*")) {
    const pattern = { kind: "glob" as const, source: wanted, parts: spec.split("*") };
    return stringMatches(pattern, record) || stringMatches(pattern, urlPath(record));
  }
  const specIsUrl = spec.includes("://");
  if (specIsUrl && record.includes("://")) return false;
  if (specIsUrl) {
    // The record has only a name: its own URL decides, else the path.
    return recordUrl === undefined
      ? urlPath(spec) === record
      : plainLocation(recordUrl).toLowerCase().startsWith(`${spec}/`);
  }
  const path = urlPath(record);
  return path === spec || (spec === "defaults" && DEFAULTS.test(path));
}

/** Without credentials, token, `file://` and trailing slashes. */
function plainLocation(text: string): string {
  const bare = text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1")
    .replace(/\/t\/[^/]+(?=\/)/, "")
    .replace(/^file:\/\//, "");
  return trimTrailingSlashes(bare);
}

/** The path of a URL without its leading slash; other text is returned as it is. */
function urlPath(text: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/]*\/?(.*)$/.exec(text)?.[1] ?? text;
}
