import { interruption, ToolError } from "../errors.ts";
import { kindAt, makeDirectory, move } from "../fs/tree.ts";
import { oldRecords } from "../plan/transaction.ts";
import { prefixRecordFile } from "./conda-meta.ts";
import { type ConflictPlan, clobberedPaths, nameFolding } from "./conflicts.ts";
import {
  applyMoves,
  discardOld,
  journalDirectory,
  newJournal,
  readJournal,
  writeJournal,
} from "./journal.ts";
import type { PrefixLock } from "./lock.ts";
import { type Moves, planMoves } from "./moves.ts";
import { discardPrefix } from "./recover.ts";
import { keepFromScripts, rollBack } from "./script-effects.ts";
import { recordedScript, runLinkScript, type ScriptContext } from "./scripts.ts";
import type { PlannedOperation, TransactionContext, TransactionRequest } from "./transaction.ts";

export interface CommitInput {
  request: TransactionRequest;
  context: TransactionContext;
  planned: readonly PlannedOperation[];
  conflicts: ConflictPlan;
  /** Where everything new is staged. */
  root: string;
  lock: PrefixLock;
}

function scriptContext({ request, context }: CommitInput): ScriptContext {
  return { prefix: request.prefix, options: request.options, events: context.events, signal: context.signal };
}

/** pre-link scripts run from the package cache before anything is in the prefix; conda has long discouraged them. */
async function runPreLink(input: CommitInput): Promise<void> {
  if (input.request.options.linkScripts !== "run") return;
  for (const { record, plan } of input.planned) {
    if (plan.scripts.preLink)
      await runLinkScript(record, "pre-link", scriptContext(input), record.extracted_package_dir);
  }
}

async function runPostLink(input: CommitInput): Promise<void> {
  if (input.request.options.linkScripts !== "run") return;
  for (const { record, plan } of input.planned)
    if (plan.scripts.postLink) await runLinkScript(record, "post-link", scriptContext(input));
}

/** A new environment: it is complete when it appears under its name, except for what post-link scripts add, which the journal covers. */
export async function commitFresh(input: CommitInput): Promise<void> {
  const { root, request, planned, lock } = input;
  const { prefix, options } = request;
  await runPreLink(input);
  const scripts = options.linkScripts === "run" && planned.some(({ plan }) => plan.scripts.postLink);
  const journal = newJournal({ fresh: true });
  if (scripts) {
    makeDirectory(journalDirectory(root));
    writeJournal(root, journal);
    lock.copyTo(root, prefix);
  }
  if (kindAt(prefix) !== undefined || !move(root, prefix)) {
    throw new ToolError("environment-exists", `\`${prefix}\` was made by another program in the meantime`, {
      hint: "run the command again",
    });
  }
  if (!scripts) return;
  try {
    await runPostLink(input);
    writeJournal(prefix, { ...journal, state: "committed" });
  } catch (error) {
    discardPrefix(prefix);
    throw error;
  }
  tidy(input);
}

/** The change is done: what cannot be deleted now is deleted by the next command. */
function tidy({ request, context }: CommitInput): void {
  try {
    discardOld(request.prefix, context.events);
  } catch (error) {
    context.events({
      type: "warning",
      code: "not-tidied",
      message: `old files of \`${request.prefix}\` could not be deleted: ${(error as Error).message}`,
    });
  }
}

/** A change of an environment that exists: journal, renames, post-link scripts, done; or everything back. */
export async function commitInPlace(input: CommitInput): Promise<void> {
  const { request, context, root, lock } = input;
  const { prefix } = request;
  const moves = plannedMoves(input, root);
  const { out, emptied } = moves;
  const journal = newJournal({ createdMeta: lock.createdMeta, out, emptied, in: moves.in });
  const stop = haveScripts(input) ? keepFromScripts(prefix) : () => {};
  try {
    await runPreUnlink(input);
    await runPreLink(input);
    if (context.signal?.aborted) throw interruption(context.signal);
    writeJournal(prefix, journal);
    applyMoves(prefix, moves);
    await runPostLink(input);
    writeJournal(prefix, { ...journal, state: "committed" });
  } catch (error) {
    await rollBack(prefix, readJournal(prefix), { dead: false, events: context.events });
    throw error;
  } finally {
    stop();
  }
  tidy(input);
  for (const { fn, files } of oldRecords(request.transaction))
    context.events({ type: "link", id: fn, state: "done", action: "unlink", files: files.length });
}

function haveScripts({ request, planned }: CommitInput): boolean {
  const { transaction, options } = request;
  return (
    options.linkScripts === "run" &&
    (planned.some(({ plan }) => plan.scripts.preLink ?? plan.scripts.postLink) ||
      oldRecords(transaction).some((record) => recordedScript(record, "pre-unlink", options.platform)))
  );
}

function plannedMoves({ request, conflicts, context }: CommitInput, root: string): Moves {
  const { prefix, transaction, options } = request;
  const fold = nameFolding(prefix) ?? ((path: string) => path);
  const metadata = oldRecords(transaction).map((record) => `conda-meta/${prefixRecordFile(record)}`);
  const moves = planMoves(
    prefix,
    { ...conflicts.removed, files: [...conflicts.removed.files, ...metadata] },
    root,
    fold,
  );
  const known = new Set(clobberedPaths(conflicts).map(fold));
  const unowned = moves.overwritten.filter((path) => !known.has(fold(path)) && !path.endsWith(".pyc"));
  if (unowned.length > 0 && options.pathConflict === "prevent") {
    throw new ToolError(
      "clobber",
      `\`${prefix}/${unowned[0]}\` exists and belongs to no package${unowned.length > 1 ? `, nor do ${unowned.length - 1} more` : ""}`,
      {
        hint: "path_conflict is `prevent`; move the file away, or use `warn` or `clobber` to replace it",
        details: { paths: unowned.slice(0, 100) },
      },
    );
  }
  if (unowned.length > 0) {
    const more = unowned.length > 1 ? ` and ${unowned.length - 1} more` : "";
    context.events({
      type: "warning",
      code: "clobber",
      message: `files that belonged to no package are replaced: \`${unowned[0]}\`${more}`,
    });
  }
  for (const path of moves.outside) {
    context.events({
      type: "warning",
      code: "outside",
      message: `\`${prefix}/${path}\` is a symlink out of the environment; files listed below it were left alone`,
    });
  }
  if (kindAt(journalDirectory(prefix)) === undefined)
    throw new ToolError("internal", "the staging directory is gone");
  return moves;
}

async function runPreUnlink(input: CommitInput): Promise<void> {
  const { transaction, options } = input.request;
  if (options.linkScripts !== "run") return;
  for (const record of oldRecords(transaction).reverse()) {
    if (recordedScript(record, "pre-unlink", options.platform))
      await runLinkScript(record, "pre-unlink", scriptContext(input));
  }
}
