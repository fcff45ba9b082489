import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { readText, writeAtomic } from "../fs/files.ts";

/** `conda-meta/state` (CEP 32): environment variables of the prefix, as JSON. Unknown keys are kept. */
export interface EnvironmentStateFile {
  version: number;
  env_vars: Record<string, string>;
  [key: string]: unknown;
}

const path = (prefix: string): string => join(prefix, "conda-meta", "state");

/** The state file, or an empty one. Throws `environment-corrupt` when it is no JSON object: it is the user's and is not overwritten. */
export async function readStateFile(prefix: string): Promise<EnvironmentStateFile> {
  const text = await readText(path(prefix));
  if (text === undefined || text.trim() === "") return { version: 1, env_vars: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ToolError(
      "environment-corrupt",
      `\`${path(prefix)}\` is no valid JSON: ${(error as Error).message}`,
      { hint: "correct the file, or delete it" },
    );
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new ToolError("environment-corrupt", `\`${path(prefix)}\` is not an object`, {
      hint: "correct the file, or delete it",
    });
  }
  const state = value as Record<string, unknown>;
  const vars = state["env_vars"];
  const env_vars: Record<string, string> = {};
  if (vars !== null && typeof vars === "object")
    for (const [key, text] of Object.entries(vars)) env_vars[key] = String(text);
  return { ...state, version: typeof state["version"] === "number" ? state["version"] : 1, env_vars };
}

/** What conda writes for a variable that `env config vars unset` removed: it hides one set by a package. */
export const UNSET = "***unset***";

/** Adds variables to the prefix (`variables:` of an environment file, `env config vars set`); `undefined` removes one. */
export async function writeVariables(
  prefix: string,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const state = await readStateFile(prefix);
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete state.env_vars[name];
    else state.env_vars[name] = value;
  }
  await writeAtomic(path(prefix), `${JSON.stringify(state, null, 2)}\n`);
}
