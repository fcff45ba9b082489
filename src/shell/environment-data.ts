import { join } from "node:path";
import { listPathsSync, readTextSync } from "../fs/sync-files.ts";
import { isJsonObject } from "../util/json.ts";

/** What activating an environment runs and sets. */
export interface EnvironmentData {
  prefix: string;
  /** Variables by name; null means that activation unsets it. */
  variables: ReadonlyMap<string, string | null>;
  /** Absolute paths, in the order in which they run. */
  activateScripts: readonly string[];
  deactivateScripts: readonly string[];
  warnings: readonly string[];
}

/** conda-meta/state marks a variable to unset with this word (conda/base/constants.py). */
export const UNSET_WORD = "***unset***";

/** Names that every shell takes. Anything else could be code: `x; rm -rf ~` is a fine JSON key. */
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that steer activation itself, the loader or the shell: no package may set them. */
const RESERVED =
  /^(PATH|CONDA_(PREFIX|SHLVL|DEFAULT_ENV|PROMPT_MODIFIER|STACKED)(_\d+)?|__CONDA_.*|PS1|PROMPT|IFS)$/i;

/**
 * Reads the variables and scripts of an environment: `etc/conda/env_vars.d/*.json` of its packages in sorted order,
 * then `conda-meta/state` of its owner, which wins; `etc/conda/activate.d` and `deactivate.d` in sorted and in reverse
 * order. `upperCase`: names count in upper case, as for micromamba. Files that cannot be read become warnings, as a broken package must not lock its user out.
 */
export function readEnvironmentData(
  prefix: string,
  scriptExtension: string,
  options: { upperCase?: boolean | undefined } = {},
): EnvironmentData {
  const variables = new Map<string, string | null>();
  const warnings: string[] = [];
  const packageFiles = listPathsSync(join(prefix, "etc", "conda", "env_vars.d")).filter((path) =>
    path.endsWith(".json"),
  );
  const add = (from: Record<string, unknown> | undefined, path: string) =>
    addVariables(options.upperCase ? withUpperCase(from) : from, path, variables, warnings);
  for (const path of packageFiles) add(parseObject(path, warnings), path);
  const statePath = join(prefix, "conda-meta", "state");
  const state = parseObject(statePath, warnings)?.["env_vars"];
  if (isJsonObject(state)) add(state, statePath);
  const scripts = (directory: string) =>
    listPathsSync(join(prefix, "etc", "conda", directory)).filter((path) => path.endsWith(scriptExtension));
  return {
    prefix,
    variables,
    activateScripts: scripts("activate.d"),
    deactivateScripts: scripts("deactivate.d").reverse(),
    warnings,
  };
}

function withUpperCase(from: Record<string, unknown> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name.toUpperCase(), value]));
}

function parseObject(path: string, warnings: string[]): Record<string, unknown> | undefined {
  const text = readTextSync(path);
  if (text === undefined || text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below.
  }
  warnings.push(`\`${path}\` holds no JSON object; it is ignored`);
  return undefined;
}

function addVariables(
  from: Record<string, unknown> | undefined,
  path: string,
  into: Map<string, string | null>,
  warnings: string[],
): void {
  for (const [name, value] of Object.entries(from ?? {})) {
    const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
    if (!VARIABLE_NAME.test(name) || RESERVED.test(name) || typeof text !== "string" || text.includes("\0")) {
      warnings.push(
        `variable ${JSON.stringify(name)} in \`${path}\` is ignored: no name or value that may be set`,
      );
      continue;
    }
    into.set(name, text === UNSET_WORD ? null : text);
  }
}
