/** The worker's part of linking: everything about one package's files happens here, in one task. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { takeInfo } from "../archive/recent-info.ts";
import { ToolError } from "../errors.ts";
import {
  ensureDirSync,
  fileIdentity,
  Linker,
  linkAll,
  moveIntoPlace,
  readTextSync,
  readWithMode,
  writeNew,
} from "../fs/link.ts";
import {
  type ExtractedInfo,
  type LinkFile,
  type PackageLinks,
  type PycFile,
  plannedPaths,
  planPackage,
  prefixPathsEntry,
} from "../plan/link-plan.ts";
import {
  distString,
  LINK_TYPE,
  type LinkType,
  type PrefixPathsEntry,
  type PrefixRecord,
} from "../specs/records.ts";
import type {
  LinkedPackage,
  LinkPackageInput,
  PlannedPackage,
  PlanPackageInput,
  StorePycInput,
} from "../workers/link-tasks.ts";
import { formatPrefixRecord, prefixRecordFile } from "./conda-meta.ts";
import { replaceAtOffsets } from "./placeholder-offsets.ts";
import { type PycManifest, parsePycManifest } from "./pyc-cache.ts";

/** Plans made by `plan-package` and not used yet; the same worker often links what it planned. */
const plans = new Map<string, PackageLinks>();

async function extractedInfo(directory: string): Promise<ExtractedInfo> {
  const info = await takeInfo(directory);
  const link = info.link?.noarch;
  return {
    paths: info.paths,
    noarch: info.index.noarch ?? link?.type,
    entryPoints: link?.entry_points ?? [],
  };
}

async function planOf(input: PlanPackageInput): Promise<PackageLinks> {
  const key = JSON.stringify(input);
  const known = plans.get(key);
  if (known) {
    plans.delete(key);
    return known;
  }
  return planPackage(await extractedInfo(input.directory), input);
}

/** Reads and judges a package's metadata; nothing is written. */
export async function planPackageTask(input: PlanPackageInput): Promise<PlannedPackage> {
  const links = await planOf(input);
  plans.set(JSON.stringify(input), links);
  const paths = plannedPaths(links);
  return {
    paths: paths.join("\n"),
    longest: paths.reduce((most, path) => Math.max(most, path.length), 0),
    longestName: paths.reduce(
      (most, path) => (path.length > most ? Math.max(most, longestName(path)) : most),
      0,
    ),
    softlinks: links.files
      .filter((file) => file.entry.path_type === "softlink")
      .map((file) => file.target)
      .join("\n"),
    pycCount: links.pyc.length,
    fileCount: links.files.length + links.generated.length,
    bytes: links.bytes,
    patchedBytes: links.patchedBytes,
    scripts: links.scripts,
    menus: links.menus,
  };
}

function longestName(path: string): number {
  let most = 0;
  for (let from = 0, to = 0; to >= 0; from = to + 1) {
    to = path.indexOf("/", from);
    most = Math.max(most, (to < 0 ? path.length : to) - from);
  }
  return most;
}

/** Maps a target through directories that are symlinks. */
function throughAliases(path: string, aliases: LinkPackageInput["aliases"]): string {
  for (const [from, to] of aliases)
    if (path.startsWith(`${from}/`))
      return to === "" ? path.slice(from.length + 1) : `${to}${path.slice(from.length)}`;
  return path;
}

