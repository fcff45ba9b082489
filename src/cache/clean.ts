import { basename, join, relative } from "node:path";
import { fileFacts, listEntries, measureTree, type TreeEntry, tryRename } from "../fs/cache-files.ts";
import { isWritable, removeTree } from "../fs/files.ts";
import { allowed } from "./allowed.ts";
import { type CacheEntry, type CacheLimits, expendable, totalOf } from "./limits.ts";
import { createTemporary, findStale } from "./temporary.ts";

/** Package directories or archives by cache directory, in conda's shape (`clean --json`). Sizes are bytes. */
export interface SizedItems {
  warnings: string[];
  pkg_sizes: Record<string, Record<string, number>>;
  pkgs_dirs: Record<string, string[]>;
  total_size: number;
}

/** What `clean` found, in conda's shape; a part is absent when it was not asked for. `locks` and `trash` are mamba's. */
export interface CleanReport {
  tarballs?: SizedItems;
  index_cache?: { files: string[] };
  packages?: SizedItems;
  /** Where limits were given: bytes that the archives and packages which stay take. */
  remaining_size?: number;
  /** Whole cache directories (`--force-pkgs-dirs`). */
  pkgs_dirs?: string[];
  locks?: string[];
  trash?: string[];
  tempfiles?: string[];
  logfiles?: string[];
}

export interface CleanRequest {
  tarballs?: boolean | undefined;
  indexCache?: boolean | undefined;
  /** Extracted packages of which no file is hard-linked into an environment. Links by symlink or copy cannot be seen. */
  packages?: boolean | undefined;
  locks?: boolean | undefined;
  trash?: boolean | undefined;
  /** Left-overs of interrupted runs. */
  tempfiles?: boolean | undefined;
  /** Prefixes: conda's and mamba's files that were in use when they were to be removed (`*.c~`, `*.trash`). */
  tempfilesIn?: readonly string[] | undefined;
  /** conda's logs in the cache directories. */
  logfiles?: boolean | undefined;
  forcePkgsDirs?: boolean | undefined;
  /** Of archives and packages only what is beyond these goes. */
  limits?: CacheLimits | undefined;
}

/** Directories below a cache directory that are looked into for mamba's `<channel>/<subdir>` layout. */
const DEPTH = 6;

/** Finds what can go from the cache directories that this user may write. Nothing is removed. */
export async function findCleanable(dirs: readonly string[], request: CleanRequest): Promise<CleanReport> {
  const present: string[] = [];
  for (const dir of dirs) if ((await fileFacts(dir)) && (await isWritable(dir))) present.push(dir);
  const report: CleanReport = request.tarballs || request.packages ? await findEntries(present, request) : {};
  if (request.indexCache) {
    const caches = present.map((dir) => join(dir, "cache"));
    report.index_cache = { files: await existing(caches) };
  }
  if (request.locks)
    report.locks = await namesIn(
      present.flatMap((dir) => [dir, join(dir, "cache")]),
      (name) => name.endsWith(".lock"),
    );
  if (request.trash)
    report.trash = await namesIn(present, (name) => /^\.trash$|\.(conda|mamba)_trash$|\.c~$/.test(name));
  if (request.tempfiles || request.tempfilesIn) {
    const places = [
      ...(request.tempfiles ? present.map(findStale) : []),
      ...(request.tempfilesIn ?? []).map(filesInUse),
    ];
    report.tempfiles = (await Promise.all(places)).flat();
  }
  if (request.logfiles)
    report.logfiles = await namesIn(
      present.map((dir) => join(dir, ".logs")),
      (name) => name.endsWith(".log"),
    );
  if (request.forcePkgsDirs) report.pkgs_dirs = present;
  return report;
}

/** Bytes that removing the report's items frees; index caches, locks and litter count too. */
export async function cleanableBytes(report: CleanReport): Promise<number> {
  let bytes = (report.tarballs?.total_size ?? 0) + (report.packages?.total_size ?? 0);
  for (const path of loosePaths(report)) bytes += (await measureTree(path)).bytes;
  return bytes;
}

/**
 * Removes everything in the report. Packages vanish by a rename first, so that nobody sees half of one. Returns what stays because this
 * user may not remove it: in a cache that several users share, directories of the others.
 */
export async function removeCleanable(report: CleanReport): Promise<string[]> {
  const kept: string[] = [];
  for (const items of [report.tarballs, report.packages]) {
    for (const [dir, names] of Object.entries(items?.pkgs_dirs ?? {}))
      if (names.length > 0) kept.push(...(await removeThroughScratch(dir, names)));
  }
  for (const path of loosePaths(report)) if (!(await allowed(removeTree(path)))) kept.push(path);
  return kept;
}

