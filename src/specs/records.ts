/**
 * Package records, one type per provenance. Keys are exactly those of conda's files (CEP 34, 36, 32): no translation layer.
 */

/** What `info/index.json` and repodata say of a package. */
export interface PackageRecord {
  name: string;
  version: string;
  build: string;
  build_number: number;
  /** Platform directory, such as `linux-64` or `noarch`. */
  subdir: string;
  depends: string[];
  constrains?: string[] | undefined;
  noarch?: "python" | "generic" | undefined;
  arch?: string | null | undefined;
  platform?: string | null | undefined;
  license?: string | undefined;
  license_family?: string | undefined;
  /** Milliseconds since the epoch as the builder says (older records: seconds). */
  timestamp?: number | undefined;
  /** CEP 47: milliseconds at which the channel first listed the record. */
  indexed_timestamp?: number | undefined;
  /** Space- or comma-separated in files; kept as written. */
  track_features?: string | undefined;
  features?: string | undefined;
  md5?: string | undefined;
  sha256?: string | undefined;
  /** Archive size in bytes. */
  size?: number | undefined;
  legacy_bz2_md5?: string | undefined;
  legacy_bz2_size?: number | undefined;
  /** CEP 17: directory below the prefix, on python records only. */
  python_site_packages_path?: string | undefined;
  /** CEP 44 (v3): dependencies by extra name. */
  extra_depends?: Record<string, string[]> | undefined;
  /** CEP 45 (v3). */
  flags?: string[] | undefined;
}

/** A record as found in a channel. */
export interface RepoDataRecord extends PackageRecord {
  /** Archive file name, `name-version-build.conda` or `.tar.bz2`. */
  fn: string;
  /** Full URL of the archive, without credentials. */
  url: string;
  /** Channel base URL or canonical name, without subdir and credentials. */
  channel: string;
}

/** A record whose archive is extracted in a package cache. */
export interface PackageCacheRecord extends RepoDataRecord {
  /** Absolute path of the archive; it may have been cleaned away. */
  package_tarball_full_path: string;
  /** Absolute path of the extracted package. */
  extracted_package_dir: string;
}

/** CEP 32 link types. */
export const LINK_TYPE = { hardlink: 1, softlink: 2, copy: 3, directory: 4 } as const;
export type LinkType = (typeof LINK_TYPE)[keyof typeof LINK_TYPE];

/** One entry of `info/paths.json` (CEP 34). */
export interface PathsEntry {
  _path: string;
  path_type: "hardlink" | "softlink" | "directory";
  sha256?: string | undefined;
  size_in_bytes?: number | undefined;
  prefix_placeholder?: string | undefined;
  file_mode?: "text" | "binary" | undefined;
  no_link?: boolean | undefined;
  /** Where the placeholder is, as the package says; `malformed` when that breaks the draft whatever the file holds. Not in records. */
  offsets?: PlaceholderOffsets | "malformed" | undefined;
}

/**
 * Bytes from the start of the packaged file at which the UTF-8 placeholder begins (draft CEP "Prefix placeholder offsets in
 * paths.json"). Untrusted: whether they agree with the file is checked where they are used.
 */
export interface PlaceholderOffsets {
  /** Of a text. */
  positions?: readonly number[] | undefined;
  /** Of a binary: for each C string its occurrences and, last, where it ends. */
  strings?: readonly (readonly number[])[] | undefined;
  /** Bytes of a first line that begins with `#!`, with its newline; it holds none of the positions. */
  shebang_length?: number | undefined;
}

/** One entry of `paths_data.paths` in a prefix record: `_path` is relative to the prefix, as installed. */
export interface PrefixPathsEntry extends Omit<PathsEntry, "path_type" | "offsets"> {
  path_type:
    | PathsEntry["path_type"]
    | "pyc_file"
    | "unix_python_entry_point"
    | "windows_python_entry_point_script"
    | "windows_python_entry_point_exe";
  sha256_in_prefix?: string | undefined;
}

/** `conda-meta/<name>-<version>-<build>.json` (CEP 32). */
export interface PrefixRecord extends PackageCacheRecord {
  files: string[];
  paths_data: { paths_version: 1; paths: PrefixPathsEntry[] };
  link: { source: string; type: LinkType };
  /** conda writes the first requested spec here; empty string when it is a dependency only. */
  requested_spec?: string | undefined;
  requested_specs?: string[] | undefined;
}

/** `name-version-build`, conda's dist string: the key of a package in caches, history and conda-meta. */
export function distString(record: Pick<PackageRecord, "name" | "version" | "build">): string {
  return `${record.name}-${record.version}-${record.build}`;
}

/** The name in a dist string or the file name of a package; empty for what is neither. */
export function nameOfDist(dist: string): string {
  return dist.split("-").slice(0, -2).join("-");
}

/** Where the channel of a record is, by the record's URL; its `channel` may be a name. */
export function channelUrl(record: Pick<RepoDataRecord, "url" | "subdir">): string {
  const path = record.url.slice(0, record.url.lastIndexOf("/"));
  return path.endsWith(`/${record.subdir}`) ? path.slice(0, -record.subdir.length - 1) : path;
}
