import { dirname, join } from "node:path";
import type { EventSink } from "../events.ts";
import { entriesOf, kindAt, move, removeAll, removeIfEmpty } from "../fs/tree.ts";
import { beside } from "./beside.ts";
import { discard, discardOld, journalDirectory, readJournal } from "./journal.ts";
import { isLocked, type LockOptions, lockPath, lockPrefix, type PrefixLock, sweepLocks } from "./lock.ts";
import { removeRubbish } from "./rubbish.ts";
import { NOT_KEPT, rollBack, scriptGone } from "./script-effects.ts";

/** What recovery found: nothing, or a transaction that was taken back or finished. */
export type Recovery = "clean" | "rolled-back" | "completed";

/** Where a new environment is built before it appears by one rename. */
export const stageOf = (prefix: string): string => beside(prefix, "taipan-new");
/** Where an environment goes by one rename before it is deleted. */
export const trashOf = (prefix: string): string => beside(prefix, "taipan-removed");

/** Environments in the same directory of which there is only what a process is building, or was when it died. */
export function halfMadeBeside(prefix: string): string[] {
  const directory = dirname(prefix);
  return [...(entriesOf(directory)?.keys() ?? [])].flatMap((entry) => {
    const name = /^\.(.+)\.taipan-new$/.exec(entry)?.[1];
    return name === undefined || join(directory, name) === prefix ? [] : [join(directory, name)];
  });
}

/** Whether a transaction on this prefix was stopped, or is under way. Costs four lstat calls. */
function needsRecovery(prefix: string): boolean {
  const traces = [journalDirectory(prefix), stageOf(prefix), trashOf(prefix)];
  return isLocked(prefix) || traces.some((path) => kindAt(path) !== undefined);
}

/** Takes back, or tidies up after, a transaction whose process is gone. The caller holds the lock. */
async function recoverLocked(prefix: string, events: EventSink): Promise<Recovery> {
  let result: Recovery = "clean";
  if (kindAt(journalDirectory(prefix)) !== undefined) {
    const journal = readJournal(prefix);
    if (journal?.state === "committed") {
      discardOld(prefix, events);
      result = "completed";
    } else {
      if (journal?.fresh) {
        await scriptGone(prefix);
        discardPrefix(prefix);
      } else await rollBack(prefix, journal, { dead: true, events });
      result = "rolled-back";
    }
  }
  for (const rubbish of [stageOf(prefix), trashOf(prefix)]) {
    if (kindAt(rubbish) === undefined) continue;
    removeRubbish(rubbish, events);
    if (result === "clean") result = rubbish === stageOf(prefix) ? "rolled-back" : "completed";
  }
  return result;
}

/** Makes a whole new prefix disappear at once, then deletes it; where it cannot be renamed, it is emptied. */
export function discardPrefix(prefix: string): void {
  const trash = trashOf(prefix);
  removeAll(trash);
  try {
    move(prefix, trash);
  } catch {
    // Built into a layer of a container, with its journal: the directory is of a lower layer now.
    emptyPrefix(prefix);
  }
  removeAll(trash);
}

/** The journal, which says that all of it goes, goes last: stopped anywhere, this is done again. The lock stays for who holds it. */
function emptyPrefix(prefix: string): void {
  const paths = (directory: string): string[] =>
    [...(entriesOf(join(prefix, directory)) ?? []).keys()].map((name) => `${directory}${name}`);
  for (const path of [...paths(""), ...paths("conda-meta/")])
    if (path !== "conda-meta" && !NOT_KEPT.has(path)) removeAll(join(prefix, path));
  discard(prefix, false);
}

/**
 * Locks a prefix and recovers it. What was only half of a new environment goes, and the lock inside it too: then it is taken again,
 * where it belongs now. The caller releases the lock.
 */
export async function lockAndRecover(
  prefix: string,
  options: LockOptions & { events: EventSink },
): Promise<{ lock: PrefixLock; recovery: Recovery }> {
  let recovery: Recovery = "clean";
  for (;;) {
    const lock = await lockPrefix(prefix, options);
    try {
      const found = await recoverLocked(prefix, options.events);
      if (found !== "clean") recovery = found;
      if (lockPath(prefix) === lock.path) return { lock, recovery };
    } catch (error) {
      lock.release();
      throw error;
    }
    lock.release();
  }
}

/** What every command that changes a prefix calls first. Takes the lock only when there is something to do. */
export async function recoverPrefix(
  prefix: string,
  options: LockOptions & { events?: EventSink | undefined },
): Promise<Recovery> {
  sweepLocks(prefix);
  // Left by a process that made it for its lock, or removed all else: empty, it is nothing.
  const meta = join(prefix, "conda-meta");
  if (!needsRecovery(prefix)) {
    removeIfEmpty(meta);
    return "clean";
  }
  const lock = await lockPrefix(prefix, options);
  try {
    return await recoverLocked(prefix, options.events ?? (() => {}));
  } finally {
    lock.release();
    removeIfEmpty(meta);
  }
}
