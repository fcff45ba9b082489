import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { splitCredentials } from "../credentials.ts";
import { pypiName } from "../lock/pip-report.ts";
import type { LockedPypiPackage } from "../lock/types.ts";
import type { RepoDataRecord } from "../records.ts";
import { dependencyConstraint, dependencyName } from "./dependency-names.ts";

/** What was solved for one platform. */
export interface LockPlatformExport {
  platform: string;
  records: readonly RepoDataRecord[];
  pypi?: readonly LockedPypiPackage[];
}

export interface LockExport {
  /** Names or URLs, highest priority first. */
  channels: readonly string[];
  platforms: readonly LockPlatformExport[];
  /** Spec files the lock was made from, relative to it. */
  sources?: readonly string[];
  /** ISO 8601 time, `2026-01-31T12:00:00Z`; left out when not given, so that equal solves give equal files. */
  createdAt?: string;
}

/** A `conda-lock.yml` of version 1 (CEP 37), sorted by platform and name. */
export function writeCondaLock(lock: LockExport): string {
  const platforms = [...lock.platforms].sort((a, b) => compare(a.platform, b.platform));
  const document = {
    version: 1,
    metadata: {
      content_hash: Object.fromEntries(platforms.map((each) => [each.platform, contentHash(each)])),
      channels: lock.channels.map((channel) => ({ url: splitCredentials(channel).url, used_env_vars: [] })),
      platforms: platforms.map(({ platform }) => platform),
      sources: [...(lock.sources ?? [])],
      ...(lock.createdAt ? { time_metadata: { created_at: lock.createdAt } } : {}),
    },
    package: platforms.flatMap((each) => [...condaEntries(each), ...pipEntries(each)]),
  };
  return stringify(document, {
    version: "1.1",
    lineWidth: 0,
    indentSeq: false,
    aliasDuplicateObjects: false,
  });
}

function condaEntries({ platform, records }: LockPlatformExport): object[] {
  return [...records].sort(byName).map((record) => ({
    name: record.name,
    version: record.version,
    manager: "conda",
    platform,
    dependencies: dependencyMap(record.depends),
    url: splitCredentials(record.url).url,
    hash: hashesOf(record),
    build: record.build,
    category: "main",
    optional: false,
  }));
}

function pipEntries({ platform, pypi = [] }: LockPlatformExport): object[] {
  return [...pypi].sort(byName).map((item) => ({
    name: item.name,
    version: item.version ?? "",
    manager: "pip",
    platform,
    dependencies: requirementMap(item.requiresDist),
    url: splitCredentials(item.location).url,
    hash: hashesOf(item),
    category: item.category,
    optional: false,
  }));
}

/**
 * The format has one constraint a name, records may have several (`python >=3.8`, `python <4`): they are joined with `,`.
 * One with a build string (`3.9.* *_cp39`) cannot be joined and stands alone, as the strictest.
 */
function dependencyMap(depends: readonly string[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const spec of depends) {
    const name = dependencyName(spec);
    const constraint = dependencyConstraint(spec);
    const before = found.get(name);
    found.set(name, before === undefined ? constraint : joinConstraints(before, constraint));
  }
  return Object.fromEntries([...found].sort(([a], [b]) => compare(a, b)));
}

/** Requirements of a wheel (PEP 508) without those that only its extras need; the format has no place for other markers. */
function requirementMap(requires: readonly string[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const requirement of requires) {
    const [text = "", marker = ""] = requirement.split(";");
    const [, name, , constraint = ""] =
      /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)$/.exec(text) ?? [];
    if (name === undefined || /\bextra\b/.test(marker)) continue;
    const key = pypiName(name);
    const bare = constraint
      .trim()
      .replace(/^\((.*)\)$/, "$1")
      .replaceAll(/\s+/g, "");
    found.set(key, joinConstraints(found.get(key) ?? "", bare));
  }
  return Object.fromEntries([...found].sort(([a], [b]) => compare(a, b)));
}

function joinConstraints(a: string, b: string): string {
  if (a === "" || b === "") return a || b;
  const withBuild = [a, b].find((constraint) => /\S\s+[^\s,|]/.test(constraint));
  return withBuild ?? `${a},${b}`;
}

export function hashesOf(item: { md5?: string | undefined; sha256?: string | undefined }): {
  md5?: string;
  sha256?: string;
} {
  return { ...(item.md5 ? { md5: item.md5 } : {}), ...(item.sha256 ? { sha256: item.sha256 } : {}) };
}

/** CEP 37: computed from the packages of the platform. */
function contentHash({ records, pypi = [] }: LockPlatformExport): string {
  const lines = [...records]
    .sort(byName)
    .map((record) => `${splitCredentials(record.url).url}#${record.sha256 ?? record.md5 ?? ""}`);
  const more = [...pypi]
    .sort(byName)
    .map((item) => `${splitCredentials(item.location).url}#${item.sha256 ?? ""}`);
  return createHash("sha256")
    .update([...lines, ...more].join("\n"))
    .digest("hex");
}

function byName(a: { name: string }, b: { name: string }): number {
  return compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
