import { stringify } from "yaml";
import { decodePercent } from "../../util/percent.ts";
import { splitCredentials } from "../credentials.ts";
import { buildNumberFromBuild, noarchFromBuild } from "../lock/locked-record.ts";
import type { LockedPypiPackage } from "../lock/types.ts";
import { parseArchiveName } from "../package-url.ts";
import { isKnownSubdir } from "../platform.ts";
import type { RepoDataRecord } from "../records.ts";
import { trimTrailingSlashes } from "../slashes.ts";
import type { LockPlatformExport } from "./conda-lock.ts";

export interface PixiEnvironmentExport {
  name: string;
  /** Base URLs, highest priority first. */
  channelUrls: readonly string[];
  /** PyPI indexes. */
  indexes?: readonly string[];
  platforms: readonly LockPlatformExport[];
}

/** A `pixi.lock` of version 6, the newest that every reader of the format takes. */
export function writePixiLock(environments: readonly PixiEnvironmentExport[]): string {
  const entries = new Map<string, { name: string; entry: object }>();
  const document = {
    version: 6,
    environments: Object.fromEntries(
      [...environments]
        .sort((a, b) => compare(a.name, b.name))
        .map((each) => [each.name, environmentEntry(each, entries)]),
    ),
    packages: [...entries]
      .sort(([urlA, a], [urlB, b]) => compare(a.name, b.name) || compare(urlA, urlB))
      .map(([, { entry }]) => entry),
  };
  return stringify(document, {
    version: "1.2",
    lineWidth: 0,
    indentSeq: false,
    aliasDuplicateObjects: false,
  });
}

type Entries = Map<string, { name: string; entry: object }>;

function environmentEntry(environment: PixiEnvironmentExport, entries: Entries): object {
  const platforms = [...environment.platforms].sort((a, b) => compare(a.platform, b.platform));
  return {
    channels: environment.channelUrls.map((url) => ({
      url: `${trimTrailingSlashes(splitCredentials(url).url)}/`,
    })),
    ...(environment.indexes?.length ? { indexes: [...environment.indexes] } : {}),
    packages: Object.fromEntries(platforms.map((each) => [each.platform, references(each, entries)])),
  };
}

function references({ records, pypi = [] }: LockPlatformExport, entries: Entries): object[] {
  const conda = [...records]
    .sort((a, b) => compare(a.name, b.name))
    .map((record) => {
      const { url } = splitCredentials(record.url);
      if (!entries.has(url)) entries.set(url, { name: record.name, entry: condaEntry(record, url) });
      return { conda: url };
    });
  const python = [...pypi]
    .sort((a, b) => compare(a.name, b.name))
    .map((item) => {
      const { url } = splitCredentials(item.location);
      if (!entries.has(url)) entries.set(url, { name: item.name, entry: pypiEntry(item, url) });
      return { pypi: url };
    });
  return [...conda, ...python];
}

/** Leaves out what readers derive from the URL, as the format wants it. */
function condaEntry(record: RepoDataRecord, url: string): object {
  const derived = parseArchiveName(decodePercent(url.split("/").at(-1) ?? ""));
  const inUrl = url.split("/").at(-2) ?? "";
  const same = (value: unknown, other: unknown) => (value === other ? undefined : value);
  return prune({
    conda: url,
    name: same(record.name, derived?.name),
    version: same(record.version, derived?.version),
    build: same(record.build, derived?.build),
    build_number: same(record.build_number, buildNumberFromBuild(record.build)),
    subdir: same(record.subdir, isKnownSubdir(inUrl) ? inUrl : undefined),
    noarch: same(record.noarch, noarchFromBuild(record.subdir, record.build)),
    sha256: record.sha256,
    md5: record.md5,
    legacy_bz2_md5: record.legacy_bz2_md5,
    depends: filled(record.depends),
    constrains: filled(record.constrains),
    extra_depends:
      record.extra_depends && Object.keys(record.extra_depends).length > 0 ? record.extra_depends : undefined,
    features: record.features || undefined,
    flags: filled(record.flags),
    track_features: filled(record.track_features?.split(/[\s,]+/).filter((feature) => feature !== "")),
    license: record.license || undefined,
    license_family: record.license_family || undefined,
    size: record.size,
    legacy_bz2_size: record.legacy_bz2_size,
    timestamp: record.timestamp,
    python_site_packages_path: record.python_site_packages_path,
  });
}

function pypiEntry(item: LockedPypiPackage, url: string): object {
  return prune({
    pypi: url,
    name: item.name,
    version: item.version,
    sha256: item.sha256,
    md5: item.md5,
    requires_dist: filled(item.requiresDist),
    requires_python: item.requiresPython,
    editable: item.editable,
  });
}

function filled<T>(list: readonly T[] | undefined): T[] | undefined {
  return list && list.length > 0 ? [...list] : undefined;
}

function prune(entry: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
