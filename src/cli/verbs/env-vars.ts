import { listVariables, setVariables, unsetVariables, type VariablesOutcome } from "../../commands/vars.ts";
import { typedWord } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** `env config vars list|set|unset`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const words = invocation.args.map((word) => inItsCase(word, invocation, session));
  switch (invocation.path.at(-1)) {
    case "set":
      return reportChange(await setVariables(target, words, session.context), invocation.name, session);
    case "unset":
      return reportChange(await unsetVariables(target, words, session.context), invocation.name, session);
    default:
      return print(await listVariables(target, session.context), session);
  }
}

/**
 * conda and micromamba write names of variables in upper case; taipan as they are given, since `http_proxy` and `HTTP_PROXY` are
 * two. `envvars_force_uppercase` decides where it is set.
 */
function inItsCase(word: string, invocation: Invocation, session: Session): string {
  const { values, detail } = session.config;
  const said = detail("envvars_force_uppercase") !== undefined;
  if (!(said ? values.envvarsForceUppercase : invocation.name !== "taipan")) return word;
  const at = word.indexOf("=");
  return at < 0 ? word.toUpperCase() : word.slice(0, at).toUpperCase() + word.slice(at);
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
  else if (session.context.env["CONDA_PREFIX"] === prefix) {
    const word = typedWord(prefix, session.context.hostPlatform);
    session.say(`To use the change in this shell: ${name} activate ${word}`);
  }
  return EXIT.ok;
}
