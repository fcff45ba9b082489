import { ToolError } from "../errors.ts";
import { detectVirtualPackages } from "../host/virtual-packages.ts";
import { planTransaction } from "../plan/diff.ts";
import { type PrefixState, readPrefix } from "../prefix/prefix.ts";
import { buildRequest, type SolveCommand } from "../solve/build-request.ts";
import { solve } from "../solve/solve.ts";
import type { Conflict, Solution } from "../solve/types.ts";
import type { Channel } from "../specs/channel.ts";
import { redactUrl } from "../specs/credentials.ts";
import { type MatchSpec, parseMatchSpec } from "../specs/match-spec.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import type { ChangePlan } from "./change.ts";
import { loadIndexes } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { parseWhen } from "./when.ts";

export interface SolveIntent {
  command: SolveCommand;
  prefix: string;
  specs: readonly string[];
  channels: readonly Channel[];
  updateAll?: boolean;
  updateDeps?: boolean;
  prune?: boolean;
  force?: boolean;
}

/** The state of a prefix that a command is about to change; undefined where there is nothing. */
export async function readState(prefix: string): Promise<PrefixState | undefined> {
  return readPrefix(prefix);
}

/** Loads channels, solves and diffs: the same path for real runs and --dry-run. */
export async function solveChange(
  intent: SolveIntent,
  state: PrefixState | undefined,
  context: CommandContext,
): Promise<Omit<ChangePlan, "fetch">> {
  const specs = intent.specs.map((text) => parseMatchSpec(text));
  const installed = intent.command === "create" ? [] : (state?.records ?? []);
  const history = intent.command === "create" ? [] : requestedSpecs(state);
  const pins = pinnedSpecs(state, context);
  // Removing needs no channel: what stays is installed already.
  const indexes =
    intent.command === "remove"
      ? []
      : await loadIndexes(intent.channels, rootNames(specs, history, pins, installed), context);
  const started = performance.now();
  context.events({ type: "phase", phase: "solve", state: "start" });
  const result = runSolve(intent, { specs, installed, history, pins, indexes }, context);
  context.events({
    type: "phase",
    phase: "solve",
    state: "end",
    seconds: (performance.now() - started) / 1000,
  });
  if (result.kind === "conflict") throw conflictError(result, intent.channels, platformOf(context));
  const transaction = planTransaction(state?.records ?? [], result, { platform: platformOf(context) });
  return { prefix: intent.prefix, fresh: state === undefined, transaction, notes: result.notes };
}

export function platformOf(context: Pick<CommandContext, "config" | "hostPlatform">): string {
  return context.config.platform || context.hostPlatform;
}

interface SolveInputs {
  specs: MatchSpec[];
  installed: PrefixState["records"];
  history: MatchSpec[];
  pins: MatchSpec[];
  indexes: PackageIndex[];
}

function runSolve(intent: SolveIntent, inputs: SolveInputs, context: CommandContext): Solution | Conflict {
  const { config, signal } = context;
  const platform = platformOf(context);
  const request = buildRequest({
    ...inputs,
    command: intent.command,
    flags: {
      noDeps: config.noDeps,
      onlyDeps: config.onlyDeps,
      freezeInstalled: config.freezeInstalled,
      forceReinstall: config.forceReinstall,
      force: intent.force,
      updateAll: intent.updateAll,
      updateDeps: intent.updateDeps,
      prune: intent.prune,
      noPythonPin: config.noPyPin,
      allowUninstall: config.allowUninstall,
      allowDowngrade: config.allowDowngrade,
      strategy: config.solveStrategy,
      excludeNewer: config.excludeNewer ? parseWhen(config.excludeNewer, Date.now()) : undefined,
      timeout: config.solverTimeoutSecs > 0 ? config.solverTimeoutSecs * 1000 : undefined,
    },
    addPip: config.addPipAsPythonDependency,
    channelPriority: config.channelPriority,
    now: () => performance.now(),
    virtualPackages: detectVirtualPackages({
      env: context.env,
      platform,
      hostPlatform: context.hostPlatform,
    }),
    platform,
    signal,
  });
  return solve(request);
}

function requestedSpecs(state: PrefixState | undefined): MatchSpec[] {
  if (!state) return [];
  return [...state.requestedSpecs.values()].flat().map((text) => parseMatchSpec(text));
}

function pinnedSpecs(state: PrefixState | undefined, context: Pick<CommandContext, "config">): MatchSpec[] {
  if (context.config.noPin) return [];
  return [...context.config.pinnedPackages, ...(state?.pinned ?? [])].map((text) => parseMatchSpec(text));
}

/** Names that the closure of shards starts from. */
function rootNames(
  specs: readonly MatchSpec[],
  history: readonly MatchSpec[],
  pins: readonly MatchSpec[],
  installed: readonly { name: string }[],
): string[] {
  const names = new Set<string>();
  for (const spec of [...specs, ...history, ...pins]) if (spec.name) names.add(spec.name);
  for (const record of installed) names.add(record.name);
  if (names.has("python")) names.add("pip");
  return [...names];
}

function conflictError(conflict: Conflict, channels: readonly Channel[], platform: string): ToolError {
  const hint = conflict.hints.length ? conflict.hints.join("\n") : undefined;
  const names = channels.map((channel) => channel.name);
  if (conflict.notFound.length > 0) {
    return new ToolError("package-not-found", conflict.message, {
      hint,
      details: {
        packages: conflict.notFound.map((entry) => entry.spec),
        channel_urls: channels.flatMap((channel) =>
          channel.urls(platform).map((entry) => redactUrl(entry.url)),
        ),
        solver_problems: conflict.message.split("\n"),
        similar: Object.fromEntries(conflict.notFound.map((entry) => [entry.spec, entry.similar])),
      },
    });
  }
  return new ToolError("unsatisfiable", conflict.message, {
    hint,
    details: {
      solver_problems: conflict.message.split("\n"),
      conflict_graph: conflict.roots,
      channels: names,
    },
  });
}
