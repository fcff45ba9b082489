import { join } from "node:path";
import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { walk } from "../fs/kept-tree.ts";
import { kindAt, makeDirectory, move, removeIfEmpty } from "../fs/tree.ts";
import type { PrefixRecord } from "../specs/records.ts";
import { isEnvironment } from "./environment-marks.ts";
import { unregisterEnvironment } from "./environments-txt.ts";
import { refuseFrozen } from "./frozen.ts";
import {
  applyMoves,
  discardOld,
  journalDirectory,
  newJournal,
  readJournal,
  writeJournal,
} from "./journal.ts";
import { plannedMenuRemovals, presentMenus, removeMenus } from "./menus.ts";
import { planMoves, type Removals } from "./moves.ts";
import type { LinkOptions } from "./options.ts";
import { readPrefix } from "./prefix.ts";
import { lockAndRecover, trashOf } from "./recover.ts";
import { removeRubbish } from "./rubbish.ts";
import { keepFromScripts, NOT_KEPT, rollBack } from "./script-effects.ts";
import { presentScripts, recordedScript, runLinkScript } from "./scripts.ts";
import type { TransactionContext } from "./transaction.ts";

/**
 * Deletes an environment with everything in it. It disappears at once by a rename; deleting its files may take longer and, if stopped,
 * is finished by the next command that uses the path. A directory that is no environment is refused.
 */
export async function removeEnvironment(
  prefix: string,
  options: LinkOptions,
  context: TransactionContext,
): Promise<void> {
  if (kindAt(prefix) === "symlink") {
    throw new ToolError("not-an-environment", `\`${prefix}\` is a symlink`, {
      hint: "name the directory that it leads to",
    });
  }
  if (!(await isEnvironment(prefix))) {
    throw new ToolError("not-an-environment", `\`${prefix}\` is no environment`, {
      hint: "it has no conda-meta/history; delete it by hand if you mean it",
    });
  }
  const { events, signal } = context;
  const { lock } = await lockAndRecover(prefix, { timeout: options.lockTimeout, signal, events });
  try {
    // It was half of a new one, and is gone.
    if (kindAt(prefix) === undefined) return;
    await refuseFrozen(prefix, options.overrideFrozen ?? false);
    if (options.linkScripts === "run") await runAllPreUnlink(prefix, options, context);
    await removeAllMenus(prefix, options, events);
    await deleteLocked(prefix, events);
    if (options.environmentsTxt) await unregisterEnvironment(options.environmentsTxt, prefix);
  } finally {
    lock.release();
    removeRemains(prefix);
  }
}

/** What is left of an environment that was emptied in place: the directory of its lock, and its own where it can be removed. */
export function removeRemains(prefix: string): void {
  if (removeIfEmpty(join(prefix, "conda-meta"))) removeIfEmpty(prefix);
}

/** Menu entries of all packages of an environment that is about to go. */
export async function removeAllMenus(prefix: string, options: LinkOptions, events: EventSink): Promise<void> {
  const menus = { prefix, options, events };
  const owners = await ownersOf(prefix, presentMenus(prefix));
  await removeMenus(await plannedMenuRemovals(owners, menus), menus);
}

/** Deletes an environment that is locked: it disappears by one rename or, where it cannot, as one transaction. */
export async function deleteLocked(prefix: string, events: EventSink): Promise<void> {
  const trash = trashOf(prefix);
  try {
    move(prefix, trash);
  } catch {
    // A mount point, a parent that is not ours, a lower layer of a container.
    await emptyInPlace(prefix, events);
  }
  removeRubbish(trash, events);
}

/** Takes everything out of an environment whose own directory cannot move. Killed anywhere, all is back or all goes. */
async function emptyInPlace(prefix: string, events: EventSink): Promise<void> {
  const moves = planMoves(prefix, everythingIn(prefix), undefined);
  const journal = newJournal({ out: moves.out, emptied: moves.emptied });
  makeDirectory(journalDirectory(prefix));
  try {
    writeJournal(prefix, journal);
    applyMoves(prefix, moves);
    writeJournal(prefix, { ...journal, state: "committed" });
  } catch (error) {
    await rollBack(prefix, readJournal(prefix), { dead: false, events });
    throw error;
  }
  discardOld(prefix, events);
}

function everythingIn(prefix: string): Removals {
  const all: Removals = { files: [], directories: [], keptByteCode: new Set() };
  walk(prefix, "", NOT_KEPT, (path, stat) => {
    (stat.isDirectory() ? all.directories : all.files).push(path);
    return true;
  });
  return all;
}

/** Installed packages that list one of these paths. Most environments have none of them, and their records are not read then. */
async function ownersOf(prefix: string, paths: readonly string[]): Promise<PrefixRecord[]> {
  if (paths.length === 0) return [];
  const records = (await readPrefix(prefix).catch(() => undefined))?.records ?? [];
  const wanted = new Set(paths);
  return records.filter((record) => record.files.some((path) => wanted.has(path)));
}

/** What scripts did to an environment that stays after all, because they were interrupted, is taken back. */
async function runAllPreUnlink(
  prefix: string,
  options: LinkOptions,
  context: TransactionContext,
): Promise<void> {
  const { platform } = options;
  const { events, signal } = context;
  const owners = (await ownersOf(prefix, presentScripts(prefix, "pre-unlink", platform))).filter((record) =>
    recordedScript(record, "pre-unlink", platform),
  );
  if (owners.length === 0) return;
  const stop = keepFromScripts(prefix);
  try {
    for (const record of owners) {
      // A script may have removed the environment itself.
      if (kindAt(join(prefix, "conda-meta")) === undefined) return;
      await runLinkScript(record, "pre-unlink", { prefix, options, events, signal });
    }
  } catch (error) {
    await rollBack(prefix, undefined, { dead: false, events });
    throw error;
  } finally {
    stop();
  }
}
