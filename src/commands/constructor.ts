import { join } from "node:path";
import { createExtractor } from "../archive/extract.ts";
import { readIndexJson } from "../archive/info.ts";
import { recordFromUrl } from "../cache/explicit.ts";
import { archiveName } from "../cache/layout.ts";
import { writeRepodataRecord } from "../cache/record-file.ts";
import { ToolError } from "../errors.ts";
import { ensureDir, listDir, readText, removeTree } from "../fs/files.ts";
import { entriesOf, kindAt, makeDirectory, move, removeAll } from "../fs/tree.ts";
import { toRecord } from "../repodata/record.ts";
import { cachePaths } from "../repodata/state.ts";
import { splitCredentials } from "../specs/credentials.ts";
import { splitHash } from "../specs/package-url.ts";
import { distString, type RepoDataRecord } from "../specs/records.ts";
import type { ArchiveFacts } from "../workers/protocol.ts";
import type { CommandContext } from "./context.ts";

export interface ExtractedPackages {
  /** `name-version-build` of what was extracted, sorted. */
  packages: readonly string[];
}

/**
 * What installers made by constructor call: extracts every archive of `<prefix>/pkgs` beside itself and says in
 * info/repodata_record.json where it came from, as the lists that the installer brought (`urls`, `cache/`) know it.
 */
export async function extractCondaPackages(
  prefix: string,
  context: CommandContext,
): Promise<ExtractedPackages> {
  const pkgs = join(prefix, "pkgs");
  const archives = (await listDir(pkgs)).filter((name) => /\.(conda|tar\.bz2)$/.test(name));
  if (archives.length === 0) throw new ToolError("usage", `there is no package archive in \`${pkgs}\``);
  const urls = await readUrls(pkgs);
  const metadata = new PatchedMetadata(join(pkgs, "cache"));
  const done = await Promise.all(archives.map((fn) => extractOne(fn, pkgs, urls.get(fn), metadata, context)));
  return { packages: done.map(distString).sort() };
}

/** A line of `urls`: where an archive came from and what it has to be. */
interface Source {
  location: string;
  md5?: string;
  sha256?: string;
  /** Digits that are no hash of either kind: nothing can be compared, and the record repeats them as micromamba's does. */
  unknown?: string;
}

/** `url#md5` lines, by file name. */
async function readUrls(pkgs: string): Promise<Map<string, Source>> {
  const text = (await readText(join(pkgs, "urls"))) ?? (await readText(join(pkgs, "urls.txt"))) ?? "";
  const found = new Map<string, Source>();
  for (const line of text.split(/\r?\n/)) {
    const source = readSource(line.trim());
    const fn = source.location.split("/").at(-1);
    if (fn) found.set(fn.replaceAll("%21", "!"), source);
  }
  return found;
}

function readSource(line: string): Source {
  const [, location, digits] = /^([^#]*)#([0-9a-f]{1,31})$/.exec(line) ?? [];
  return location === undefined ? splitHash(line) : { location, unknown: digits! };
}

async function extractOne(
  fn: string,
  pkgs: string,
  named: Source | undefined,
  metadata: PatchedMetadata,
  context: CommandContext,
): Promise<RepoDataRecord> {
  const { kind, dist } = archiveName(fn);
  const destination = join(pkgs, dist);
  await removeTree(destination);
  context.events({ type: "extract", id: fn, state: "start" });
  const expected = {
    ...(named?.md5 ? { md5: named.md5 } : {}),
    ...(named?.sha256 ? { sha256: named.sha256 } : {}),
  };
  const facts = await context.resources
    .pool()
    .run(
      "extract-file",
      { fn, kind, archive: join(pkgs, fn), destination, expected, wantMd5: true },
      { signal: context.signal },
    );
  const record = await recordOf(fn, named?.location, destination, facts, metadata);
  if (named?.unknown !== undefined) record.md5 = named.unknown;
  await writeRepodataRecord(destination, record);
  context.events({ type: "extract", id: fn, state: "done" });
  return record;
}

/** The channel's own record where the installer brought it, since channels mend dependencies after the build; else the package's. */
async function recordOf(
  fn: string,
  source: string | undefined,
  directory: string,
  facts: ArchiveFacts,
  metadata: PatchedMetadata,
): Promise<RepoDataRecord> {
  const url = source === undefined ? "" : splitCredentials(source).url;
  const index = readIndexJson(directory);
  const { sha256, md5, size } = facts;
  const known = { constrains: [], ...index };
  if (url === "") return { ...known, fn, url, channel: "", sha256, md5, size };
  const { channel, subdir } = recordFromUrl(url);
  const patched = Object.entries((await metadata.find(url, fn)) ?? {}).filter(
    ([, value]) => value !== undefined,
  );
  return { ...known, ...Object.fromEntries(patched), fn, url, channel, subdir, sha256, md5, size };
}

/** Repodata that an installer brought: `<pkgs>/cache/<name>.json`, one file for each channel subdir. */
class PatchedMetadata {
  private readonly files = new Map<string, Promise<Record<string, unknown>>>();

  constructor(private readonly directory: string) {}

  async find(url: string, fn: string): Promise<RepoDataRecord | undefined> {
    const subdirUrl = url.slice(0, url.lastIndexOf("/"));
    const path = cachePaths(this.directory, subdirUrl).json;
    let file = this.files.get(path);
    if (!file) {
      file = readRecords(path);
      this.files.set(path, file);
    }
    const records = await file;
    if (!Object.hasOwn(records, fn)) return undefined;
    const { name, channel, subdir } = recordFromUrl(url);
    const record = toRecord(records[fn], fn, name, { channel, subdir, archiveBase: `${subdirUrl}/` });
    return typeof record === "string" ? undefined : record;
  }
}

async function readRecords(path: string): Promise<Record<string, unknown>> {
  const text = await readText(path);
  if (text === undefined) return {};
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null;
    return {
      ...(value?.["packages"] as object | undefined),
      ...(value?.["packages.conda"] as object | undefined),
    };
  } catch {
    throw new ToolError("repodata-invalid", `\`${path}\` is no JSON`, { hint: "the installer is damaged" });
  }
}

/** Extracts a tarball (.tar.bz2) that arrives in pieces into the prefix; files that are there are replaced, others stay. */
export async function extractTarball(
  prefix: string,
  input: AsyncIterable<Uint8Array>,
  context: CommandContext,
): Promise<{ files: number }> {
  await ensureDir(prefix);
  const scratch = join(prefix, `.taipan-tarball-${process.pid}`);
  const extractor = await createExtractor({ kind: "tar.bz2", destination: scratch, signal: context.signal });
  try {
    for await (const piece of input) await extractor.write(piece);
    const { files } = await extractor.end();
    merge(scratch, prefix);
    return { files };
  } catch (error) {
    await extractor.abort();
    throw error;
  } finally {
    await removeTree(scratch);
  }
}

/** Moves everything over; a directory is entered only where it is a real one, so that nothing is written through a link. */
function merge(from: string, to: string): void {
  for (const [name, kind] of entriesOf(from) ?? []) {
    const target = join(to, name);
    const there = kindAt(target);
    if (kind === "directory" && there === "directory") {
      merge(join(from, name), target);
      continue;
    }
    if (there !== undefined) removeAll(target);
    else makeDirectory(to);
    move(join(from, name), target);
  }
}
