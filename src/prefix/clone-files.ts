/** The files of a clone: those of packages are linked again, those with the prefix in them written anew, the user's copied. */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { interruption } from "../errors.ts";
import type { EntryKind } from "../fs/entry-kind.ts";
import { Linker, readWithMode, writeNew } from "../fs/link.ts";
import { fileModeSync } from "../fs/sync-files.ts";
import { entriesOf, kindAt, makeDirectory, removeIfEmpty } from "../fs/tree.ts";
import { shebangLimit } from "../plan/entry-points.ts";
import type { PrefixPathsEntry, PrefixRecord } from "../specs/records.ts";
import { isOwnName } from "./beside.ts";
import { type LinkOptions, linkMethods } from "./options.ts";
import { replaceBinary, replaceBytes, replacePrefix } from "./placeholder.ts";

export interface CloneResult {
  files: number;
  /** Files that hold the path of the environment and were written anew. */
  patched: number;
}

export interface CloneWork {
  source: string;
  /** Final path of the copy. */
  target: string;
  /** Where it is built. */
  root: string;
  platform: string;
  linker: Linker;
  /** Entries that hold the prefix, by path, with the extracted package they came from. */
  patched: Map<string, { entry: PrefixPathsEntry; record: PrefixRecord }>;
  /** Bytes of the files of packages, by path; 0 where the record does not say. */
  owned: Map<string, number>;
  hashes: Map<string, string>;
  result: CloneResult;
  /** When other things last had their turn. */
  turn: number;
  signal?: AbortSignal | undefined;
}

export function startWork(input: {
  source: string;
  target: string;
  root: string;
  options: LinkOptions;
  records: readonly PrefixRecord[];
  signal?: AbortSignal | undefined;
}): CloneWork {
  const { source, target, root, options } = input;
  const patched: CloneWork["patched"] = new Map();
  const owned = new Map<string, number>();
  for (const record of input.records) {
    for (const path of record.files) owned.set(path, 0);
    for (const entry of record.paths_data.paths) {
      if (owned.has(entry._path)) owned.set(entry._path, entry.size_in_bytes ?? 0);
      const generated = entry.path_type.includes("entry_point");
      if (entry.prefix_placeholder !== undefined || generated) patched.set(entry._path, { entry, record });
    }
  }
  const linker = new Linker(root, linkMethods(options));
  return {
    source,
    target,
    root,
    platform: options.platform,
    linker,
    patched,
    owned,
    hashes: new Map(),
    result: { files: 0, patched: 0 },
    turn: performance.now(),
    signal: input.signal,
  };
}

/** Everything but what the copy has of its own: records and history. */
export async function copyFiles(work: CloneWork): Promise<void> {
  await copyDirectory(work, "", entriesOf(work.source) ?? new Map());
}

/** Milliseconds after which signals and the refresh of the lock get their turn. */
const TURN = 50;

async function copyDirectory(
  work: CloneWork,
  directory: string,
  entries: ReadonlyMap<string, EntryKind>,
): Promise<void> {
  if (performance.now() - work.turn > TURN) {
    await new Promise((resolve) => setImmediate(resolve));
    work.turn = performance.now();
  }
  if (work.signal?.aborted) throw interruption(work.signal);
  let leftOut = false;
  for (const [name, kind] of entries) {
    const path = directory === "" ? name : `${directory}/${name}`;
    const below = kind === "directory" ? (entriesOf(join(work.source, path)) ?? new Map()) : undefined;
    if (isLeftOut(work, path, below)) leftOut = true;
    else if (below) {
      work.linker.directory(join(work.root, path));
      await copyDirectory(work, path, below);
    } else if (kind === "symlink") copyLink(work, path);
    else if (kind === "file") copyFile(work, path);
  }
  if (directory === "") return;
  const made = join(work.root, directory);
  if (leftOut && directory !== "conda-meta" && removeIfEmpty(made)) return;
  const mode = fileModeSync(join(work.source, directory));
  if (mode !== undefined && mode !== fileModeSync(made)) makeDirectory(made, mode);
}

