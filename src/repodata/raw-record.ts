import { ByteInterner } from "./byte-interner.ts";

/** Keys of a record that are used, in the order of their ids in an interner of `createRecordInterner`. */
export const RECORD_KEYS = [
  "name",
  "version",
  "build",
  "build_number",
  "subdir",
  "depends",
  "constrains",
  "noarch",
  "license",
  "license_family",
  "timestamp",
  "indexed_timestamp",
  "track_features",
  "features",
  "md5",
  "sha256",
  "size",
  "python_site_packages_path",
  "arch",
  "platform",
  "legacy_bz2_md5",
  "legacy_bz2_size",
  "extra_depends",
  "flags",
] as const;

export type RecordKey = (typeof RECORD_KEYS)[number];

/** Values as they are in a file, of any type; undefined where the key is absent. Always the same shape, so that reading it is quick. */
export type RawRecord = Record<RecordKey, unknown>;

export function createRecordInterner(): ByteInterner {
  return new ByteInterner(RECORD_KEYS);
}

export function emptyRawRecord(): RawRecord {
  return {
    name: undefined,
    version: undefined,
    build: undefined,
    build_number: undefined,
    subdir: undefined,
    depends: undefined,
    constrains: undefined,
    noarch: undefined,
    license: undefined,
    license_family: undefined,
    timestamp: undefined,
    indexed_timestamp: undefined,
    track_features: undefined,
    features: undefined,
    md5: undefined,
    sha256: undefined,
    size: undefined,
    python_site_packages_path: undefined,
    arch: undefined,
    platform: undefined,
    legacy_bz2_md5: undefined,
    legacy_bz2_size: undefined,
    extra_depends: undefined,
    flags: undefined,
  };
}

/** Sets the key with that id. A jump table of constant stores is several times as fast as a store by a computed key. */
export function setRaw(raw: RawRecord, id: number, value: unknown): void {
  switch (id) {
    case 0:
      raw.name = value;
      break;
    case 1:
      raw.version = value;
      break;
    case 2:
      raw.build = value;
      break;
    case 3:
      raw.build_number = value;
      break;
    case 4:
      raw.subdir = value;
      break;
    case 5:
      raw.depends = value;
      break;
    case 6:
      raw.constrains = value;
      break;
    case 7:
      raw.noarch = value;
      break;
    case 8:
      raw.license = value;
      break;
    case 9:
      raw.license_family = value;
      break;
    case 10:
      raw.timestamp = value;
      break;
    case 14:
      raw.md5 = value;
      break;
    case 15:
      raw.sha256 = value;
      break;
    case 16:
      raw.size = value;
      break;
    default:
      raw[RECORD_KEYS[id]!] = value;
  }
}
