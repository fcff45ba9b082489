import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { isFileSync } from "../fs/sync-files.ts";
import { exec } from "../host/exec.ts";
import { cmdLine } from "../host/windows-command.ts";
import { quotePosix } from "../util/format.ts";
import { type ActivationContext, activate, pathDirectories, type Step } from "./activation.ts";
import { readEnvironmentData } from "./environment-data.ts";

export interface RunEnvironmentOptions {
  /** `base` is its name. Default: `MAMBA_ROOT_PREFIX`. */
  rootPrefix?: string | undefined;
  envsDirs?: readonly string[] | undefined;
  windows?: boolean | undefined;
  /** micromamba's rule: names of variables count in upper case. */
  upperCase?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The environment variables of a program that runs inside a prefix: those of `env`, changed as activation would.
 * Where the prefix has activate.d scripts, one shell runs them and tells the result; what they print goes to stderr.
 * Starts from no active environment, as `run` inside an active one must not depend on it.
 */
export async function activatedEnvironment(
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
  options: RunEnvironmentOptions = {},
): Promise<Record<string, string>> {
  const windows = options.windows ?? process.platform === "win32";
  const extension = windows ? ".bat" : ".sh";
  const context: ActivationContext = {
    env: leaveEnvironments(env, windows),
    rootPrefix: options.rootPrefix ?? env["MAMBA_ROOT_PREFIX"] ?? "",
    windows,
    changePrompt: true,
    promptTemplate: "({default_env}) ",
    envsDirs: options.envsDirs ?? [],
    read: (path) => readEnvironmentData(path, extension, options),
  };
  const steps = activate(prefix, context);
  const result = applySteps(context.env, steps);
  const scripts = steps.flatMap((step) => (step.type === "source" ? [step.path] : []));
  if (scripts.length === 0) return result;
  return windows
    ? runBatchScripts(scripts, result, options.signal)
    : runScripts(scripts, result, options.signal);
}

/** The variables without the traces of active environments: their directories on PATH and their levels. */
function leaveEnvironments(
  env: Readonly<Record<string, string | undefined>>,
  windows: boolean,
): Record<string, string> {
  const result: Record<string, string> = {};
  const old = env["CONDA_PREFIX"];
  const oldDirectories = old ? pathDirectories(old, windows) : [];
  const separator = windows ? ";" : ":";
  for (const [name, value] of Object.entries(env)) {
    if (
      value === undefined ||
      /^CONDA_((PREFIX|STACKED)(_\d+)?|SHLVL|DEFAULT_ENV|PROMPT_MODIFIER)$/.test(name)
    )
      continue;
    if (name !== "PATH" && !(windows && name.toUpperCase() === "PATH")) result[name] = value;
    else
      result["PATH"] = value
        .split(separator)
        .filter((entry) => !oldDirectories.includes(entry))
        .join(separator);
  }
  return result;
}

function applySteps(
  env: Readonly<Record<string, string | undefined>>,
  steps: readonly Step[],
): Record<string, string> {
  const result = new Map(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  for (const step of steps) {
    if (step.type === "set") result.set(step.name, step.value);
    if (step.type === "unset") result.delete(step.name);
  }
  return Object.fromEntries(result) as Record<string, string>;
}

/** Set around the result, so that scripts may print what they like. */
const MARK = "taipan-environment-follows";

/**
 * Activation scripts are written for bash, so bash runs them where there is one. `env -0` separates by NUL because
 * values may hold line breaks.
 */
async function runScripts(
  scripts: readonly string[],
  env: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Record<string, string>> {
  const sources = scripts.map((path) => `. ${quotePosix(path)} 1>&2`).join("\n");
  const text = `${sources}\nprintf '%s\\0' ${MARK}\n/usr/bin/env -0\n`;
  const shell = (env["PATH"] ?? "").split(":").some((dir) => dir !== "" && isFileSync(join(dir, "bash")));
  const result = await exec(shell ? "bash" : "/bin/sh", ["-c", text], {
    env,
    stderr: "inherit",
    signal,
  });
  const records = result.stdout.split("\0");
  return parseRecords(afterMark(records, scripts, env));
}

function afterMark(
  records: readonly string[],
  scripts: readonly string[],
  env: Record<string, string>,
): readonly string[] {
  const start = records.indexOf(MARK);
  if (start !== -1) return records.slice(start + 1);
  throw new ToolError("script-failed", `an activation script of \`${env["CONDA_PREFIX"]}\` ended its shell`, {
    hint: `the scripts are ${scripts.join(", ")}`,
    details: { scripts },
  });
}

function parseRecords(records: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const record of records) {
    const at = record.indexOf("=");
    // bash adds these to any environment that it starts with.
    if (at > 0 && !/^(_|SHLVL)$/.test(record.slice(0, at)))
      result[record.slice(0, at)] = record.slice(at + 1);
  }
  return result;
}

async function runBatchScripts(
  scripts: readonly string[],
  env: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Record<string, string>> {
  const calls = scripts.map((path) => `CALL "${path}" 1>&2`).join(" & ");
  const { file, args, verbatim } = cmdLine(`${calls} & echo ${MARK}& SET`, env);
  const result = await exec(file, args, { env, stderr: "inherit", signal, verbatim });
  return parseRecords(afterMark(result.stdout.split(/\r?\n/), scripts, env));
}