/** Links one package into the root and writes its conda-meta record there. */
export async function linkPackageTask(input: LinkPackageInput): Promise<LinkedPackage> {
  const { record, root, prefix, platform } = input;
  const directory = record.extracted_package_dir;
  const owner = distString(record);
  const links = await planOf({
    directory,
    owner,
    platform,
    prefix,
    python: input.python,
    compilePyc: input.compilePyc,
  });
  if (input.only) restrict(links, new Set(input.only));
  const linker = new Linker(root, input.methods);
  const skip = new Set(input.skip);
  const at = (target: string): string =>
    input.aliases.length === 0 ? `${root}/${target}` : `${root}/${throughAliases(target, input.aliases)}`;

  const files: string[] = [];
  const paths: PrefixPathsEntry[] = [];
  const patchedSources = new Set<string>();
  const searched: string[] = [];
  for (const target of links.directories) {
    linker.directory(at(target));
    paths.push({ _path: target, path_type: "directory" });
  }
  for (const file of links.files) {
    const context = { linker, directory, target: at(file.target), input, searched };
    const sha256 = skip.has(file.target) ? hashInPrefix(file, context) : linkFile(file, context);
    if (sha256 === false) continue;
    if (file.entry.prefix_placeholder !== undefined) patchedSources.add(file.target);
    files.push(file.target);
    paths.push(prefixPathsEntry(file, sha256));
  }
  for (const file of links.generated) {
    if (!skip.has(file.path)) {
      linker.directory(parentOf(at(file.path)));
      writeNew(at(file.path), file.content, 0o755);
    }
    files.push(file.path);
    paths.push({
      _path: file.path,
      path_type: file.pathType,
      sha256_in_prefix: createHash("sha256").update(file.content).digest("hex"),
    });
  }

  const linkedFiles = new Set(files);
  const wanted = links.pyc.filter(
    (file) => linkedFiles.has(file.source) && !skip.has(file.target) && !skip.has(file.source),
  );
  const pyc = linkCachedPyc(wanted, { linker, input, at, patchedSources });
  for (const file of [...pyc.linked, ...pyc.compile]) {
    files.push(file.target);
    paths.push({ _path: file.target, path_type: "pyc_file" });
  }
  if (!input.only) writeRecord(input, linker, files, paths);
  const compile = pyc.compile.map((file) => {
    const kind = patchedSources.has(file.source) ? "patched" : "";
    return `${throughAliases(file.source, input.aliases)}\0${throughAliases(file.target, input.aliases)}\0${kind}`;
  });
  const binaries = paths.filter(
    (entry) => entry.file_mode === "binary" && entry.prefix_placeholder && !skip.has(entry._path),
  );
  const patchedBinaries = binaries.map((entry) => throughAliases(entry._path, input.aliases)).join("\n");
  return {
    files: files.length,
    compile: compile.join("\n"),
    patchedBinaries,
    cachedPyc: pyc.linked.length,
    searched: searched.join("\n"),
  };
}

