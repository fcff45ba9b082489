import { resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { pathKind } from "../fs/files.ts";
import { spawnAttached } from "../host/spawn.ts";
import { activatedEnvironment } from "../shell/environment.ts";
import type { CommandContext } from "./context.ts";
import { targetContext } from "./create.ts";
import { requireEnvironment } from "./install.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

export interface RunIntent {
  target: TargetOptions;
  command: readonly string[];
  cwd?: string | undefined;
  cleanEnv: boolean;
  /** `VAR=VALUE`, or `VAR` to pass one on. */
  env: readonly string[];
}

/** Runs a program in an activated environment; signals and the exit code pass through. Resolves to the exit code. */
export async function run(intent: RunIntent, context: CommandContext): Promise<number> {
  const target = await resolveTarget(intent.target, targetContext(context));
  const prefix = await requireEnvironment(target ?? context.config.rootPrefix, context);
  const [program, ...args] = intent.command;
  if (program === undefined)
    throw new ToolError("usage", "there is no program to run", {
      hint: "write it after the options: `run -n sci python script.py`",
    });
  const cwd = resolve(context.cwd, intent.cwd ?? ".");
  if ((await pathKind(cwd)) === undefined)
    throw new ToolError("usage", `there is no directory \`${cwd}\` to run in`);
  const base = intent.cleanEnv ? {} : { ...context.env };
  const env = { ...(await activatedEnvironment(prefix, base)), ...chosenVariables(intent.env, context.env) };
  return spawnAttached(program, args, { env, cwd });
}

function chosenVariables(entries: readonly string[], from: CommandContext["env"]): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const entry of entries) {
    const at = entry.indexOf("=");
    const name = at < 0 ? entry : entry.slice(0, at);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new ToolError("usage", `\`${entry}\` sets no variable`, { hint: "write -e NAME=VALUE" });
    const value = at < 0 ? from[name] : entry.slice(at + 1);
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}
