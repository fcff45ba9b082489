import { isAbsolute, join, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureDir, pathKind, writeAtomic } from "../fs/files.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { shellHook } from "../shell/hook.ts";
import {
  applyInit,
  type InitContext,
  type InitPlan,
  planDeinit,
  planInit,
  planReinit,
} from "../shell/init.ts";
import type { Shell } from "../shell/syntax.ts";
import type { ShellContext } from "./activation.ts";
import { asMicromamba } from "./context.ts";

/** What the shell function is called and runs. */
export interface Program {
  name: string;
  /** Absolute path. */
  exe: string;
}

/** The executable as it was called; on Windows the script's launcher beside it, as a script cannot be run there. */
export async function ownProgram(name: string, context: ShellContext): Promise<Program> {
  const path = resolve(context.cwd, context.commandLine[0] ?? name);
  if (!context.hostPlatform.startsWith("win") || !/\.[cm]?js$/.test(path)) return { name, exe: path };
  for (const dir of (context.env["PATH"] ?? context.env["Path"] ?? "").split(";")) {
    for (const ending of [".exe", ".cmd"]) {
      const candidate = join(dir, name + ending);
      if (isAbsolute(dir) && (await pathKind(candidate)) === "file") return { name, exe: candidate };
    }
  }
  return { name, exe: path };
}

/** The text that `shell hook` prints. */
export async function hookText(shell: Shell, program: Program, context: ShellContext): Promise<string> {
  const { config } = context;
  return shellHook(shell, {
    ...program,
    rootPrefix: config.rootPrefix,
    completion: config.shellCompletion,
    autoActivate: config.autoActivateBase ? config.defaultActivationEnv || "base" : undefined,
  });
}

/** What init, deinit or reinit would change, by shell; with `system`, for all users. */
export function planShells(
  shells: readonly Shell[],
  { action, program, system }: { action: "init" | "deinit" | "reinit"; program: Program; system: boolean },
  context: ShellContext,
): InitPlan[] {
  const { config, home, env, hostPlatform } = context;
  if (system && hostPlatform.startsWith("win"))
    throw new ToolError("usage", "on Windows a shell is set up for its user only");
  const init: InitContext = {
    ...program,
    rootPrefix: config.rootPrefix,
    home,
    env,
    platform: hostPlatform,
    systemDirectory: system ? "/etc" : undefined,
  };
  if (action === "reinit") return planReinit(shells, init);
  return shells.map((shell) => (action === "init" ? planInit(shell, init) : planDeinit(shell, init)));
}

export async function applyShells(
  action: "init" | "deinit" | "reinit",
  plans: readonly InitPlan[],
  context: ShellContext,
): Promise<void> {
  const { rootPrefix } = context.config;
  if (action !== "deinit") await ensureDir(rootPrefix);
  // micromamba's `shell init` leaves an environment, though an empty one, that can be listed and installed into.
  if (action === "init" && asMicromamba(context) && !(await isEnvironment(rootPrefix))) {
    await ensureDir(join(rootPrefix, "conda-meta"));
    await writeAtomic(join(rootPrefix, "conda-meta", "history"), "");
  }
  for (const plan of plans) await applyInit(plan, context.env);
}
