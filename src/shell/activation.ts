import { basename, dirname } from "node:path";
import { windowsPathDirectories } from "../plan/windows-paths.ts";
import { type EnvironmentData, UNSET_WORD } from "./environment-data.ts";

/** One thing that a shell does while activating or deactivating, in order. */
export type Step =
  | { type: "set"; name: string; value: string }
  | { type: "unset"; name: string }
  | { type: "source"; path: string }
  /** The shell's prompt, which is no exported variable. */
  | { type: "prompt"; value: string };

export interface ActivationContext {
  /** The environment of the shell. */
  env: Readonly<Record<string, string | undefined>>;
  /** Empty when it is unknown. */
  rootPrefix: string;
  windows: boolean;
  /** `changeps1`. */
  changePrompt: boolean;
  /** `env_prompt`. */
  promptTemplate: string;
  envsDirs: readonly string[];
  /** The prompt of the shell, where activation may change it; its name depends on the shell. */
  prompt?: string | undefined;
  /** Reads an environment. */
  read(prefix: string): EnvironmentData;
}

/** `auto_stack`: environments up to this level are stacked without being asked. */
export interface ActivateOptions {
  stack?: boolean | undefined;
  autoStack?: number;
}

/** Name shown for an environment: `base`, the name of a named environment, or the path of any other. */
export function environmentName(
  prefix: string,
  context: Pick<ActivationContext, "rootPrefix" | "envsDirs">,
): string {
  if (prefix === context.rootPrefix) return "base";
  const parent = dirname(prefix);
  return basename(parent) === "envs" || context.envsDirs.includes(parent) ? basename(prefix) : prefix;
}

/** Directories that an environment puts on PATH, in order (conda/activate.py). */
export function pathDirectories(prefix: string, windows: boolean): string[] {
  if (windows) return windowsPathDirectories(prefix);
  return [prefix === "/" ? "/bin" : `${prefix}/bin`];
}

