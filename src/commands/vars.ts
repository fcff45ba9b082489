import { ToolError } from "../errors.ts";
import { refuseFrozen } from "../prefix/frozen.ts";
import { readStateFile, UNSET, writeVariables } from "../prefix/state.ts";
import type { CommandContext } from "./context.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

export interface VariablesOutcome {
  prefix: string;
  /** After the change; sorted by name. */
  variables: Record<string, string>;
  /** Names that `unset` did not find. */
  missing: string[];
}

/** The variables that activating an environment sets (`conda-meta/state`). */
export async function listVariables(
  target: TargetOptions,
  context: CommandContext,
): Promise<VariablesOutcome> {
  const prefix = await environmentOf(target, context);
  return { prefix, variables: await readVariables(prefix), missing: [] };
}

/** Sets `NAME=VALUE` words. All are checked before one is written. */
export async function setVariables(
  target: TargetOptions,
  words: readonly string[],
  context: CommandContext,
): Promise<VariablesOutcome> {
  const prefix = await environmentOf(target, context);
  if (words.length === 0)
    throw new ToolError("usage", "there is no variable to set", { hint: "write NAME=VALUE" });
  const variables = Object.fromEntries(words.map(assignment));
  await refuseFrozen(prefix, !context.config.protectFrozenEnvs);
  await writeVariables(prefix, variables);
  return { prefix, variables: await readVariables(prefix), missing: [] };
}

export async function unsetVariables(
  target: TargetOptions,
  names: readonly string[],
  context: CommandContext,
): Promise<VariablesOutcome> {
  const prefix = await environmentOf(target, context);
  if (names.length === 0)
    throw new ToolError("usage", "there is no variable to unset", { hint: "write its name" });
  const before = await readVariables(prefix);
  const missing = names.filter((name) => !Object.hasOwn(before, name));
  await refuseFrozen(prefix, !context.config.protectFrozenEnvs);
  await writeVariables(prefix, Object.fromEntries(names.map((name) => [name, undefined])));
  return { prefix, variables: await readVariables(prefix), missing };
}

async function environmentOf(target: TargetOptions, context: CommandContext): Promise<string> {
  return requireEnvironment(await resolveTarget(target, targetContext(context)), context);
}

async function readVariables(prefix: string): Promise<Record<string, string>> {
  const { env_vars } = await readStateFile(prefix);
  const entries = Object.entries(env_vars).filter(([, value]) => value !== UNSET);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Shells take no other names, and a value with a NUL could not be set. */
function assignment(word: string): [string, string] {
  const at = word.indexOf("=");
  const name = word.slice(0, Math.max(at, 0));
  if (at < 0 || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new ToolError("usage", `\`${word}\` sets no variable`, {
      hint: "write NAME=VALUE; a name has letters, digits and _",
    });
  }
  return [name, word.slice(at + 1)];
}
