/** The worker's part of linking: everything about one package's files happens here, in one task. */
import { createHash } from "node:crypto";
import { ToolError } from "../errors.ts";
import { Linker, readWithMode, writeNew } from "../fs/link.ts";
import { type LinkFile, type PackageLinks, prefixPathsEntry } from "../plan/link-plan.ts";
import {
  distString,
  LINK_TYPE,
  type LinkType,
  type PrefixPathsEntry,
  type PrefixRecord,
} from "../specs/records.ts";
import type { LinkedPackage, LinkPackageInput } from "../workers/link-tasks.ts";
import { formatPrefixRecord, prefixRecordFile } from "./conda-meta.ts";
import { linkCachedPyc } from "./link-pyc.ts";
import { replaceAtOffsets } from "./placeholder-offsets.ts";
import { planOf } from "./plan-package.ts";

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
  // The sha256 of a link is that of the file it led to when the package was made, which may have the prefix in it now: conda's `doctor`
  // would call it altered.
  if (entry.path_type === "softlink") return linker.symlink(source, target) ? undefined : false;
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
  if (type === "softlink") return undefined;
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
