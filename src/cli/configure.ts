import { join } from "node:path";
import { prefixFromPath, resolveTarget } from "../commands/target.ts";
import type { Config, ConfigInput, Dialect } from "../config/assemble.ts";
import { loadConfigQuickly } from "../config/quick.ts";
import { pathKind } from "../fs/files.ts";
import { type Invocation, list, text } from "./invocation.ts";
import { configOverrides } from "./overrides.ts";

type Facts = Pick<ConfigInput, "env" | "home" | "cwd" | "platform">;

/**
 * The configuration for a command line. The condarc of the environment that -n or -p names is read, and without them that of the
 * active one.
 */
export async function configure(invocation: Invocation, facts: Facts): Promise<Config> {
  const { env, home, cwd } = facts;
  const path = text(invocation, "prefix");
  const input: ConfigInput = {
    ...facts,
    overrides: configOverrides(invocation),
    dialect: invocation.name as Dialect,
    rcFiles: invocation.ignoreRc ? [] : list(invocation, "rcFile"),
    noRc: invocation.options["rc"] === false || invocation.ignoreRc === true,
    noEnv: invocation.options["env"] === false,
    targetPrefix: path ? prefixFromPath(path, { home, cwd }) : env["CONDA_PREFIX"],
  };
  const config = await loadConfigQuickly(input);
  const name = text(invocation, "name");
  if (name === undefined || input.noRc) return config;
  // Where a name leads is configuration itself, so the environment's own file can only be read afterwards.
  const { rootPrefix, envsDirs } = config.values;
  const prefix = await resolveTarget({ name }, { rootPrefix, envsDirs, home, cwd }).catch(() => undefined);
  if (prefix === undefined || prefix === rootPrefix || !(await hasOwnFile(prefix))) return config;
  return loadConfigQuickly({ ...input, targetPrefix: prefix });
}

async function hasOwnFile(prefix: string): Promise<boolean> {
  for (const name of [".condarc", "condarc", "condarc.d", ".mambarc"]) {
    if ((await pathKind(join(prefix, name))) !== undefined) return true;
  }
  return false;
}
