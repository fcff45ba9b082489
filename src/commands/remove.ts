import { ToolError } from "../errors.ts";
import { removeEnvironment as removeTreeOfEnvironment } from "../prefix/remove-environment.ts";
import { matchSpecMatches, parseMatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import { type ChangeOutcome, completePlan, executePlan } from "./change.ts";
import type { CommandContext } from "./context.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { linkOptions } from "./link-options.ts";
import { planAgain } from "./plan-again.ts";
import { readForChange } from "./prefix-state.ts";
import { solveChange } from "./solve-change.ts";
import { looksLikePath, resolveTarget, type TargetOptions } from "./target.ts";

export interface RemoveIntent {
  target: TargetOptions;
  specs: readonly string[];
  /** Remove every package and leave the environment empty. */
  everything?: boolean;
  /** Remove the named packages alone, whatever needs them. */
  force?: boolean;
  /** Remove what nothing needs any more, too. */
  prune?: boolean;
}

/** Removes packages and everything that needs them; with `prune`, also what nothing needs any more. */
export function remove(intent: RemoveIntent, context: CommandContext): Promise<ChangeOutcome> {
  return planAgain(context, () => removeOnce(intent, context));
}

async function removeOnce(intent: RemoveIntent, context: CommandContext): Promise<ChangeOutcome> {
  const prefix = await requireEnvironment(
    await resolveTarget(intent.target, targetContext(context)),
    context,
  );
  if (intent.specs.length === 0 && !intent.everything)
    throw new ToolError("usage", "nothing to remove", {
      hint: "name packages, or use --all for the whole environment",
    });
  const state = await readForChange(prefix, context);
  const installed = state?.records ?? [];
  const specs = intent.everything ? installed.map((record) => record.name) : intent.specs;
  const absent = specs.filter((text) => {
    const spec = parseMatchSpec(text);
    return !installed.some((record) => matchSpecMatches(spec, record));
  });
  if (absent.length > 0 && context.dialect === "conda") throw missing(absent, prefix);
  for (const text of absent) {
    const spec = parseMatchSpec(text);
    const near = similarNames(
      spec.name ?? text,
      installed.map((record) => record.name),
    );
    context.events({
      type: "warning",
      code: "package-not-installed",
      message: `\`${text}\` is not installed in \`${prefix}\``,
      hint: near.length ? `did you mean \`${near[0]}\`?` : undefined,
    });
  }
  const { prune = false } = intent;
  const force = intent.force === true || intent.everything === true;
  const plan = await solveChange(
    { command: "remove", prefix, specs, channels: [], force, prune },
    state,
    context,
  );
  return executePlan(await completePlan(plan, context), state, context);
}

/** As conda says it, which removes nothing where one name is wrong. */
function missing(specs: readonly string[], prefix: string): ToolError {
  const lines = specs.map((spec) => `\n  - ${spec}`).join("");
  return new ToolError(
    "package-not-installed",
    `The following packages are missing from the target environment:${lines}`,
    {
      hint: "nothing was removed; `conda list` shows what is installed",
      details: { packages: [...specs], location: prefix },
    },
  );
}

export interface RemoveEnvironmentOutcome {
  prefix: string;
  packages: number;
  done: boolean;
}

/** Removes a whole environment, after `agree` was asked: unlinks scripts' work, deletes the tree and its line in environments.txt. */
export async function removeEnvironment(
  target: TargetOptions,
  agree: (prefix: string, packages: number) => Promise<boolean>,
  context: CommandContext,
): Promise<RemoveEnvironmentOutcome> {
  const prefix = await requireEnvironment(await resolveTarget(target, targetContext(context)), context);
  if (prefix === context.config.rootPrefix) {
    throw new ToolError("usage", "the root prefix cannot be removed as an environment", {
      hint: `it holds the other environments; delete \`${prefix}\` by hand if you mean it`,
      details: { exception_name: "CondaEnvironmentError" },
    });
  }
  const byDefault = context.config.defaultActivationEnv;
  if (byDefault !== "" && byDefault !== "base") {
    const at = looksLikePath(byDefault) ? { prefix: byDefault } : { name: byDefault };
    if ((await resolveTarget(at, targetContext(context))) === prefix)
      throw new ToolError(
        "usage",
        "Cannot remove an environment if it is configured as `default_activation_env`.",
        { hint: "change the configuration first", details: { exception_name: "CondaEnvException" } },
      );
  }
  const state = await readForChange(prefix, context);
  const packages = state?.records.length ?? 0;
  if (context.config.dryRun || !(await agree(prefix, packages))) return { prefix, packages, done: false };
  await removeTreeOfEnvironment(prefix, linkOptions(context), {
    events: context.events,
    pool: context.resources.pool(),
    signal: context.signal,
  });
  return { prefix, packages, done: true };
}
