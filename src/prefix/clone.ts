import { createHash } from "node:crypto";
import { join } from "node:path";
import { interruption, ToolError } from "../errors.ts";
import { Linker, readWithMode, writeNew } from "../fs/link.ts";
import { entriesOf, kindAt, makeDirectory, move, removeAll } from "../fs/tree.ts";
import { shebangLimit } from "../plan/entry-points.ts";
import type { PrefixPathsEntry, PrefixRecord } from "../specs/records.ts";
import { formatPrefixRecord, prefixRecordFile } from "./conda-meta.ts";
import { registerEnvironment, unregisterEnvironment } from "./environments-txt.ts";
import { refuseFrozen } from "./frozen.ts";
import { formatRevision } from "./history.ts";
import { type LinkOptions, linkMethods } from "./options.ts";
import { replaceBinary, replaceBytes, replacePrefix } from "./placeholder.ts";
import { readPrefix } from "./prefix.ts";
import { checkWritable } from "./preflight.ts";
import { lockAndRecover, stageOf } from "./recover.ts";
import { deleteLocked, removeRemains } from "./remove-environment.ts";
import type { TransactionContext } from "./transaction.ts";

export interface CloneResult {
  files: number;
  /** Files that hold the path of the environment and were written anew. */
  patched: number;
}

interface CloneWork {
  source: string;
  /** Final path of the copy. */
  target: string;
  /** Where it is built. */
  root: string;
  platform: string;
  historyUrls: boolean | undefined;
  linker: Linker;
  /** Entries that hold the prefix, by path, with the extracted package they came from. */
  patched: Map<string, { entry: PrefixPathsEntry; record: PrefixRecord }>;
  /** Bytes of the files of packages, by path; 0 where the record does not say. */
  owned: Map<string, number>;
  hashes: Map<string, string>;
  result: CloneResult;
  signal?: AbortSignal | undefined;
}

/**
 * Copies an environment to a path that does not exist yet: files of packages are linked again, only those with the prefix in them are
 * written anew; files that no package owns (pip's, the user's) are copied, texts with the new prefix. It appears by one rename.
 */
export async function cloneEnvironment(
  source: string,
  target: string,
  options: LinkOptions,
  context: TransactionContext & { command: readonly string[] },
): Promise<CloneResult> {
  const state = await readPrefix(source);
  if (!state) throw new ToolError("environment-not-found", `there is no environment at \`${source}\``);
  if (kindAt(target) !== undefined)
    throw new ToolError("environment-exists", `\`${target}\` exists already`, {
      hint: "choose another name, or remove it first",
    });
  checkWritable(target);
  const { events, signal } = context;
  const { lock } = await lockAndRecover(target, { timeout: options.lockTimeout, signal, events });
  const root = stageOf(target);
  try {
    makeDirectory(root);
    const work = startWork({ source, target, root, options, records: state.records, signal: context.signal });
    copyDirectory(work, "");
    writeMeta(work, state.records, context.command);
    if (kindAt(target) !== undefined || !move(root, target))
      throw new ToolError("environment-exists", `\`${target}\` was made by another program in the meantime`);
    if (options.environmentsTxt) await registerEnvironment(options.environmentsTxt, target);
    return work.result;
  } catch (error) {
    removeAll(root);
    throw error;
  } finally {
    lock.release();
  }
}

function startWork(input: {
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
    historyUrls: options.historyUrls,
    linker,
    patched,
    owned,
    hashes: new Map(),
    result: { files: 0, patched: 0 },
    signal: input.signal,
  };
}

function copyDirectory(work: CloneWork, directory: string): void {
  if (work.signal?.aborted) throw interruption(work.signal);
  for (const [name, kind] of entriesOf(join(work.source, directory)) ?? []) {
    const path = directory === "" ? name : `${directory}/${name}`;
    if (
      directory === "conda-meta" &&
      (name.endsWith(".json") || name === "history" || name.startsWith(".taipan"))
    )
      continue;
    if (kind === "directory") {
      work.linker.directory(join(work.root, path));
      copyDirectory(work, path);
    } else if (kind === "symlink") work.linker.symlink(join(work.source, path), join(work.root, path));
    else if (kind === "file") copyFile(work, path);
  }
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

function writeMeta(work: CloneWork, records: readonly PrefixRecord[], command: readonly string[]): void {
  const meta = join(work.root, "conda-meta");
  work.linker.directory(meta);
  for (const record of records) {
    const paths = record.paths_data.paths.map((entry) => {
      const sha256 = work.hashes.get(entry._path);
      return sha256 ? { ...entry, sha256_in_prefix: sha256 } : entry;
    });
    writeNew(
      join(meta, prefixRecordFile(record)),
      formatPrefixRecord({ ...record, paths_data: { paths_version: 1, paths } }),
      0o644,
    );
  }
  const specs = records.flatMap((record) => record.requested_specs ?? []);
  const revision = formatRevision({
    date: new Date(),
    command,
    urls: work.historyUrls,
    linked: records,
    unlinked: [],
    updateSpecs: specs,
    removeSpecs: [],
  });
  writeNew(join(meta, "history"), revision, 0o644);
}

/** Moves an environment to another path: a clone, and then the old one goes. Stopped in between, both are there and complete. */
export async function renameEnvironment(
  source: string,
  target: string,
  options: LinkOptions,
  context: TransactionContext & { command: readonly string[] },
): Promise<void> {
  const { events, signal } = context;
  // Held from before it is copied: what another command did meanwhile would go with the old one.
  const { lock } = await lockAndRecover(source, { timeout: options.lockTimeout, signal, events });
  try {
    await refuseFrozen(source, options.overrideFrozen ?? false);
    await cloneEnvironment(source, target, options, context);
    await deleteLocked(source, events);
    if (options.environmentsTxt) await unregisterEnvironment(options.environmentsTxt, source);
  } finally {
    lock.release();
    removeRemains(source);
  }
}
