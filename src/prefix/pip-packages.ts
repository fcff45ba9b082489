import { join, posix } from "node:path";
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
  const found = await distributions(prefix, records, platform);
  return [...found.values()]
    .map(({ distribution }) => distribution)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A distribution of pip's and what its RECORD says it brought, relative to the prefix; undefined without a RECORD. */
export interface PipFiles extends PipPackage {
  files: string[] | undefined;
}

/** What pip installed of the packages that are called `names`, whichever way the names are spelt. */
export async function pipFiles(
  names: readonly string[],
  prefix: string,
  records: readonly PrefixRecord[],
  platform: string,
): Promise<PipFiles[]> {
  const found = await distributions(prefix, records, platform);
  const asked = new Set(names.map(normalName));
  const wanted = [...found.values()].filter(({ distribution }) => asked.has(distribution.name));
  return Promise.all(
    wanted.map(async ({ distribution, path }) => {
      const list = await readText(join(prefix, path, "RECORD")).catch(() => undefined);
      return {
        ...distribution,
        files: list === undefined ? undefined : recordedFiles(list, posix.dirname(path)),
      };
    }),
  );
}

/** By name, with the path of the metadata relative to the prefix. */
async function distributions(
  prefix: string,
  records: readonly PrefixRecord[],
  platform: string,
): Promise<Map<string, { distribution: PipPackage; path: string }>> {
  const found = new Map<string, { distribution: PipPackage; path: string }>();
  const python = records.find((record) => record.name === "python");
  if (!python) return found;
  const { sitePackages } = pythonInfo(python, platform);
  const present = (await listDir(join(prefix, sitePackages))).filter((entry) => DISTRIBUTION.test(entry));
  for (const entry of unowned(present, records, sitePackages)) {
    const path = `${sitePackages}/${entry}`;
    const distribution = await readDistribution(join(prefix, path), entry);
    if (distribution) found.set(distribution.name, { distribution, path });
  }
  return found;
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

/** Paths of a RECORD, made relative to the prefix. Those that lead out of it, or to conda's records, are nobody's to remove. */
function recordedFiles(text: string, sitePackages: string): string[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const quoted = /^"((?:[^"]|"")*)"/.exec(line)?.[1]?.replaceAll('""', '"');
    const name = (quoted ?? line.split(",", 1)[0]!).replaceAll("\\", "/");
    const path = posix.normalize(`${sitePackages}/${name}`);
    const foreign = name === "" || /^(\/|[A-Za-z]:)/.test(name) || /^(\.\.|conda-meta)(\/|$)/i.test(path);
    return foreign || path.endsWith("/") ? [] : [path];
  });
}

/** `setup.py develop`: the first line is the directory that has the metadata. */
async function fromEggLink(path: string): Promise<PipPackage | undefined> {
  const directory = (await readText(path).catch(() => undefined))?.split(/\r?\n/, 1)[0]?.trim();
  if (!directory) return undefined;
  const names = await listDir(directory).catch(() => []);
  const info = names.find((name) => name.endsWith(".egg-info"));
  return info ? fromMetadata(join(directory, info, "PKG-INFO")) : undefined;
}
