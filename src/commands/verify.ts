import { planTransaction } from "../plan/diff.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { damagedPackages, type VerifyProblem, verifyPrefix } from "../prefix/verify.ts";
import { linkOrder } from "../solve/order.ts";
import type { PrefixRecord, RepoDataRecord } from "../specs/records.ts";
import { type ChangeOutcome, completePlan, executePlan } from "./change.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { readEnvironment } from "./list.ts";
import { planAgain } from "./plan-again.ts";
import type { TargetOptions } from "./target.ts";

export interface VerifyIntent {
  target: TargetOptions;
  /** `fast` compares kinds and sizes, `full` hashes every file. */
  mode: "fast" | "full";
  /** Link damaged packages again. */
  fix: boolean;
}

export interface VerifyResult {
  prefix: string;
  packages: number;
  /** What was found before anything was mended. */
  problems: readonly VerifyProblem[];
  /** What is wrong still. */
  remaining: readonly VerifyProblem[];
  change?: ChangeOutcome | undefined;
}

/** Compares the files of an environment with what its packages brought, and links damaged packages again if asked to. */
export function verify(intent: VerifyIntent, context: CommandContext): Promise<VerifyResult> {
  return planAgain(context, () => verifyOnce(intent, context));
}

async function verifyOnce(intent: VerifyIntent, context: CommandContext): Promise<VerifyResult> {
  const { prefix, state } = await readEnvironment(intent.target, context);
  const problems = await findProblems(prefix, state.records, intent.mode, context.signal);
  const result = { prefix, packages: state.records.length, problems, remaining: problems };
  if (!intent.fix || problems.length === 0) return result;
  const change = await relink(prefix, state, damagedPackages(problems), context);
  if (!change.done) return { ...result, change };
  const { state: now } = await readEnvironment({ prefix }, context);
  return {
    ...result,
    change,
    remaining: await findProblems(prefix, now.records, intent.mode, context.signal),
  };
}

/** One package after the other, giving way to signals between them: hashing a large environment takes a while. */
export async function findProblems(
  prefix: string,
  records: readonly PrefixRecord[],
  mode: "fast" | "full",
  signal: AbortSignal,
): Promise<VerifyProblem[]> {
  const found = new Map<string, VerifyProblem>();
  const good = new Set<string>();
  for (const record of records) {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    const problems = new Map(
      verifyPrefix(prefix, [record], { mode, signal }).map((problem) => [problem.path, problem]),
    );
    for (const path of record.files) {
      const problem = problems.get(path);
      // A path of several packages is good when it is what any of them says.
      if (!problem) good.add(path);
      if (good.has(path)) found.delete(path);
      else if (problem) found.set(path, problem);
    }
  }
  return [...found.values()];
}

/**
 * Links packages again as they are recorded. The cache is checked by hash first: where files are hard links, what damaged
 * the environment has damaged the cache as well.
 */
export async function relink(
  prefix: string,
  state: PrefixState,
  names: ReadonlySet<string>,
  outer: CommandContext,
): Promise<ChangeOutcome> {
  const context: CommandContext = {
    ...outer,
    config: { ...outer.config, safetyChecks: "enabled", extraSafetyChecks: true },
  };
  const solved = {
    records: linkOrder(state.records).map((record) =>
      names.has(record.name) ? asInChannel(record) : record,
    ),
    requested: new Map<string, string[]>(),
    reinstall: names,
  };
  const transaction = planTransaction(state.records, solved, { platform: platformOf(context) });
  const plan = await completePlan({ prefix, fresh: false, transaction, notes: [], named: true }, context);
  return executePlan(plan, state, context);
}

/** The record without what the last linking added to it. */
function asInChannel(record: PrefixRecord): RepoDataRecord {
  const {
    files,
    paths_data,
    link,
    requested_spec,
    requested_specs,
    extracted_package_dir,
    package_tarball_full_path,
    ...rest
  } = record;
  return rest;
}