/** Written anew. */
const RECORDS = /^conda-meta\/([^/]*\.json|history)$/;

/** What `conda init` puts into a root prefix. */
const INIT = /^(condabin\/.*|bin\/(conda|activate|deactivate))$/;

/**
 * A root prefix has other environments in it, a package cache and the programs that `init` made: none of it is part of the environment,
 * and the copy may itself be made in there.
 */
function isLeftOut(
  work: CloneWork,
  path: string,
  below: ReadonlyMap<string, EntryKind> | undefined,
): boolean {
  // The place where this copy is built is one of those.
  if (isOwnName(basename(path))) return true;
  if (!below) return RECORDS.test(path) || (INIT.test(path) && !work.owned.has(path));
  return (
    (path === "pkgs" && below.has("urls.txt")) ||
    (below.has("conda-meta") && kindAt(join(work.source, path, "conda-meta", "history")) === "file")
  );
}

/** A link to something in the environment leads to the same in the copy. */
function copyLink(work: CloneWork, path: string): void {
  const { source, target } = work;
  work.linker.symlink(join(source, path), join(work.root, path), (to) =>
    to === source || to.startsWith(`${source}/`) ? target + to.slice(source.length) : to,
  );
}

function copyFile(work: CloneWork, path: string): void {
  const from = join(work.source, path);
  const to = join(work.root, path);
  work.result.files++;
  const known = work.patched.get(path);
  const size = work.owned.get(path);
  if (!known && size !== undefined) {
    work.linker.file(from, to, size, path.endsWith(".py"));
    return;
  }
  const { data, mode } = readWithMode(from);
  const replaced = known ? repatch(work, path, data, known) : retarget(work, data);
  if (replaced === data && !known) {
    work.linker.copy(from, to, true);
    return;
  }
  writeNew(to, replaced, mode);
  work.result.patched++;
  if (known) work.hashes.set(path, createHash("sha256").update(replaced).digest("hex"));
}

/** The package's own file with the new prefix where the cache still has it, else the installed one with the old prefix replaced. */
function repatch(
  work: CloneWork,
  path: string,
  data: Buffer,
  known: { entry: PrefixPathsEntry; record: PrefixRecord },
): Buffer {
  const { entry, record } = known;
  const placeholder = entry.prefix_placeholder;
  if (placeholder === undefined) return retarget(work, data);
  const original = join(record.extracted_package_dir, path);
  if (record.noarch !== "python" && kindAt(original) === "file") {
    return replacePrefix(
      readWithMode(original).data,
      { ...entry, prefix_placeholder: placeholder },
      work.target,
      work.platform,
    );
  }
  return entry.file_mode === "binary"
    ? replaceBinary(data, work.source, work.target, path)
    : retarget(work, data);
}

/** Text with the old prefix replaced; anything with a NUL is no text and stays. A first line that would be too long goes through env. */
function retarget(work: CloneWork, data: Buffer): Buffer {
  const from = Buffer.from(work.source);
  if (!data.includes(from) || data.includes(0)) return data;
  const replaced = replaceBytes(data, from, Buffer.from(work.target));
  const end = replaced.indexOf(10);
  const line = replaced.subarray(0, end < 0 ? replaced.length : end).toString("latin1");
  if (
    !line.startsWith("#!") ||
    (Buffer.byteLength(line, "latin1") <= shebangLimit(work.platform) && !/\s/.test(work.target))
  )
    return replaced;
  const name = /^#! *(?:\S.*\/)?([^/\s]+)(.*)$/.exec(line);
  return name
    ? Buffer.concat([
        Buffer.from(`#!/usr/bin/env ${name[1]}${name[2]}`, "latin1"),
        replaced.subarray(end < 0 ? replaced.length : end),
      ])
    : replaced;
}
