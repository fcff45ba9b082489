import { join } from "node:path";
import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { readTextSync } from "../fs/files.ts";
import { forgetTree, isKept } from "../fs/kept-tree.ts";
import { kindAt, makeDirectory, move, removeAll, removeIfEmpty, writeDurable } from "../fs/tree.ts";
import { prefixPathProblem } from "../plan/prefix-path.ts";
import type { Moves } from "./moves.ts";
import { removeRubbish } from "./rubbish.ts";

/**
 * The write-ahead journal of a transaction: `conda-meta/.taipan-transaction/` with
 *   new/           the new files, staged and complete, laid out like the prefix
 *   old/N          what the N-th `out` move took away
 *   kept/          what was in the prefix before link scripts ran in it (src/fs/kept-tree.ts)
 *   script         process group of the last link script
 *   journal.json   the moves and how far they are
 * Without journal.json nothing has been moved. `applying`: each move has happened or not, and which is seen from where its file is, so
 * undoing needs no further record and may itself be stopped and done again. `committed`: only rubbish is left.
 * See docs/transactions.md.
 */
export interface Journal {
  version: 1;
  state: "applying" | "committed";
  /** The whole prefix is new: undoing removes it. */
  fresh: boolean;
  /** conda-meta itself did not exist before. */
  createdMeta: boolean;
  out: string[];
  /** Directories to be removed between the two, each after what is in it. */
  emptied: Moves["emptied"];
  in: string[];
}

type Steps = Pick<Moves, "out" | "emptied" | "in">;

export const journalDirectory = (prefix: string): string => join(prefix, "conda-meta", ".taipan-transaction");
export const stagedDirectory = (prefix: string): string => join(journalDirectory(prefix), "new");
export const keptDirectory = (prefix: string): string => join(journalDirectory(prefix), "kept");
export const scriptFile = (prefix: string): string => join(journalDirectory(prefix), "script");
const journalFile = (prefix: string): string => join(journalDirectory(prefix), "journal.json");
const oldPath = (prefix: string, index: number): string =>
  join(journalDirectory(prefix), "old", String(index));

/** The journal of a change that is about to begin. */
export function newJournal(what: Partial<Omit<Journal, "version" | "state">>): Journal {
  return {
    version: 1,
    state: "applying",
    fresh: false,
    createdMeta: false,
    out: [],
    emptied: [],
    in: [],
    ...what,
  };
}

export function writeJournal(prefix: string, journal: Journal): void {
  writeDurable(journalFile(prefix), JSON.stringify(journal));
}

/** The journal that a transaction left, or undefined; throws when there is one that cannot be trusted. */
export function readJournal(prefix: string): Journal | undefined {
  const text = readTextSync(journalFile(prefix));
  if (text === undefined) return undefined;
  try {
    const value = { emptied: [], ...(JSON.parse(text) as object) } as unknown as Journal;
    const isSafe = (path: unknown): boolean =>
      typeof path === "string" && prefixPathProblem(path) === undefined;
    const paths = (list: unknown): boolean => Array.isArray(list) && list.every(isSafe);
    if (
      value.version === 1 &&
      (value.state === "applying" || value.state === "committed") &&
      paths(value.out) &&
      value.emptied.every(({ path, mode }) => isSafe(path) && Number.isInteger(mode)) &&
      paths(value.in)
    )
      return value;
  } catch {
    // Told below.
  }
  throw new ToolError(
    "environment-corrupt",
    `the journal of an unfinished transaction in \`${journalDirectory(prefix)}\` cannot be read`,
    {
      hint: "create the environment anew; the old files are in the `old` directory beside the journal",
    },
  );
}

/** Carries out the moves. Each one is atomic; when one fails, `undo` takes back those before it. */
export function applyMoves(prefix: string, moves: Steps): void {
  makeDirectory(join(journalDirectory(prefix), "old"));
  for (const [index, path] of moves.out.entries()) {
    const from = join(prefix, path);
    move(from, oldPath(prefix, index), from);
  }
  // One that somebody has put a file into meanwhile stays.
  for (const { path } of moves.emptied) removeIfEmpty(join(prefix, path));
  for (const path of moves.in) {
    if (!move(join(stagedDirectory(prefix), path), join(prefix, path))) {
      throw new ToolError("internal", `the staged file \`${path}\` is missing`);
    }
  }
}

/** The moves, backwards. May be repeated after having been stopped anywhere, as long as nothing of what is staged was removed. */
export function undoMoves(prefix: string, journal: Steps): void {
  const staged = stagedDirectory(prefix);
  for (const path of [...journal.in].reverse()) {
    if (kindAt(join(staged, path)) === undefined) takeBack(join(prefix, path), join(staged, path));
  }
  for (const { path, mode } of [...journal.emptied].reverse()) makeDirectory(join(prefix, path), mode);
  for (let index = journal.out.length - 1; index >= 0; index--)
    move(oldPath(prefix, index), join(prefix, journal.out[index]!));
}

/** A directory that has become one of a lower layer (overlayfs) cannot move: it goes, and something in its place says that it has gone. */
function takeBack(path: string, staged: string): void {
  try {
    move(path, staged);
  } catch (error) {
    if (kindAt(path) !== "directory") throw error;
    removeAll(path);
    makeDirectory(staged);
  }
}

/**
 * Says that everything is back. From now on what is staged is rubbish, and undoing again would take old files for new ones whose
 * staged place has been emptied.
 */
export function withdraw(prefix: string): void {
  removeAll(journalFile(prefix));
}

/** Whether a transaction has moved something, or let scripts run, and was neither committed nor taken back. */
export function isUnfinished(prefix: string): boolean {
  const state = readJournal(prefix)?.state;
  return state === "applying" || (state === undefined && isKept(keptDirectory(prefix)));
}

/** As `discard` after a commit: old files that cannot be deleted are put aside, as nothing of what follows needs them. */
export function discardOld(prefix: string, events: EventSink): void {
  try {
    discard(prefix, false);
  } catch {
    // Told by what is next.
  }
  removeRubbish(journalDirectory(prefix), events);
}

/** Removes the journal and everything staged or kept. The journal goes last: until then a stopped removal is done again. */
export function discard(prefix: string, createdMeta: boolean): void {
  const directory = journalDirectory(prefix);
  forgetTree(keptDirectory(prefix));
  removeAll(join(directory, "new"));
  removeAll(join(directory, "old"));
  removeAll(directory);
  if (createdMeta) removeIfEmpty(join(prefix, "conda-meta"));
}
