import { writeVariables } from "../prefix/state.ts";
import type { CommandContext } from "./context.ts";
import type { Inputs } from "./inputs.ts";
import { installWithPip } from "./pip.ts";

/** What an environment file asks for beside packages: variables, then the pip section. */
export async function finishEnvironment(
  prefix: string,
  inputs: Inputs,
  context: CommandContext,
): Promise<void> {
  if (Object.keys(inputs.variables).length > 0) await writeVariables(prefix, inputs.variables);
  const directory = inputs.pipDirectory ?? context.cwd;
  if (inputs.lockedPip.length > 0)
    await installWithPip(prefix, { requirements: inputs.lockedPip, directory, noDeps: true }, context);
  if (inputs.pip.length > 0) await installWithPip(prefix, { requirements: inputs.pip, directory }, context);
}