function level(env: ActivationContext["env"]): number {
  const text = env["CONDA_SHLVL"] ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

/** Activating the active environment runs its scripts again; activating the one below steps back down. */
export function activate(prefix: string, context: ActivationContext, options: ActivateOptions = {}): Step[] {
  const { env } = context;
  const depth = level(env);
  const old = depth > 0 ? env["CONDA_PREFIX"] : undefined;
  if (old === prefix) return reactivate(context);
  const stack = options.stack ?? (depth > 0 && depth <= (options.autoStack ?? 0));
  if (depth > 1 && env[`CONDA_PREFIX_${depth - 1}`] === prefix && !stack) return deactivate(context);

  const data = context.read(prefix);
  const oldData = old === undefined || stack ? undefined : context.read(old);
  const steps: Step[] = (oldData?.deactivateScripts ?? []).map((path) => ({ type: "source", path }));
  const current = new Map(Object.entries(env));
  for (const step of oldData ? restoreVariables(oldData, depth, env) : []) {
    if (data.variables.has(step.name)) continue;
    steps.push(step);
    current.set(step.name, step.type === "set" ? step.value : undefined);
  }
  const modifier = promptModifier(prefix, context);
  steps.push(...promptStep(modifier, context));
  for (const [name, value] of data.variables) {
    const before = current.get(name);
    if (before !== undefined && before !== value) {
      steps.push({ type: "set", name: savedName(depth, name), value: before });
    }
    steps.push(value === null ? { type: "unset", name } : { type: "set", name, value });
  }
  const path = old !== undefined && !stack ? replacePrefix(old, prefix, context) : addPrefix(prefix, context);
  steps.push({ type: "set", name: "PATH", value: path });
  steps.push({ type: "set", name: "CONDA_PREFIX", value: prefix });
  steps.push({ type: "set", name: "CONDA_SHLVL", value: String(depth + 1) });
  steps.push({ type: "set", name: "CONDA_DEFAULT_ENV", value: environmentName(prefix, context) });
  steps.push(...modifierStep(modifier, env));
  if (old !== undefined) steps.push({ type: "set", name: `CONDA_PREFIX_${depth}`, value: old });
  if (stack && old !== undefined)
    steps.push({ type: "set", name: `CONDA_STACKED_${depth + 1}`, value: "true" });
  return [...steps, ...data.activateScripts.map((file): Step => ({ type: "source", path: file }))];
}

/** Steps back to the environment below, or to none. No steps when nothing is active. */
export function deactivate(context: ActivationContext): Step[] {
  const { env } = context;
  const depth = level(env);
  const old = env["CONDA_PREFIX"];
  if (depth < 1 || !old) return [];
  const oldData = context.read(old);
  const below = depth > 1 ? env[`CONDA_PREFIX_${depth - 1}`] : undefined;
  const stacked = env[`CONDA_STACKED_${depth}`] === "true";
  const path =
    below !== undefined && !stacked ? replacePrefix(old, below, context) : removePrefix(old, context);
  const steps: Step[] = [{ type: "set", name: "PATH", value: path }];
  steps.push(...oldData.deactivateScripts.map((file): Step => ({ type: "source", path: file })));
  if (below === undefined) {
    for (const name of ["CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER"])
      steps.push({ type: "unset", name });
  }
  const belowData = below === undefined ? undefined : context.read(below);
  for (const step of restoreVariables(oldData, depth, env)) {
    if (!belowData?.variables.has(step.name)) steps.push(step);
  }
  // Of a variable that the environment below unsets, conda and mamba leave the mark as its value when they come back to it.
  for (const [name, value] of belowData?.variables ?? [])
    steps.push({ type: "set", name, value: value ?? UNSET_WORD });
  for (const name of oldData.variables.keys()) {
    const saved = savedName(depth - 1, name);
    if (env[saved] !== undefined) steps.push({ type: "unset", name: saved });
  }
  if (stacked) steps.push({ type: "unset", name: `CONDA_STACKED_${depth}` });
  const modifier = below === undefined ? "" : promptModifier(below, context);
  steps.push(...promptStep(modifier, context));
  if (below !== undefined) {
    steps.push({ type: "unset", name: `CONDA_PREFIX_${depth - 1}` });
    steps.push({ type: "set", name: "CONDA_PREFIX", value: below });
    steps.push({ type: "set", name: "CONDA_DEFAULT_ENV", value: environmentName(below, context) });
    steps.push(...modifierStep(modifier, env));
  }
  steps.push({ type: "set", name: "CONDA_SHLVL", value: String(depth - 1) });
  // The scripts of an environment that was stacked upon never stopped being active.
  const again = belowData?.activateScripts ?? [];
  return [...steps, ...again.map((file): Step => ({ type: "source", path: file }))];
}

/** Runs the scripts of the active environment again and sets its variables, as after an installation. */
export function reactivate(context: ActivationContext): Step[] {
  const { env } = context;
  const depth = level(env);
  const prefix = env["CONDA_PREFIX"];
  if (depth < 1 || !prefix) return [];
  const data = context.read(prefix);
  const modifier = promptModifier(prefix, context);
  const steps: Step[] = data.deactivateScripts.map((path) => ({ type: "source", path }));
  steps.push(...promptStep(modifier, context));
  for (const [name, value] of data.variables) {
    if (value === null && env[name] !== undefined) steps.push({ type: "unset", name });
    if (value !== null && env[name] !== value) steps.push({ type: "set", name, value });
  }
  steps.push({ type: "set", name: "PATH", value: replacePrefix(prefix, prefix, context) });
  steps.push({ type: "set", name: "CONDA_SHLVL", value: String(depth) });
  steps.push(...modifierStep(modifier, env));
  return [...steps, ...data.activateScripts.map((path): Step => ({ type: "source", path }))];
}

function savedName(depth: number, name: string): string {
  return `__CONDA_SHLVL_${depth}_${name}`;
}

/** Gives the variables of the environment at a level back the values that they had before it. */
function restoreVariables(
  data: EnvironmentData,
  depth: number,
  env: ActivationContext["env"],
): ({ type: "set"; name: string; value: string } | { type: "unset"; name: string })[] {
  return [...data.variables.keys()].map((name) => {
    const saved = env[savedName(depth - 1, name)];
    return saved === undefined ? { type: "unset", name } : { type: "set", name, value: saved };
  });
}

function promptModifier(prefix: string, context: ActivationContext): string {
  if (!context.changePrompt) return "";
  const values: Record<string, string> = {
    default_env: environmentName(prefix, context),
    prefix,
    name: basename(prefix),
  };
  return context.promptTemplate.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}

function modifierStep(modifier: string, env: ActivationContext["env"]): Step[] {
  const name = "CONDA_PROMPT_MODIFIER";
  if (modifier !== "") return [{ type: "set", name, value: modifier }];
  return env[name] === undefined ? [] : [{ type: "unset", name }];
}

/** The old modifier is taken out of the prompt and the new one put before it. Powerline draws its own. */
function promptStep(modifier: string, context: ActivationContext): Step[] {
  const { prompt, env } = context;
  if (prompt === undefined || prompt.includes("POWERLINE_COMMAND")) return [];
  const old = env["CONDA_PROMPT_MODIFIER"];
  if (!context.changePrompt && !old) return [];
  const bare = old ? prompt.replace(old, () => "") : prompt;
  return [{ type: "prompt", value: modifier + bare }];
}

function pathEntries(context: ActivationContext): string[] {
  const path = context.env["PATH"] ?? context.env["Path"] ?? "";
  return path === "" ? [] : path.split(context.windows ? ";" : ":");
}

function joinPath(entries: readonly string[], context: ActivationContext): string {
  return entries.join(context.windows ? ";" : ":");
}

/** The tool's own directory follows, so that it is found while an environment is active. */
function addPrefix(prefix: string, context: ActivationContext): string {
  const entries = pathEntries(context);
  const condabin = context.windows ? `${context.rootPrefix}\\condabin` : `${context.rootPrefix}/condabin`;
  const known = context.rootPrefix === "" || entries.some((entry) => /[/\\]condabin[/\\]?$/.test(entry));
  return joinPath(
    [...pathDirectories(prefix, context.windows), ...(known ? [] : [condabin]), ...entries],
    context,
  );
}

/** The new directories take the place of the old ones; what the user put before them stays before them. */
function replacePrefix(old: string, prefix: string, context: ActivationContext): string {
  const entries = pathEntries(context);
  const oldDirectories = new Set(pathDirectories(old, context.windows));
  const at = entries.findIndex((entry) => oldDirectories.has(entry));
  const kept = entries.filter((entry) => !oldDirectories.has(entry));
  kept.splice(Math.max(at, 0), 0, ...pathDirectories(prefix, context.windows));
  return joinPath(kept, context);
}

function removePrefix(old: string, context: ActivationContext): string {
  const directories = new Set(pathDirectories(old, context.windows));
  return joinPath(
    pathEntries(context).filter((entry) => !directories.has(entry)),
    context,
  );
}
