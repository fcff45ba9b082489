import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { fileIdentity, writeNew } from "../fs/link.ts";
import { readTextSync } from "../fs/sync-files.ts";
import { kindAt, makeDirectory, move, removeAll } from "../fs/tree.ts";
import { pythonInfo } from "../plan/python.ts";
import type { PrefixRecord } from "../specs/records.ts";
import { type CloneResult, type CloneWork, copyFiles, startWork } from "./clone-files.ts";
import { formatPrefixRecord, prefixRecordFile } from "./conda-meta.ts";
import { registerEnvironment, unregisterEnvironment } from "./environments-txt.ts";
import { refuseFrozen } from "./frozen.ts";
import { formatRevision } from "./history.ts";
import { createMenus, presentMenus } from "./menus.ts";
import type { LinkOptions } from "./options.ts";
import { readPrefix } from "./prefix.ts";
import { checkWritable, preflightClone } from "./preflight.ts";
import { lockAndRecover, stageOf } from "./recover.ts";
import { deleteLocked, removeAllMenus, removeRemains } from "./remove-environment.ts";
import type { TransactionContext } from "./transaction.ts";

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
  const history = join(source, "conda-meta", "history");
  const before = fileIdentity(history);
  const result = await copyEnvironment({ source, target, options, command: context.command }, context, () => {
    if (fileIdentity(history) !== before)
      throw new ToolError("environment-changed", `another program has changed \`${source}\` meanwhile`);
  });
  await makeMenus(target, options, context);
  return result;
}

interface Copy {
  source: string;
  target: string;
  options: LinkOptions;
  /** Said in the first and only block of the copy's history; without it the copy has the history of its source. */
  command?: readonly string[] | undefined;
}

/** `check` is called when all is copied, and throws when it may not appear. */
async function copyEnvironment(
  copy: Copy,
  context: TransactionContext,
  check: () => void = () => {},
): Promise<CloneResult> {
  const { source, target, options } = copy;
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
    const work = startWork({ source, target, root, options, records: state.records, signal });
    preflightClone(source, target, work.owned, options);
    makeDirectory(root);
    await copyFiles(work);
    writeMeta(work, state.records, copy);
    check();
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

function writeMeta(work: CloneWork, records: readonly PrefixRecord[], copy: Copy): void {
  const meta = join(work.root, "conda-meta");
  makeDirectory(meta);
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
  writeNew(join(meta, "history"), historyOf(copy, records), 0o644);
  // A copy is what one makes of a frozen environment in order to change it.
  if (copy.command) removeAll(join(meta, "frozen"));
}

function historyOf({ source, options, command }: Copy, records: readonly PrefixRecord[]): string {
  if (!command) return readTextSync(join(source, "conda-meta", "history")) ?? "";
  return formatRevision({
    date: new Date(),
    command,
    urls: options.historyUrls,
    linked: records,
    unlinked: [],
    updateSpecs: records.flatMap((record) => record.requested_specs ?? []),
    removeSpecs: [],
  });
}

/** Menu entries name their environment: those of the source, if it had any, are not the copy's. */
async function makeMenus(
  prefix: string,
  options: LinkOptions,
  { events }: TransactionContext,
): Promise<void> {
  const present = presentMenus(prefix);
  if (present.length === 0) return;
  const records = (await readPrefix(prefix))?.records ?? [];
  const owned = new Set(records.flatMap((record) => record.files));
  const python = records.find((record) => record.name === "python");
  await createMenus(
    present.filter((path) => owned.has(path)),
    { prefix, options, events, python: python && pythonInfo(python, options.platform) },
  );
}

/** Moves an environment to another path: a copy, and then the old one goes. Stopped in between, both are there and complete. */
export async function renameEnvironment(
  source: string,
  target: string,
  options: LinkOptions,
  context: TransactionContext,
): Promise<void> {
  if (target.startsWith(`${source}/`))
    throw new ToolError("usage", `\`${target}\` is inside of the environment that is to be moved there`);
  const { events, signal } = context;
  // Held from before it is copied: what another command did meanwhile would go with the old one.
  const { lock } = await lockAndRecover(source, { timeout: options.lockTimeout, signal, events });
  try {
    await refuseFrozen(source, options.overrideFrozen ?? false);
    await copyEnvironment({ source, target, options }, context);
    await removeAllMenus(source, options, events);
    await deleteLocked(source, events);
    if (options.environmentsTxt) await unregisterEnvironment(options.environmentsTxt, source);
  } finally {
    lock.release();
    removeRemains(source);
  }
  await makeMenus(target, options, context);
}