/** What is neither an archive nor a package. */
function loosePaths({ index_cache, locks, trash, tempfiles, logfiles, pkgs_dirs }: CleanReport): string[] {
  return [index_cache?.files, locks, trash, tempfiles, logfiles, pkgs_dirs].flatMap((paths) => paths ?? []);
}

async function removeThroughScratch(dir: string, names: readonly string[]): Promise<string[]> {
  const scratch = await createTemporary(dir);
  const kept: string[] = [];
  for (const [i, name] of names.entries()) {
    const path = join(dir, name);
    if (!(await allowed(tryRename(path, join(scratch, String(i)))))) kept.push(path);
  }
  await removeTree(scratch);
  return kept;
}

interface Contents {
  archives: string[];
  packages: string[];
}

/** Archives and extracted packages of a cache directory, in conda's and in mamba's layout, and kept byte code. */
async function contentsOf(dir: string): Promise<Contents> {
  const contents: Contents = { archives: [], packages: [] };
  const walk = async (entries: readonly TreeEntry[], depth: number): Promise<void> => {
    for (const { path, kind } of entries) {
      const name = basename(path);
      if (kind === "file" && /\.(conda|tar\.bz2)(\.part(ial)?)?$/.test(name)) contents.archives.push(path);
      if (kind !== "directory" || name.startsWith(".") || (depth === 0 && name === "cache")) continue;
      if (await fileFacts(join(path, "info", "index.json"))) contents.packages.push(path);
      else if (depth < DEPTH) await walk(await listEntries(path), depth + 1);
    }
  };
  await walk(await listEntries(dir), 0);
  const byteCode = (await listEntries(join(dir, ".pyc"))).filter((entry) => entry.kind === "directory");
  contents.packages.push(...byteCode.map((entry) => entry.path));
  return contents;
}

async function findEntries(
  dirs: readonly string[],
  { tarballs, packages, limits = {} }: CleanRequest,
): Promise<CleanReport> {
  const archives: CacheEntry[] = [];
  const extracted: CacheEntry[] = [];
  for (const dir of dirs) {
    const contents = await contentsOf(dir);
    if (tarballs) for (const path of contents.archives) archives.push(await measureArchive(dir, path));
    if (packages) for (const path of contents.packages) extracted.push(await measurePackage(dir, path));
  }
  const all = [...archives, ...extracted];
  const going = new Set(expendable(all, limits));
  const limited = limits.usedSince !== undefined || limits.maxBytes !== undefined;
  return {
    ...(tarballs ? { tarballs: sized(archives.filter((entry) => going.has(entry))) } : {}),
    ...(packages ? { packages: sized(extracted.filter((entry) => going.has(entry))) } : {}),
    ...(limited ? { remaining_size: totalOf(all.filter((entry) => !going.has(entry))) } : {}),
  };
}

async function measureArchive(dir: string, path: string): Promise<CacheEntry> {
  const facts = await fileFacts(path);
  return { dir, path, bytes: facts?.size ?? 0, used: facts?.modified ?? 0, linked: false };
}

async function measurePackage(dir: string, path: string): Promise<CacheEntry> {
  const { bytes, maxLinks } = await measureTree(path);
  const times = [path, join(path, "info", "repodata_record.json")].map(
    async (place) => (await fileFacts(place))?.modified ?? 0,
  );
  return { dir, path, bytes, used: Math.max(...(await Promise.all(times))), linked: maxLinks > 1 };
}

function sized(entries: readonly CacheEntry[]): SizedItems {
  const items: SizedItems = { warnings: [], pkg_sizes: {}, pkgs_dirs: {}, total_size: 0 };
  for (const dir of new Set(entries.map((entry) => entry.dir))) {
    const own = entries.filter((entry) => entry.dir === dir);
    const sizes = own.map(({ path, bytes }) => [relative(dir, path), bytes] as const);
    items.pkg_sizes[dir] = Object.fromEntries(sizes);
    items.pkgs_dirs[dir] = sizes.map(([name]) => name);
    items.total_size += totalOf(own);
  }
  return items;
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const kept: string[] = [];
  for (const path of paths) if (await fileFacts(path)) kept.push(path);
  return kept;
}

async function namesIn(dirs: readonly string[], matches: (name: string) => boolean): Promise<string[]> {
  const entries = await Promise.all(dirs.map(listEntries));
  return entries
    .flat()
    .filter((entry) => matches(basename(entry.path)))
    .map((entry) => entry.path);
}

/** Files of a prefix that Windows did not let go when they were replaced, by conda's and mamba's names. */
async function filesInUse(prefix: string): Promise<string[]> {
  const found: string[] = [];
  const pending = [prefix];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const { path, kind } of await listEntries(directory)) {
      if (kind === "directory") pending.push(path);
      else if (/\.(c~|trash|mamba_trash)$/.test(path)) found.push(path);
    }
  }
  return found;
}
