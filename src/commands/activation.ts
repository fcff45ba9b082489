import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { listDir, pathKind } from "../fs/files.ts";
import { guessShell } from "../shell/guess.ts";
import { type ShellScript, shellScript } from "../shell/script.ts";
import { isShell, SHELLS, type Shell } from "../shell/syntax.ts";
import { similarNames } from "../specs/names.ts";
import { asMicromamba, type CommandContext } from "./context.ts";
import {
  looksLikePath,
  prefixFromPath,
  resolveTarget,
  type TargetContext,
  type TargetOptions,
} from "./target.ts";

export type ShellContext = Pick<
  CommandContext,
  "config" | "env" | "cwd" | "home" | "hostPlatform" | "commandLine" | "dialect"
>;

export interface ActivationIntent {
  operation: "activate" | "deactivate" | "reactivate";
  shell?: string | undefined;
  /** Name or path; with neither this nor a target, the default environment. */
  environment?: string | undefined;
  target: TargetOptions;
  /** Without a word, `auto_stack` decides. */
  stack?: boolean | undefined;
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
      upperCase: asMicromamba(context),
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
    details:
      name === undefined || looksLikePath(name)
        ? { location: prefix }
        : { location: prefix, environment_name: name, exception_name: "EnvironmentNameNotFound" },
  });
}
