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
  const present = (await listDir(join(prefix, sitePackages))).filter((entry) => DISTRIBUTION.test(entry));
  const found = new Map<string, PipPackage>();
  for (const entry of unowned(present, records, sitePackages)) {
    const distribution = await readDistribution(join(prefix, sitePackages, entry), entry);
    if (distribution) found.set(distribution.name, distribution);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const DISTRIBUTION = /\.(?:dist-info|egg|egg-info|egg-link)$/;

/**
 * Entries of site-packages that no package has files in. A record's list of files is long and read when it is asked for: the
 * packages that are called like an entry are asked first, and nobody else once every entry has its owner.
 */
function unowned(
  entries: readonly string[],
  records: readonly PrefixRecord[],
  sitePackages: string,
): Iterable<string> {
  const left = new Map(entries.map((entry) => [entry.toLowerCase(), entry]));
  const names = new Set(entries.map((entry) => normalName(/^[^-]*/.exec(entry)![0].replace(/\.egg.*/, ""))));
  const likely = (record: PrefixRecord): number => (names.has(normalName(record.name)) ? 0 : 1);
  const start = `${sitePackages}/`;
  for (const record of [...records].sort((a, b) => likely(a) - likely(b))) {
    if (left.size === 0) break;
    let last = "";
    for (const path of record.files) {
      if (!path.startsWith(start)) continue;
      const end = path.indexOf("/", start.length);
      const entry = path.slice(start.length, end < 0 ? undefined : end);
      if (entry !== last) left.delete(entry.toLowerCase());
      last = entry;
    }
  }
  return left.values();
}

/** PEP 503. */
const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

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
    name: normalName(name),
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
