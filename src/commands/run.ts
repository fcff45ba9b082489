import { basename, join, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { listDir, pathKind } from "../fs/files.ts";
import { spawnAttached, spawnDetached } from "../host/spawn.ts";
import { activatedEnvironment } from "../shell/environment.ts";
import { similarNames } from "../specs/names.ts";
import { asMicromamba, type CommandContext } from "./context.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { checkLabel, registerProcess } from "./processes.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

export type StandardStream = "stdin" | "stdout" | "stderr";

export interface RunIntent {
  target: TargetOptions;
  command: readonly string[];
  cwd?: string | undefined;
  /** Start from no variables but the ones that activation sets. */
  cleanEnv: boolean;
  /** `VAR=VALUE`, or `VAR` to pass one on. */
  env: readonly string[];
  /** Streams passed through; all when undefined. */
  attach?: readonly StandardStream[] | undefined;
  /** Do not wait: the program outlives this process and has no terminal. */
  detach: boolean;
  /** Name for `ps`. */
  label?: string | undefined;
  /** Called just before the program starts: from then on signals are the program's. */
  onStart?: (() => void) | undefined;
}

export interface RunOutcome {
  /** The program's, or 128 and the number of the signal that ended it. */
  exitCode: number;
  detached?: { pid: number; name: string };
}

/** Runs a program in an activated environment. Signals pass through to it. */
export async function run(intent: RunIntent, context: CommandContext): Promise<RunOutcome> {
  const { config } = context;
  const target = await resolveTarget(intent.target, targetContext(context));
  const prefix = await requireRunnable(target ?? config.rootPrefix, context);
  const [program, ...args] = shellWords(intent.command, context);
  if (program === undefined) {
    throw new ToolError(
      "usage",
      context.dialect === "conda" ? "No command specified" : "there is no program to run",
      {
        hint: "write it after the options: `run -n sci python script.py`",
      },
    );
  }
  const cwd = resolve(context.cwd, intent.cwd ?? ".");
  if ((await pathKind(cwd)) === undefined)
    throw new ToolError("usage", `there is no directory \`${cwd}\` to run in`);
  if (intent.label !== undefined) await checkLabel(intent.label, context);
  const env = await runEnvironment(intent, prefix, context);
  const name = (pid: number) => intent.label ?? `${basename(program)}-${pid}`;
  const entry = (pid: number) => ({
    pid,
    name: name(pid),
    prefix,
    command: intent.command,
    detached: intent.detach,
  });
  const notThere = async (error: unknown): Promise<never> => {
    throw isNotThere(error, program) ? await withPrograms(error, program, { prefix, context }) : error;
  };
  if (intent.detach) {
    const pid = await spawnDetached(program, args, { env, cwd }).catch(notThere);
    await registerProcess(entry(pid), context);
    return { exitCode: 0, detached: { pid, name: name(pid) } };
  }
  // Signals sent to this process reach the program, so this is the process to be stopped.
  const forget = await registerProcess(entry(process.pid), context);
  try {
    return {
      exitCode: await spawnAttached(program, args, {
        env,
        cwd,
        attach: intent.attach,
        onStart: intent.onStart,
      }).catch(notThere),
    };
  } finally {
    await forget();
  }
}

function isNotThere(error: unknown, program: string): error is ToolError {
  return (
    error instanceof ToolError &&
    error.details?.["file"] === program &&
    error.details["errno"] === "ENOENT" &&
    !/[/\\]/.test(program)
  );
}

/** The failure with programs of the environment that have a similar name, or how one comes into it. */
async function withPrograms(
  error: ToolError,
  program: string,
  { prefix, context }: { prefix: string; context: CommandContext },
): Promise<ToolError> {
  const windows = context.hostPlatform.startsWith("win");
  const directories = windows ? [".", "Scripts", "Library/bin"] : ["bin"];
  const files = (await Promise.all(directories.map((path) => listDir(join(prefix, path))))).flat();
  const programs = windows
    ? files.flatMap((file) => /^(.+)\.(?:exe|bat|cmd)$/i.exec(file)?.[1] ?? [])
    : files.filter((file) => !file.startsWith("."));
  const near = similarNames(program, new Set(programs)).map((name) => `\`${name}\``);
  const hint = near.length
    ? `did you mean ${near.join(" or ")}?`
    : `\`${prefix}\` has no such program: install the package that brings it, such as \`install -p ${prefix} ${program}\``;
  return new ToolError(error.code, error.message, { hint, details: error.details, cause: error });
}

/** What only a shell knows, and scripts give to `conda run` all the same. */
const BUILTINS = new Set([
  "exit",
  "export",
  "source",
  ".",
  "cd",
  "ulimit",
  "umask",
  "type",
  "command",
  "set",
]);

/** conda runs its arguments by a shell: several lines in one argument are a script, and builtins are there. */
function shellWords(command: readonly string[], context: CommandContext): readonly string[] {
  const [first = "", ...rest] = command;
  if (context.dialect !== "conda" || context.hostPlatform.startsWith("win")) return command;
  if (rest.length === 0 && first.trim().includes("\n")) return ["sh", "-c", first];
  return BUILTINS.has(first) ? ["sh", "-c", '"$@"', "sh", ...command] : command;
}

/** Programs can be run in a root prefix into which nothing was installed. */
async function requireRunnable(prefix: string, context: CommandContext): Promise<string> {
  if (prefix === context.config.rootPrefix && (await pathKind(prefix)) !== undefined) return prefix;
  return requireEnvironment(prefix, context);
}

async function runEnvironment(
  intent: RunIntent,
  prefix: string,
  context: CommandContext,
): Promise<Record<string, string>> {
  const { config, signal } = context;
  const base = intent.cleanEnv ? cleanVariables(context.env) : { ...context.env };
  const activated = await activatedEnvironment(prefix, base, {
    rootPrefix: config.rootPrefix,
    envsDirs: config.envsDirs,
    upperCase: asMicromamba(context),
    signal,
  });
  return { ...activated, ...chosenVariables(intent.env, context.env) };
}

/**
 * Nothing of the caller's but what no program starts without: the system's directories on PATH, and on Windows what
 * sockets and temporary files need.
 */
function cleanVariables(env: CommandContext["env"]): Record<string, string> {
  if (process.platform !== "win32")
    return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
  const kept: Record<string, string> = {};
  for (const name of ["Path", "SystemRoot", "SystemDrive", "TEMP", "TMP", "COMSPEC", "PATHEXT"]) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
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
