import { dirname, join } from "node:path";
import { distString, type PackageCacheRecord, type PackageRecord } from "../specs/records.ts";

/**
 * Byte code in the package cache: `<pkgs>/.pyc/<python build>/<package>-<hash>/N.pyc` beside `<package>-<hash>.json`, which lists the
 * source of each. Compiled once for a package and a python build, and hard-linked into every environment after that.
 *
 * This is sound because the interpreter checks a source's time and size against the byte code and puts the real file name in when it
 * loads it; hard links keep the time, copies are given it. A package that was extracted again has other times: the entry names the
 * extraction it belongs to and is void for any other. Sources with a prefix in them differ per environment and are never kept.
 */
export interface PycManifest {
  version: 1;
  /** Identity of the extraction (fileIdentity of its info/index.json). */
  extraction: string;
  /** Source paths relative to the prefix: the byte code of `sources[i]` is `i.pyc`. */
  sources: string[];
  /** Sources that this python cannot compile; not tried again. */
  failed: string[];
}

/** Base path of a package's entry, without extension. `undefined` where the package has no hash to name it by. */
export function pycCacheEntry(
  record: PackageCacheRecord,
  python: PackageRecord | undefined,
): string | undefined {
  const hash = record.sha256 ?? record.md5;
  const pythonHash = python?.sha256 ?? python?.md5;
  if (!python || !hash || !pythonHash) return undefined;
  const pkgs = dirname(record.extracted_package_dir);
  return join(
    pkgs,
    ".pyc",
    `${distString(python)}-${pythonHash.slice(0, 12)}`,
    `${distString(record)}-${hash.slice(0, 16)}`,
  );
}

/** The manifest's text as a value, or undefined when it is not one of this extraction. */
export function parsePycManifest(
  text: string | undefined,
  extraction: string | undefined,
): PycManifest | undefined {
  if (text === undefined || extraction === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<PycManifest> | null;
    const strings = (list: unknown): list is string[] =>
      Array.isArray(list) && list.every((item) => typeof item === "string");
    if (
      value?.version !== 1 ||
      value.extraction !== extraction ||
      !strings(value.sources) ||
      !strings(value.failed)
    )
      return undefined;
    return value as PycManifest;
  } catch {
    return undefined;
  }
}