function restrict(links: PackageLinks, only: ReadonlySet<string>): void {
  links.files = links.files.filter((file) => only.has(file.target));
  links.generated = links.generated.filter((file) => only.has(file.path));
  links.directories = [];
  links.pyc = [];
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

interface FileContext {
  linker: Linker;
  directory: string;
  target: string;
  input: LinkPackageInput;
  /** Takes the paths whose offsets did not agree with them. */
  searched: string[];
}

/** Puts one file in its place. The result is its sha256 there, undefined when the package does not say, false when it is not there. */
function linkFile(file: LinkFile, context: FileContext): string | undefined | false {
  const { linker, directory, target, input } = context;
  const { entry } = file;
  const source = `${directory}/${file.source}`;
  linker.directory(parentOf(target));
  if (entry.path_type === "softlink") return linker.symlink(source, target) ? entry.sha256 : false;
  if (input.checkHashes && entry.sha256) checkHash(source, entry.sha256, input);
  if (entry.prefix_placeholder !== undefined) {
    const { data, mode } = patched(file, entry.prefix_placeholder, context);
    writeNew(target, data, mode);
    return createHash("sha256").update(data).digest("hex");
  }
  const keepTime = target.endsWith(".py");
  if (entry.no_link) linker.copy(source, target, keepTime);
  else linker.file(source, target, entry.size_in_bytes ?? 0, keepTime);
  return entry.sha256;
}

function patched(
  { entry, source }: LinkFile,
  placeholder: string,
  { directory, input, searched }: FileContext,
): { data: Buffer; mode: number } {
  const { data, mode } = readWithMode(`${directory}/${source}`);
  const replaced = replaceAtOffsets(
    data,
    { ...entry, prefix_placeholder: placeholder },
    input.prefix,
    input.platform,
  );
  if (replaced.searched) searched.push(entry._path);
  return { data: replaced.data, mode };
}

/** The sha256 that a file has when it is linked later: it lost its place to another package's file, which may go (CEP 32). */
function hashInPrefix(file: LinkFile, context: FileContext): string | undefined {
  const { prefix_placeholder: placeholder, path_type: type, sha256 } = file.entry;
  if (placeholder === undefined || type !== "hardlink") return sha256;
  return createHash("sha256")
    .update(patched(file, placeholder, context).data)
    .digest("hex");
}

function checkHash(source: string, expected: string, input: LinkPackageInput): void {
  const found = createHash("sha256").update(readWithMode(source).data).digest("hex");
  if (found === expected) return;
  throw new ToolError(
    "checksum-mismatch",
    `\`${source}\` is not the file that \`${distString(input.record)}\` was built with`,
    {
      hint: "run `taipan clean --packages` and try again: the package will be fetched anew",
      details: { expected, found },
    },
  );
}

interface PycContext {
  linker: Linker;
  input: LinkPackageInput;
  at: (target: string) => string;
  patchedSources: ReadonlySet<string>;
}

/** Links what the cache has and makes the directories for the rest. */
function linkCachedPyc(
  wanted: readonly PycFile[],
  context: PycContext,
): { linked: PycFile[]; compile: PycFile[] } {
  const { linker, input, at, patchedSources } = context;
  for (const file of wanted) linker.directory(parentOf(at(file.target)));
  const entry = input.pycCache;
  const manifest = entry ? readManifest(entry, input.record.extracted_package_dir) : undefined;
  if (!entry || !manifest) return { linked: [], compile: [...wanted] };
  const index = new Map(manifest.sources.map((source, i) => [source, i]));
  const failed = new Set(manifest.failed);
  const hits = wanted.filter((file) => index.has(file.source) && !patchedSources.has(file.source));
  const missing = new Set(
    linkAll(
      hits.map((file) => [`${entry}/${index.get(file.source)}.pyc`, at(file.target)] as const),
      linker,
    ),
  );
  const linked = hits.filter((file) => !missing.has(at(file.target)));
  const done = new Set(linked.map((file) => file.source));
  return { linked, compile: wanted.filter((file) => !done.has(file.source) && !failed.has(file.source)) };
}

function readManifest(entry: string, directory: string): PycManifest | undefined {
  return parsePycManifest(readTextSync(`${entry}.json`), fileIdentity(join(directory, "info/index.json")));
}

function writeRecord(
  input: LinkPackageInput,
  linker: Linker,
  files: string[],
  paths: PrefixPathsEntry[],
): void {
  const { record, root, requestedSpecs } = input;
  const { hardlink, softlink, copy, reflink } = linker.counts;
  const type: LinkType =
    softlink > 0
      ? LINK_TYPE.softlink
      : hardlink > 0 || copy + reflink === 0
        ? LINK_TYPE.hardlink
        : LINK_TYPE.copy;
  const installed: PrefixRecord = {
    ...record,
    constrains: record.constrains ?? [],
    files,
    paths_data: { paths_version: 1, paths },
    link: { source: record.extracted_package_dir, type },
    requested_spec: requestedSpecs[0] ?? "",
  };
  if (requestedSpecs.length > 0) installed.requested_specs = [...requestedSpecs];
  else delete installed.requested_specs;
  linker.directory(`${root}/conda-meta`);
  writeNew(`${root}/conda-meta/${prefixRecordFile(record)}`, formatPrefixRecord(installed), 0o644);
}

/** Keeps freshly compiled byte code for later environments. False when the cache cannot be written: nothing is lost but time. */
export function storePycTask(input: StorePycInput): boolean {
  const extraction = fileIdentity(join(input.directory, "info/index.json"));
  if (!extraction) return false;
  const staged = `${input.pycCache}.${process.pid}-${Math.trunc(performance.now() * 1000)}`;
  try {
    ensureDirSync(staged);
    const pairs =
      input.compiled === ""
        ? []
        : input.compiled.split("\n").map((line) => line.split("\0") as [string, string]);
    const linker = new Linker(staged, ["hardlink"]);
    linkAll(
      pairs.map(([, target], i) => [`${input.root}/${target}`, `${staged}/${i}.pyc`] as const),
      linker,
    );
    const manifest: PycManifest = {
      version: 1,
      extraction,
      sources: pairs.map(([source]) => source),
      failed: [...input.failed],
    };
    return moveIntoPlace(staged, input.pycCache, JSON.stringify(manifest));
  } catch {
    return false;
  }
}
