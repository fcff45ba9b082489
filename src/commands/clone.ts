import { ToolError } from "../errors.ts";
import { pathKind } from "../fs/files.ts";
import { planTransaction } from "../plan/diff.ts";
import { cloneEnvironment, renameEnvironment } from "../prefix/clone.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { removeEnvironment } from "../prefix/remove-environment.ts";
import { linkOrder } from "../solve/order.ts";
import type { ChangeOutcome, ChangePlan } from "./change.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { refuseAsConda } from "./create.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { historyCommand } from "./history-command.ts";
import { linkOptions } from "./link-options.ts";
import { readEnvironment } from "./list.ts";
import { looksLikePath, resolveTarget, type TargetOptions, unnamed } from "./target.ts";

export interface CloneIntent {
  /** Name or path of the environment to copy. */
  source: string;
  target: TargetOptions;
}

/** Copies an environment to a new place: same packages, same pip packages, no solve and no download. */
export async function clone(intent: CloneIntent, context: CommandContext): Promise<ChangeOutcome> {
  if (context.config.relocatePrefix)
    throw new ToolError("usage", "--clone and --relocate-prefix exclude each other", {
      hint: "`create --relocate-prefix` from `list --explicit` of the other environment",
    });
  const { prefix: source, state } = await readEnvironment(asTarget(intent.source), context);
  const target = await resolveTarget(intent.target, { ...targetContext(context), activePrefix: undefined });
  if (target === undefined) throw unnamed(context.dialect);
  if (context.dialect === "conda") await refuseAsConda(target);
  await refuseExisting(target);
  const solved = {
    records: linkOrder(state.records),
    requested: state.requestedSpecs,
    reinstall: new Set<string>(),
  };
  const plan: ChangePlan = {
    prefix: target,
    fresh: true,
    transaction: planTransaction([], solved, { platform: platformOf(context) }),
    fetch: [],
    cached: [],
    notes: [`cloned from ${source}`],
  };
  const outcome: ChangeOutcome = {
    plan,
    done: false,
    dryRun: context.config.dryRun,
    downloadOnly: false,
    declined: false,
  };
  if (context.config.dryRun) return outcome;
  if (!(await context.confirm(plan))) return { ...outcome, declined: true };
  await cloneEnvironment(source, target, linkOptions(context), transactionContext(context));
  return { ...outcome, done: true };
}

export interface RenameIntent {
  target: TargetOptions;
  /** New name or path. */
  destination: string;
  /** Remove an environment that has the new name already. */
  force: boolean;
}

export interface RenameOutcome {
  from: string;
  to: string;
  done: boolean;
}

/** Gives an environment another name or path; files that hold the path are written anew. */
export async function rename(
  intent: RenameIntent,
  agree: (question: string) => Promise<boolean>,
  context: CommandContext,
): Promise<RenameOutcome> {
  const where = targetContext(context);
  const details = { exception_name: "CondaEnvException" };
  const from = await requireEnvironment(await resolveTarget(intent.target, where), context).catch(
    (error: unknown) => {
      if (!(error instanceof ToolError)) throw error;
      throw new ToolError(error.code, error.message, {
        hint: error.hint,
        details: { ...error.details, ...details },
      });
    },
  );
  if (from === context.config.rootPrefix)
    throw new ToolError(
      "usage",
      context.dialect === "conda"
        ? "The 'base' environment cannot be renamed"
        : "the root prefix cannot be renamed",
      {
        hint: "it holds the other environments and the package cache",
        details,
      },
    );
  if (from === where.activePrefix && context.env["CONDA_PREFIX"] === from)
    throw new ToolError(
      "usage",
      context.dialect === "conda" ? "Cannot rename the active environment" : `\`${from}\` is active`,
      { hint: "deactivate it first", details },
    );
  const to = (await resolveTarget(asTarget(intent.destination), { ...where, activePrefix: undefined }))!;
  if (context.dialect === "conda") await refuseAsConda(to);
  const exists = (await pathKind(to)) !== undefined;
  // conda's --yes gives way to nothing but environments, as --force does.
  const force = intent.force || (context.dialect === "conda" && context.config.alwaysYes);
  if (exists && (to === from || !force || !(await isEnvironment(to)))) await refuseExisting(to, details);
  if (context.config.dryRun) return { from, to, done: false };
  const options = linkOptions(context);
  if (exists) {
    if (!(await agree(`Remove the environment that is at ${to}?`))) return { from, to, done: false };
    await removeEnvironment(to, options, transactionContext(context));
  }
  await renameEnvironment(from, to, options, transactionContext(context));
  return { from, to, done: true };
}

function asTarget(argument: string): TargetOptions {
  return looksLikePath(argument) ? { prefix: argument } : { name: argument };
}

async function refuseExisting(target: string, details?: Record<string, unknown>): Promise<void> {
  if ((await pathKind(target)) === undefined) return;
  throw new ToolError("environment-exists", `\`${target}\` exists already`, {
    hint: "choose another name, or remove it first",
    details: { ...details, path: target },
  });
}

function transactionContext(context: CommandContext) {
  return {
    pool: context.resources.pool(),
    events: context.events,
    signal: context.signal,
    command: historyCommand(context),
  };
}
