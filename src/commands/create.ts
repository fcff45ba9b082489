import { dirname, join, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { listDir, pathKind, readText, writeAtomic } from "../fs/files.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import type { ChangeOutcome } from "./change.ts";
import { chooseChannels } from "./channels.ts";
import { asMicromamba, type CommandContext } from "./context.ts";
import { targetContext } from "./environment.ts";
import { namesPackages, planExplicit, refuseMixed } from "./explicit.ts";
import { carryOut } from "./finish.ts";
import { gatherInputs, type InputSources, type Inputs, warnOfPlatform } from "./inputs.ts";
import { withNotices } from "./notices.ts";
import { planAgain } from "./plan-again.ts";
import { readForChange } from "./prefix-state.ts";
import { solveChange } from "./solve-change.ts";
import { prefixFromPath, resolveTarget, type TargetOptions, unnamed } from "./target.ts";

export interface CreateIntent extends InputSources {
  target: TargetOptions;
  /** To search first, in order; then those of files, else those that are configured. */
  channels?: readonly string[];
  /** Leave out `create_default_packages`. */
  noDefaultPackages?: boolean;
  /** An environment that is there already is an error, unless --yes was said (conda's `env create`). */
  onlyNew?: boolean;
}

export interface CreateOutcome extends ChangeOutcome {
  /** The name that the files give. */
  name: string | undefined;
}

/**
 * Creates an environment. One that is there already is replaced, after the user agreed; a directory that is not empty
 * and no environment is left alone.
 */
export async function create(intent: CreateIntent, context: CommandContext): Promise<CreateOutcome> {
  const inputs = await gatherInputs(intent, context);
  warnOfPlatform(inputs, context);
  const prefix = await newPrefix(intent.target, inputs, context);
  if (intent.onlyNew && !context.config.alwaysYes && (await isEnvironment(prefix)))
    throw new ToolError("environment-exists", `\`${prefix}\` exists already`, {
      hint: "`env update` changes it, --yes replaces it",
      details: { path: prefix },
    });
  if (context.dialect === "conda") await refuseAsConda(prefix);
  // `env create --dry-run` of conda does not look at what is there.
  if (
    context.dialect === "conda" &&
    context.config.dryRun &&
    !intent.onlyNew &&
    (await isEnvironment(prefix))
  )
    throw new ToolError("usage", "Cannot `create --dry-run` with an existing conda environment", {
      hint: "`install --dry-run` shows what would change in it",
      details: { exception_name: "CondaValueError", location: prefix },
    });
  await refuseForeignDirectory(prefix, context);
  await refuseRoot(prefix, context);
  const outcome = await planAgain(context, async () => {
    const state = await readForChange(prefix, context);
    return carryOut(await planCreate(intent, inputs, prefix, state, context), inputs, state, context);
  });
  if (!outcome.dryRun && !outcome.declined && !outcome.downloadOnly) await rememberPlatform(prefix, context);
  return { ...outcome, name: inputs.name };
}

/**
 * An environment for another platform says so in a configuration file of its own, as the peers' do: later commands then install for
 * that platform, too.
 */
async function rememberPlatform(prefix: string, context: CommandContext): Promise<void> {
  const { platform } = context.config;
  if (!platform || platform === context.hostPlatform) return;
  const [file, key] = context.dialect === "conda" ? [".condarc", "subdir"] : [".mambarc", "platform"];
  const path = join(prefix, file);
  const before = (await readText(path)) ?? "";
  const line = new RegExp(`^${key}:.*$`, "m");
  const own = `${key}: ${platform}`;
  await writeAtomic(path, line.test(before) ? before.replace(line, own) : `${before}${own}\n`);
}

async function planCreate(
  intent: CreateIntent,
  inputs: Inputs,
  prefix: string,
  state: PrefixState | undefined,
  context: CommandContext,
) {
  if (namesPackages(inputs)) {
    refuseMixed(inputs);
    return planExplicit({ command: "create", prefix, packages: inputs }, state, context);
  }
  const specs = [...inputs.specs];
  if (!intent.noDefaultPackages) specs.push(...context.config.createDefaultPackages);
  const channels =
    specs.length === 0
      ? []
      : chooseChannels(
          {
            channels: intent.channels ?? [],
            fileChannels: inputs.channels,
            nodefaults: inputs.nodefaults,
            specs,
          },
          context,
        );
  return withNotices(channels, context, () =>
    solveChange(
      { command: "create", prefix, specs, channels, pipSection: inputs.pip.length > 0 },
      state,
      context,
    ),
  );
}

/** -n or -p, else what the files say, else `MAMBA_TARGET_PREFIX`. The active environment is never created anew by accident. */
export async function newPrefix(
  target: TargetOptions,
  inputs: Inputs,
  context: CommandContext,
): Promise<string> {
  const where = { ...targetContext(context), activePrefix: undefined };
  const named = await resolveTarget(target, where);
  if (named) return named;
  if (inputs.prefix) return prefixFromPath(inputs.prefix, context);
  if (inputs.name) return (await resolveTarget({ name: inputs.name }, where))!;
  if (context.config.targetPrefix) return prefixFromPath(context.config.targetPrefix, context);
  // conda solves for a place that it will not make.
  if (context.dialect === "conda" && context.config.dryRun)
    return join(context.config.rootPrefix, "envs", "unused-env-name");
  throw unnamed(context.dialect);
}

/** Places that conda refuses: PATH cannot hold the one, and the other is somebody's directory of that environment. */
export async function refuseAsConda(prefix: string): Promise<void> {
  const problem =
    prefix.slice(1).includes(":") && !/^[A-Za-z]:[\\/][^:]*$/.test(prefix)
      ? `Environment paths cannot contain ':'. Prefix: ${prefix}`
      : (await isEnvironment(dirname(prefix)))
        ? `Environment paths cannot be immediately nested under another conda environment. Prefix: ${prefix}`
        : undefined;
  if (problem !== undefined)
    throw new ToolError("usage", problem, {
      hint: "choose another path",
      details: { exception_name: "CondaValueError" },
    });
}

/** Creating the root prefix anew would take every package out of it. For micromamba, its directory is enough to refuse. */
async function refuseRoot(prefix: string, context: CommandContext): Promise<void> {
  if (prefix !== context.config.rootPrefix || context.config.dryRun) return;
  const there = asMicromamba(context) ? (await pathKind(prefix)) !== undefined : await isEnvironment(prefix);
  if (!there) return;
  const conda = context.dialect === "conda";
  throw new ToolError(
    "usage",
    conda
      ? "The target prefix is the base prefix. Aborting."
      : `the root prefix \`${prefix}\` exists and is not created anew`,
    {
      hint: "`install -n base` adds packages to it",
      details: conda ? { exception_name: "CondaValueError" } : undefined,
    },
  );
}

/** A directory with anything in it that is no environment belongs to somebody. */
async function refuseForeignDirectory(prefix: string, context: CommandContext): Promise<void> {
  const kind = await pathKind(prefix);
  if (kind === undefined || (await isEnvironment(prefix))) return;
  if (kind !== "directory" && kind !== "symlink") {
    throw new ToolError("not-an-environment", `\`${prefix}\` is a file`, {
      hint: "choose another path with -p",
    });
  }
  const names = await listDir(prefix);
  const ours = new Set([".condarc", "condarc", "condarc.d", ".mambarc", "envs", "pkgs", "conda-meta"]);
  if (names.every((name) => ours.has(name))) return;
  // conda asks, and --yes agrees: tox makes a directory for its logs before the environment. Files in the way are still refused.
  if (context.dialect === "conda" && context.config.alwaysYes) return;
  throw new ToolError(
    "not-an-environment",
    `\`${resolve(prefix)}\` is a directory with files in it, but no environment`,
    {
      hint: `choose another path, or empty it first; it holds \`${names.find((name) => !ours.has(name))}\``,
    },
  );
}
