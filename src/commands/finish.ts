import type { PrefixState } from "../prefix/prefix.ts";
import { writeVariables } from "../prefix/state.ts";
import { type ChangeOutcome, completePlan, executePlan, type PartialPlan } from "./change.ts";
import type { CommandContext } from "./context.ts";
import type { Inputs } from "./inputs.ts";
import { showNotices } from "./notices.ts";
import { installWithPip } from "./pip.ts";

/** Asks, changes the prefix, and does what an environment file asks for beside packages. */
export async function carryOut(
  { notices, ...plan }: PartialPlan,
  inputs: Inputs,
  state: PrefixState | undefined,
  context: CommandContext,
): Promise<ChangeOutcome> {
  try {
    const outcome = await executePlan(await completePlan(plan, context), state, context);
    // Also where no package changes: the pip section may be what failed last time.
    if (!outcome.dryRun && !outcome.declined && !outcome.downloadOnly)
      await finishEnvironment(plan.prefix, inputs, context);
    if (notices) await showNotices(notices, context);
    return outcome;
  } finally {
    notices?.cancel();
  }
}

/** What an environment file asks for beside packages: variables, then the pip section. */
async function finishEnvironment(prefix: string, inputs: Inputs, context: CommandContext): Promise<void> {
  if (Object.keys(inputs.variables).length > 0) await writeVariables(prefix, inputs.variables);
  const directory = inputs.pipDirectory ?? context.cwd;
  if (inputs.lockedPip.length > 0)
    await installWithPip(prefix, { requirements: inputs.lockedPip, directory, noDeps: true }, context);
  if (inputs.pip.length > 0) await installWithPip(prefix, { requirements: inputs.pip, directory }, context);
}
