import { join } from "node:path";
import { listDir, pathKind, readText } from "../fs/files.ts";
import { pythonInfo } from "../plan/python.ts";
import type { PrefixRecord } from "../specs/records.ts";

/** A python distribution in an environment that no conda package brought. */
export interface PipPackage {
  /** Normalised as PyPI does (PEP 503). */
  name: string;
  version: string;
  /** Bytes of its files, as its own list of them says; undefined when it has none. */
  size?: number | undefined;
}

/**
 * What pip (or another python installer) put into the environment's site-packages, read from the metadata that it left
 * there: no python is started. Distributions of conda packages are left out. Sorted by name.
 */
export async function pipPackages(
  prefix: string,
  records: readonly PrefixRecord[],
  platform: string,
): Promise<PipPackage[]> {
  const python = records.find((record) => record.name === "python");
  if (!python) return [];
  const { sitePackages } = pythonInfo(python, platform);
  const owned = ownedEntries(records, sitePackages);
  const found = new Map<string, PipPackage>();
  for (const entry of await listDir(join(prefix, sitePackages))) {
    if (owned.has(entry.toLowerCase())) continue;
    const distribution = await readDistribution(join(prefix, sitePackages, entry), entry);
    if (distribution) found.set(distribution.name, distribution);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** First path part below site-packages of every file that a package owns. */
function ownedEntries(records: readonly PrefixRecord[], sitePackages: string): Set<string> {
  const start = `${sitePackages}/`;
  const owned = new Set<string>();
  for (const record of records) {
    for (const path of record.files) {
      if (!path.startsWith(start)) continue;
      const end = path.indexOf("/", start.length);
      owned.add(path.slice(start.length, end < 0 ? undefined : end).toLowerCase());
    }
  }
  return owned;
}

async function readDistribution(path: string, entry: string): Promise<PipPackage | undefined> {
  if (entry.endsWith(".dist-info")) return fromMetadata(join(path, "METADATA"), join(path, "RECORD"));
  if (entry.endsWith(".egg")) return fromMetadata(join(path, "EGG-INFO", "PKG-INFO"));
  if (entry.endsWith(".egg-info"))
    return fromMetadata((await pathKind(path)) === "directory" ? join(path, "PKG-INFO") : path);
  return entry.endsWith(".egg-link") ? fromEggLink(path) : undefined;
}

async function fromMetadata(path: string, list?: string): Promise<PipPackage | undefined> {
  const text = await readText(path).catch(() => undefined);
  if (text === undefined) return undefined;
  const headers = text.slice(0, 65_536).split(/\r?\n\r?\n/, 1)[0]!;
  const name = /^Name:[ \t]*(\S+)[ \t]*$/im.exec(headers)?.[1];
  const version = /^Version:[ \t]*(\S+)[ \t]*$/im.exec(headers)?.[1];
  if (name === undefined || version === undefined) return undefined;
  const size = list === undefined ? undefined : recordedSize(await readText(list).catch(() => undefined));
  return {
    name: name.toLowerCase().replace(/[-_.]+/g, "-"),
    version,
    ...(size === undefined ? {} : { size }),
  };
}

/** `path,hash,size` lines (PEP 376). */
function recordedSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let sum = 0;
  for (const line of text.split("\n")) sum += Number(/,(\d{1,15})\s*$/.exec(line)?.[1] ?? 0);
  return sum;
}

/** `setup.py develop`: the first line is the directory that has the metadata. */
async function fromEggLink(path: string): Promise<PipPackage | undefined> {
  const directory = (await readText(path).catch(() => undefined))?.split(/\r?\n/, 1)[0]?.trim();
  if (!directory) return undefined;
  const names = await listDir(directory).catch(() => []);
  const info = names.find((name) => name.endsWith(".egg-info"));
  return info ? fromMetadata(join(directory, info, "PKG-INFO")) : undefined;
}
