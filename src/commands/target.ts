import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { isWritable, listDir, pathKind, realPath } from "../fs/files.ts";
import { isOwnName } from "../prefix/beside.ts";

export interface TargetOptions {
  name?: string | undefined;
  prefix?: string | undefined;
}

export interface TargetContext {
  rootPrefix: string;
  envsDirs: readonly string[];
  /** CONDA_PREFIX of the calling shell, if an environment is active. */
  activePrefix?: string | undefined;
  cwd: string;
  home: string;
  /** micromamba's names: anything that is one directory. */
  anyName?: boolean;
}

/**
 * Absolute path of the environment that -n or -p names; without either, the active environment.
 * `undefined` when nothing names one. A name is looked up in every envs_dir; a new one goes to the first writable.
 */
export async function resolveTarget(
  options: TargetOptions,
  context: TargetContext,
): Promise<string | undefined> {
  if (options.name !== undefined && options.prefix !== undefined) {
    throw new ToolError("usage", "-n and -p both name an environment", { hint: "give one of them" });
  }
  if (options.prefix !== undefined) return prefixFromPath(options.prefix, context);
  if (options.name !== undefined) return prefixFromName(options.name, context);
  return context.activePrefix ? resolve(context.cwd, context.activePrefix) : undefined;
}

export function prefixFromPath(path: string, context: Pick<TargetContext, "cwd" | "home">): string {
  if (path.trim() === "") throw new ToolError("usage", "the path given with -p is empty");
  if (path.includes("\0")) throw new ToolError("usage", "the path given with -p has a NUL character");
  const expanded = path === "~" || path.startsWith("~/") ? join(context.home, path.slice(1)) : path;
  return resolve(context.cwd, expanded);
}

/** CEP 24: a name has no slash, space, colon or hash. `base` and `root` are the root prefix. */
function checkEnvironmentName(name: string): void {
  if (name === "" || name === "." || name === ".." || /[/\\ :#\0]/.test(name)) {
    throw new ToolError("usage", `\`${name}\` cannot be the name of an environment`, {
      hint: /[/\\]/.test(name) ? `to use a path, write -p ${name}` : "names have no slash, space, colon or #",
      details: { exception_name: "CondaValueError", environment_name: name },
    });
  }
}

/** Of a new environment that neither options nor files name. */
export function unnamed(dialect: string | undefined): ToolError {
  const conda = dialect === "conda";
  return new ToolError(
    "usage",
    conda ? "one of the arguments -n/--name -p/--prefix is required" : "the new environment has no name",
    { hint: "give it one with -n NAME, or a path with -p PATH" },
  );
}

async function prefixFromName(name: string, context: TargetContext): Promise<string> {
  if (name === "base" || name === "root") return context.rootPrefix;
  // An environment that is there has its name, whatever the rule for new ones.
  const safe = !/^\.{0,2}$|[/\\\0]/.test(name);
  for (const dir of safe ? context.envsDirs : []) {
    if ((await pathKind(join(dir, name, "conda-meta"))) === "directory") return join(dir, name);
  }
  if (!safe || !context.anyName) checkEnvironmentName(name);
  for (const dir of context.envsDirs) if (await isWritable(dir)) return join(dir, name);
  return join(context.envsDirs[0] ?? join(context.rootPrefix, "envs"), name);
}

/** How users call an environment: its name where it has one, else its path. */
export function displayName(prefix: string, context: Pick<TargetContext, "rootPrefix" | "envsDirs">): string {
  if (prefix === context.rootPrefix) return "base";
  return context.envsDirs.includes(dirname(prefix)) ? basename(prefix) : prefix;
}

/** Whether the argument of `activate`-like commands is a path rather than a name. */
export function looksLikePath(argument: string): boolean {
  return (
    isAbsolute(argument) ||
    /[/\\]/.test(argument) ||
    argument === "." ||
    argument === ".." ||
    argument.startsWith("~")
  );
}

/**
 * Environments below the envs_dirs, the root prefix and those registered in environments.txt; existing ones only, sorted. One that
 * links lead to by several paths is listed once, by the path that has a name.
 */
export async function listEnvironments(
  registered: readonly string[],
  context: Pick<TargetContext, "rootPrefix" | "envsDirs">,
): Promise<string[]> {
  // By real path.
  const found = new Map<string, string>();
  const candidates = [context.rootPrefix];
  for (const dir of context.envsDirs)
    for (const name of await listDir(dir)) if (!isOwnName(name)) candidates.push(join(dir, name));
  candidates.push(...registered);
  for (const path of candidates) {
    if ((await pathKind(join(path, "conda-meta"))) !== "directory") continue;
    const real = realPath(path);
    if (!found.has(real)) found.set(real, path);
  }
  // As the peers do: the root prefix first, then by path.
  return [...found.values()].sort(
    (a, b) => Number(b === context.rootPrefix) - Number(a === context.rootPrefix) || (a < b ? -1 : 1),
  );
}
