import { ToolError } from "../errors.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { parseMatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import type { ChangeOutcome } from "./change.ts";
import { chooseChannels } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { namesPackages, planExplicit, refuseMixed } from "./explicit.ts";
import { carryOut } from "./finish.ts";
import { gatherInputs, type InputSources, type Inputs, warnOfPlatform } from "./inputs.ts";
import { withNotices } from "./notices.ts";
import { planAgain } from "./plan-again.ts";
import { readForChange } from "./prefix-state.ts";
import { solveChange } from "./solve-change.ts";
import { prefixFromPath, resolveTarget, type TargetOptions } from "./target.ts";

export interface InstallIntent extends InputSources {
  /** `update` brings what is named (or all) up to date; `install` leaves alone what satisfies the request. */
  command?: "install" | "update";
  target: TargetOptions;
  /** As for `create`. */
  channels?: readonly string[];
  updateAll?: boolean;
  updateDeps?: boolean;
  /** Bring what is named up to date, though what is installed satisfies the spec. */
  upgradeNamed?: boolean;
  prune?: boolean;
  /** Remove what this request does not need (`env update --prune`). */
  onlyRequested?: boolean;
  /** Create the environment when it is not there (`env update`, `install -n base`). */
  createMissing?: boolean;
}

/** Installs or updates packages in an environment that exists. */
export async function install(intent: InstallIntent, context: CommandContext): Promise<ChangeOutcome> {
  const inputs = await gatherInputs(intent, context);
  warnOfPlatform(inputs, context);
  return planAgain(context, () => installInputs(intent, inputs, context));
}

async function installInputs(
  intent: InstallIntent,
  inputs: Inputs,
  context: CommandContext,
): Promise<ChangeOutcome> {
  const { command = "install" } = intent;
  const prefix = await existingPrefix(intent, inputs, context);
  const state = await readForChange(prefix, context);
  if (
    inputs.specs.length === 0 &&
    !namesPackages(inputs) &&
    !intent.updateAll &&
    inputs.pip.length + inputs.lockedPip.length === 0
  ) {
    throw new ToolError("usage", `nothing to ${command}`, {
      hint: command === "update" ? "name packages, or use --all" : "name packages, or a file with -f",
    });
  }
  if (command === "update" && !intent.updateAll && context.dialect === "conda")
    refuseAbsent(inputs.specs, prefix, state);
  return carryOut(await planInstall(intent, inputs, prefix, state, context), inputs, state, context);
}

/**
 * conda's `update` adds nothing; for mamba it is no error to name what is not there. Nor is conda itself, which scripts bring up
 * to date before all else.
 */
function refuseAbsent(specs: readonly string[], prefix: string, state: PrefixState | undefined): void {
  const installed = new Set(state?.records.map(({ name }) => name));
  const absent = specs
    .map((text) => parseMatchSpec(text).name)
    .find((name) => name !== undefined && name !== "conda" && !installed.has(name));
  if (absent === undefined) return;
  const [near] = similarNames(absent, [...installed]);
  throw new ToolError("package-not-installed", `\`${absent}\` is not installed in \`${prefix}\``, {
    hint: near ? `did you mean \`${near}\`?` : "`install` adds packages",
    details: { exception_name: "PackageNotInstalledError", prefix, package_name: absent },
  });
}

async function planInstall(
  intent: InstallIntent,
  inputs: Inputs,
  prefix: string,
  state: PrefixState | undefined,
  context: CommandContext,
) {
  if (namesPackages(inputs)) {
    refuseMixed(inputs);
    return planExplicit({ command: "install", prefix, packages: inputs }, state, context);
  }
  const needed = inputs.specs.length > 0 || intent.updateAll;
  const channels = needed
    ? chooseChannels(
        {
          channels: intent.channels ?? [],
          fileChannels: inputs.channels,
          nodefaults: inputs.nodefaults,
          specs: inputs.specs,
        },
        context,
      )
    : [];
  const { updateAll = false, updateDeps = false, prune = false, onlyRequested = false } = intent;
  return withNotices(channels, context, () =>
    solveChange(
      {
        command: intent.command ?? "install",
        prefix,
        specs: inputs.specs,
        channels,
        updateAll,
        updateDeps,
        upgradeNamed: intent.upgradeNamed ?? false,
        prune,
        onlyRequested,
        pipSection: inputs.pip.length > 0,
      },
      state,
      context,
    ),
  );
}

export async function existingPrefix(
  intent: Pick<InstallIntent, "target" | "createMissing">,
  inputs: Inputs,
  context: CommandContext,
): Promise<string> {
  const where = targetContext(context);
  let prefix = await resolveTarget(intent.target, where);
  if (intent.target.name === undefined && intent.target.prefix === undefined) {
    if (inputs.prefix) prefix = prefixFromPath(inputs.prefix, context);
    else if (inputs.name) prefix = await resolveTarget({ name: inputs.name }, where);
  }
  prefix ??= await baseOf(context);
  return requireEnvironment(prefix, {
    ...context,
    createMissing: intent.createMissing ?? prefix === context.config.rootPrefix,
  });
}

/**
 * Without a name and outside of every environment, the peers install into the root prefix: Dockerfiles that only put it on
 * PATH count on that. Ours does so where it is an environment already, so that a slip makes none.
 */
async function baseOf({ config, dialect }: CommandContext): Promise<string | undefined> {
  const peer = dialect !== undefined && dialect !== "taipan";
  return peer || (await isEnvironment(config.rootPrefix)) ? config.rootPrefix : undefined;
}
