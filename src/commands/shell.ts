import { isAbsolute, join, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureDir, listDir, pathKind } from "../fs/files.ts";
import { shellHook } from "../shell/hook.ts";
import {
  applyInit,
  guessShell,
  type InitContext,
  type InitPlan,
  planDeinit,
  planInit,
  planReinit,
} from "../shell/init.ts";
import { type ShellScript, shellScript } from "../shell/script.ts";
import { isShell, SHELLS, type Shell } from "../shell/syntax.ts";
import { similarNames } from "../specs/names.ts";
import type { CommandContext } from "./context.ts";
import {
  looksLikePath,
  prefixFromPath,
  resolveTarget,
  type TargetContext,
  type TargetOptions,
} from "./target.ts";

export type ShellContext = Pick<
  CommandContext,
  "config" | "env" | "cwd" | "home" | "hostPlatform" | "commandLine"
>;

export interface ActivationIntent {
  operation: "activate" | "deactivate" | "reactivate";
  shell?: string | undefined;
  /** Name or path; with neither this nor a target, the default environment. */
  environment?: string | undefined;
  target: TargetOptions;
  stack: boolean;
}

/** The text that a shell evaluates to change its own environment. Throws `environment-not-found` and `usage`. */
export async function activationScript(
  intent: ActivationIntent,
  context: ShellContext,
): Promise<ShellScript & { shell: Shell; prefix: string | undefined }> {
  const { config, env } = context;
  const shell = chooseShell(intent.shell, context);
  const prefix = intent.operation === "activate" ? await environmentToActivate(intent, context) : undefined;
  const script = shellScript(
    { operation: intent.operation, shell, prefix, stack: intent.stack },
    {
      env,
      rootPrefix: config.rootPrefix,
      envsDirs: config.envsDirs,
      windows: context.hostPlatform.startsWith("win"),
      changePrompt: config.changeps1,
      promptTemplate: config.envPrompt,
      autoStack: config.autoStack,
    },
  );
  return { ...script, shell, prefix };
}

/** The shell that is named, or the one that started us. */
export function chooseShell(
  name: string | undefined,
  context: Pick<ShellContext, "env" | "hostPlatform">,
): Shell {
  if (name === undefined) return guessShell(context.env, context.hostPlatform);
  if (isShell(name)) return name;
  const [near] = similarNames(name, SHELLS);
  throw new ToolError("usage", `\`${name}\` is no known shell`, {
    hint: near ? `did you mean \`${near}\`?` : `known are ${SHELLS.join(", ")}`,
  });
}

async function environmentToActivate(intent: ActivationIntent, context: ShellContext): Promise<string> {
  const { config, cwd, home } = context;
  const where: TargetContext = { rootPrefix: config.rootPrefix, envsDirs: config.envsDirs, cwd, home };
  const named = intent.environment;
  if (named !== undefined && (intent.target.name !== undefined || intent.target.prefix !== undefined)) {
    throw new ToolError("usage", `\`${named}\` and -n or -p both name an environment`, {
      hint: "give one of them",
    });
  }
  const chosen =
    named ??
    (intent.target.name === undefined && intent.target.prefix === undefined
      ? config.defaultActivationEnv || "base"
      : undefined);
  const prefix =
    chosen === undefined
      ? (await resolveTarget(intent.target, where))!
      : looksLikePath(chosen)
        ? prefixFromPath(chosen, where)
        : (await resolveTarget({ name: chosen }, where))!;
  await checkEnvironment(prefix, chosen ?? intent.target.name, config);
  return prefix;
}

/** An environment has conda-meta; the root prefix need not have been installed into. */
async function checkEnvironment(
  prefix: string,
  name: string | undefined,
  config: ShellContext["config"],
): Promise<void> {
  const wanted = prefix === config.rootPrefix ? prefix : join(prefix, "conda-meta");
  const kind = await pathKind(wanted);
  if (kind === "directory" || (kind === "symlink" && prefix === config.rootPrefix)) return;
  const names = (await Promise.all(config.envsDirs.map((dir) => listDir(dir).catch(() => [])))).flat();
  const [near] = name === undefined ? [] : similarNames(name, names);
  throw new ToolError("environment-not-found", `there is no environment at \`${prefix}\``, {
    hint: near ? `did you mean \`${near}\`?` : "`env list` shows the environments",
    details: { location: prefix },
  });
}

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

/** What init, deinit or reinit would change, by shell. */
export function planShells(
  action: "init" | "deinit" | "reinit",
  shells: readonly Shell[],
  program: Program,
  context: ShellContext,
): InitPlan[] {
  const { config, home, env, hostPlatform } = context;
  const init: InitContext = { ...program, rootPrefix: config.rootPrefix, home, env, platform: hostPlatform };
  if (action === "reinit") return planReinit(shells, init);
  return shells.map((shell) => (action === "init" ? planInit(shell, init) : planDeinit(shell, init)));
}

export async function applyShells(
  action: "init" | "deinit" | "reinit",
  plans: readonly InitPlan[],
  context: ShellContext,
): Promise<void> {
  if (action !== "deinit") await ensureDir(context.config.rootPrefix);
  for (const plan of plans) await applyInit(plan);
}
