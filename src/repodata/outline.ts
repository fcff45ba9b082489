import type { PackageRecord, RepoDataRecord } from "../specs/records.ts";
import type { RecordSource } from "./record.ts";

/** What a scan of a record found: a struct that is filled again for each record. */
export interface OutlineFields {
  name: string;
  version: string;
  build: string;
  build_number: number;
  subdir: string;
  timestamp: number | undefined;
  indexed_timestamp: number | undefined;
  track_features: string | undefined;
  extension: string;
  /** Where the record is, for its origin. */
  start: number;
  end: number;
}

/** What the rest of outlined records is read from: one for the records of a name. */
export interface OutlineOrigin {
  readonly source: RecordSource;
  /** The record in whole; the scan has vouched for it, so there is one. */
  complete(fn: string, start: number, end: number): RepoDataRecord;
}

/**
 * A record of which only what orders and matches candidates was read. A solve for numpy and pandas looks at 25,000 records
 * and asks 50 of them what they depend on; making all of each took two thirds of the time to load. Not a plain object:
 * `complete()` makes one.
 */
export class OutlineRecord implements RepoDataRecord {
  readonly name: string;
  readonly version: string;
  readonly build: string;
  readonly build_number: number;
  readonly subdir: string;
  readonly timestamp: number | undefined;
  readonly indexed_timestamp: number | undefined;
  readonly track_features: string | undefined;
  private readonly extension: string;
  private readonly start: number;
  private readonly end: number;
  private readonly origin: OutlineOrigin;
  private readonly dependencies: string[] | undefined;
  private whole: RepoDataRecord | undefined = undefined;

  /** With `dependencies` where those were read, too. */
  constructor(fields: OutlineFields, origin: OutlineOrigin, dependencies?: string[]) {
    this.name = fields.name;
    this.version = fields.version;
    this.build = fields.build;
    this.build_number = fields.build_number;
    this.subdir = fields.subdir;
    this.timestamp = fields.timestamp;
    this.indexed_timestamp = fields.indexed_timestamp;
    this.track_features = fields.track_features;
    this.extension = fields.extension;
    this.start = fields.start;
    this.end = fields.end;
    this.origin = origin;
    this.dependencies = dependencies;
  }

  complete(): RepoDataRecord {
    this.whole ??= this.toJSON();
    return this.whole;
  }

  /** As `complete`, for a single look: nothing is kept. */
  toJSON(): RepoDataRecord {
    return this.whole ?? this.origin.complete(this.fn, this.start, this.end);
  }

  get fn(): string {
    return `${this.name}-${this.version}-${this.build}${this.extension}`;
  }
  get url(): string {
    return this.origin.source.archiveBase + this.fn;
  }
  get channel(): string {
    return this.origin.source.channel;
  }
  get depends(): string[] {
    return this.dependencies ?? this.complete().depends;
  }
  get constrains(): PackageRecord["constrains"] {
    return this.complete().constrains;
  }
  get noarch(): PackageRecord["noarch"] {
    return this.complete().noarch;
  }
  get arch(): PackageRecord["arch"] {
    return this.complete().arch;
  }
  get platform(): PackageRecord["platform"] {
    return this.complete().platform;
  }
  get license(): PackageRecord["license"] {
    return this.complete().license;
  }
  get license_family(): PackageRecord["license_family"] {
    return this.complete().license_family;
  }
  get features(): PackageRecord["features"] {
    return this.complete().features;
  }
  get md5(): PackageRecord["md5"] {
    return this.complete().md5;
  }
  get sha256(): PackageRecord["sha256"] {
    return this.complete().sha256;
  }
  get size(): PackageRecord["size"] {
    return this.complete().size;
  }
  get legacy_bz2_md5(): PackageRecord["legacy_bz2_md5"] {
    return this.complete().legacy_bz2_md5;
  }
  get legacy_bz2_size(): PackageRecord["legacy_bz2_size"] {
    return this.complete().legacy_bz2_size;
  }
  get python_site_packages_path(): PackageRecord["python_site_packages_path"] {
    return this.complete().python_site_packages_path;
  }
  get extra_depends(): PackageRecord["extra_depends"] {
    return this.complete().extra_depends;
  }
  get flags(): PackageRecord["flags"] {
    return this.complete().flags;
  }
}

export function emptyFields(): OutlineFields {
  return {
    name: "",
    version: "",
    build: "",
    build_number: 0,
    subdir: "",
    timestamp: undefined,
    indexed_timestamp: undefined,
    track_features: undefined,
    extension: "",
    start: 0,
    end: 0,
  };
}

/** Resets what a record may leave out. An empty version or build is one that was not there. */
export function clearFields(fields: OutlineFields, name: string, subdir: string): void {
  fields.name = name;
  fields.version = "";
  fields.build = "";
  fields.build_number = 0;
  fields.subdir = subdir;
  fields.timestamp = undefined;
  fields.indexed_timestamp = undefined;
  fields.track_features = undefined;
}
