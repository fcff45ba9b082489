import { setTimeout as sleep } from "node:timers/promises";
import type { EventSink } from "../events.ts";
import { keepTree, signOfLife } from "../fs/kept-tree.ts";
import { hasEnded } from "../fs/lock-file.ts";
import { type Restored, restoreTree } from "../fs/restore-tree.ts";
import { tryReadSync } from "../fs/sync-files.ts";
import { processExists } from "../host/system.ts";
import { discard, type Journal, keptDirectory, scriptFile, undoMoves, withdraw } from "./journal.ts";

/** Ours, and changed by us meanwhile. */
export const NOT_KEPT = new Set(["conda-meta/.taipan-transaction", "conda-meta/.taipan-lock"]);

const LIFE_EVERY = 1_000;
/** What happened later than this after the last sign of life was not done by a script: those die with us, in milliseconds. */
const LIFE_SLACK = 5_000;

/**
 * Keeps what is in the prefix before link scripts run in it, so that `rollBack` takes back what they do: here, or in the process that
 * finds this one dead. Returns what stops the signs of life.
 */
export function keepFromScripts(prefix: string): () => void {
  const store = keptDirectory(prefix);
  keepTree(prefix, store, NOT_KEPT);
  const timer = setInterval(() => signOfLife(store), LIFE_EVERY);
  timer.unref();
  return () => clearInterval(timer);
}

/** Says before a script begins that we live: renames and other scripts may have taken longer than the slack. */
export const liveForScript = (prefix: string): void => signOfLife(keptDirectory(prefix));

/**
 * Takes the prefix back to what it was before the transaction: first the moves, then what link scripts did. May be stopped anywhere and
 * done again. `dead`: the process that began is gone, and the user may have been here since.
 */
export async function rollBack(
  prefix: string,
  journal: Journal | undefined,
  { dead, events }: { dead: boolean; events: EventSink },
): Promise<void> {
  if (dead) await scriptGone(prefix);
  if (journal) undoMoves(prefix, journal);
  const afterDeath = dead ? { slackMs: LIFE_SLACK, renamed: new Set(journal?.out) } : undefined;
  const restored = restoreTree(prefix, keptDirectory(prefix), { skip: NOT_KEPT, afterDeath });
  withdraw(prefix);
  discard(prefix, journal?.createdMeta ?? false);
  if (restored) tell(restored, prefix, events);
}

/**
 * Waits for the last script's process group, which is being killed because the process that started it died. Not longer than two
 * seconds: the number may have become another group's, which is nothing to us.
 */
export async function scriptGone(prefix: string): Promise<void> {
  const group = Number(tryReadSync(scriptFile(prefix)) ?? "");
  if (!Number.isInteger(group) || group <= 1) return;
  // Any of the group may be a zombie for ever: where the system tells, it is its leader that counts.
  const lives = (): boolean => !(hasEnded(group) ?? !processExists(-group));
  for (let waited = 0; waited < 2_000 && lives(); waited += 10) await sleep(10);
}

function tell({ changed, left }: Restored, prefix: string, events: EventSink): void {
  const first = (paths: readonly string[]): string =>
    `\`${prefix}/${paths[0]}\`${paths.length > 1 ? ` and ${paths.length - 1} more` : ""}`;
  if (changed.length > 0) {
    events({
      type: "warning",
      code: "changed-by-script",
      message: `a link script wrote into ${first(changed)}, which could not be taken back`,
      hint: "`taipan verify --fix` links changed files of packages again",
    });
  }
  if (left.length > 0) {
    events({
      type: "warning",
      code: "left-by-recovery",
      message: `${first(left)} came or changed after the transaction was stopped, and was left as it is`,
    });
  }
}
