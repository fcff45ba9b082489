import { basename, dirname, join, resolve } from "node:path";
import { archiveKind, extractFile } from "../archive/extract.ts";
import { type ArchiveEntry, createCondaArchive, createTarBz2Archive } from "../archive/write.ts";
import { ToolError } from "../errors.ts";
import { ensureDir, pathKind, removeTree, writeAtomic } from "../fs/files.ts";
import { readWithMode } from "../fs/link.ts";
import { entriesOf, linkTarget } from "../fs/tree.ts";
import type { CommandContext } from "./context.ts";

type PackageContext = Pick<CommandContext, "cwd" | "signal">;

export interface PackageOutcome {
  /** What was written. */
  path: string;
  files: number;
  /** Bytes of the extracted files, or of the archive. */
  bytes: number;
}

/** Extracts a package archive into a directory that is empty or not there; without one, beside the archive under its name. */
export async function extractPackage(
  archive: string,
  destination: string | undefined,
  context: PackageContext,
): Promise<PackageOutcome> {
  const from = await archivePath(archive, context);
  const to = resolve(context.cwd, destination ?? from.replace(/\.(conda|tar\.bz2)$/, ""));
  const { files, bytes } = await extractFile(from, to, { signal: context.signal });
  return { path: to, files, bytes };
}

/** Packs a directory into an archive; the name of the archive says which kind. */
export async function compressPackage(
  folder: string,
  archive: string,
  level: number | undefined,
  context: PackageContext,
): Promise<PackageOutcome> {
  const from = resolve(context.cwd, folder);
  const to = resolve(context.cwd, archive);
  const kind = archiveKind(to);
  checkLevel(level, kind);
  if ((await pathKind(from)) !== "directory")
    throw new ToolError("usage", `there is no directory \`${folder}\``);
  if ((await pathKind(join(from, "info", "index.json"))) !== "file") {
    throw new ToolError("archive-invalid", `\`${folder}\` is no package: it has no info/index.json`, {
      hint: "`package extract` makes such directories",
    });
  }
  const entries = readTree(from, context.signal);
  const info = entries.filter(({ path }) => path.startsWith("info/"));
  const pkg = entries.filter(({ path }) => !path.startsWith("info/"));
  const dist = basename(to).replace(/\.(conda|tar\.bz2)$/, "");
  const bytes =
    kind === "conda"
      ? await createCondaArchive({ dist, info, pkg, level })
      : await createTarBz2Archive([...info, ...pkg], level);
  await ensureDir(dirname(to));
  await writeAtomic(to, bytes);
  return { path: to, files: entries.length, bytes: bytes.length };
}

/** Makes a `.conda` of a `.tar.bz2`, or the other way round, beside it. */
export async function transmutePackage(
  archive: string,
  level: number | undefined,
  context: PackageContext,
): Promise<PackageOutcome> {
  const from = await archivePath(archive, context);
  const [ending, other] = archiveKind(from) === "conda" ? [".conda", ".tar.bz2"] : [".tar.bz2", ".conda"];
  const to = `${from.slice(0, -ending.length)}${other}`;
  checkLevel(level, archiveKind(to));
  const scratch = join(dirname(from), `.${basename(from)}.${process.pid}`);
  try {
    await extractFile(from, scratch, { signal: context.signal });
    return await compressPackage(scratch, to, level, context);
  } finally {
    await removeTree(scratch);
  }
}

async function archivePath(archive: string, { cwd }: PackageContext): Promise<string> {
  const path = resolve(cwd, archive);
  archiveKind(path);
  const kind = await pathKind(path);
  if (kind !== "file" && kind !== "symlink")
    throw new ToolError("usage", `there is no archive \`${archive}\``);
  return path;
}

function checkLevel(level: number | undefined, kind: "conda" | "tar.bz2"): void {
  const highest = kind === "conda" ? 22 : 9;
  if (level === undefined || (Number.isInteger(level) && level >= 1 && level <= highest)) return;
  throw new ToolError("usage", `a .${kind} has no compression level ${level}`, {
    hint: `levels go from 1 to ${highest}`,
  });
}

/** Files and links below a directory, sorted by path. What a package cache adds to an extracted package is no part of it. */
function readTree(root: string, signal: AbortSignal): ArchiveEntry[] {
  const found: ArchiveEntry[] = [];
  const visit = (below: string): void => {
    for (const [name, kind] of entriesOf(join(root, below)) ?? []) {
      if (signal.aborted) throw new ToolError("interrupted", "interrupted: nothing was written");
      const path = below === "" ? name : `${below}/${name}`;
      if (path === "info/repodata_record.json") continue;
      if (kind === "directory") visit(path);
      else if (kind === "symlink")
        found.push({ path, symlink: linkTarget(join(root, path)) ?? "", mode: 0o777 });
      else if (kind === "file") {
        const { data, mode, mtime } = readWithMode(join(root, path));
        found.push({ path, content: data, mode, mtime });
      }
    }
  };
  visit("");
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}
