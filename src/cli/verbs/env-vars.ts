import { listVariables, setVariables, unsetVariables, type VariablesOutcome } from "../../commands/vars.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** `env config vars list|set|unset`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  switch (invocation.path.at(-1)) {
    case "set":
      return reportChange(
        await setVariables(target, invocation.args, session.context),
        invocation.name,
        session,
      );
    case "unset":
      return reportChange(
        await unsetVariables(target, invocation.args, session.context),
        invocation.name,
        session,
      );
    default:
      return print(await listVariables(target, session.context), session);
  }
}

function print({ variables }: VariablesOutcome, session: Session): number {
  if (session.json) session.printJson(variables);
  else {
    const lines = Object.entries(variables).map(([name, value]) => `${name} = ${value}`);
    if (lines.length > 0) session.print(lines.join("\n"));
  }
  return EXIT.ok;
}

function reportChange(
  { prefix, variables, missing }: VariablesOutcome,
  name: string,
  session: Session,
): number {
  for (const entry of missing) {
    session.context.events({
      type: "warning",
      code: "variable-not-set",
      message: `\`${entry}\` is not set in \`${prefix}\``,
    });
  }
  if (session.json) session.printJson({ success: true, prefix, env_vars: variables });
  else if (session.context.env["CONDA_PREFIX"] === prefix)
    session.say(`To use the change in this shell: ${name} activate ${prefix}`);
  return EXIT.ok;
}
