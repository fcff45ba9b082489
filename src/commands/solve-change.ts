import { recordsAtHand } from "../cache/at-hand.ts";
import { ToolError } from "../errors.ts";
import { planTransaction } from "../plan/diff.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { closeIndexes } from "../repodata/load.ts";
import { buildRequest, type SolveCommand } from "../solve/build-request.ts";
import { solveWithPauses } from "../solve/solve.ts";
import type { Conflict, Solution } from "../solve/types.ts";
import type { Channel } from "../specs/channel.ts";
import { redactUrl } from "../specs/credentials.ts";
import { type MatchSpec, parseMatchSpec } from "../specs/match-spec.ts";
import { filterIndex, type PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { asInstalled } from "./as-installed.ts";
import type { PartialPlan } from "./change.ts";
import { type LoadVariant, loadIndexes, withMembers } from "./channels.ts";
import { asMicromamba, type CommandContext, platformOf } from "./context.ts";
import { packageCache } from "./fetch-packages.ts";
import { allowedIndexes } from "./policy.ts";
import { virtualPackages } from "./virtual-packages.ts";
import { parseWhen, parseWhenByName } from "./when.ts";

export interface SolveIntent {
  command: SolveCommand;
  prefix: string;
  specs: readonly string[];
  channels: readonly Channel[];
  /** Packages of a lock file, to be kept as installed ones are, where there is no environment. */
  kept?: readonly RepoDataRecord[] | undefined;
  updateAll?: boolean;
  updateDeps?: boolean;
  upgradeNamed?: boolean;
  prune?: boolean;
  onlyRequested?: boolean;
  force?: boolean;
  /** A file has a `pip:` section, for which pip is among the specs. */
  pipSection?: boolean;
}

/** Loads channels, solves and diffs: the same path for real runs and --dry-run. */
export async function solveChange(
  intent: SolveIntent,
  state: PrefixState | undefined,
  context: CommandContext,
): Promise<PartialPlan> {
  const specs = intent.specs.map((text) => withMembers(parseMatchSpec(text), context));
  warnOfNamespaces(specs, context);
  if (intent.command !== "remove" && specs.length > 0) specs.push(...trackedFeatures(context));
  const installed = intent.command === "create" ? [] : (state?.records ?? []);
  const history = intent.command === "create" ? [] : requestedSpecs(state, context);
  const pins = pinnedSpecs(state, context);
  const inputs = { specs, installed, history, pins };
  const result = await firstSolution(intent, inputs, context);
  if (result.kind === "conflict") {
    const error = conflictError(result, intent, platformOf(context));
    throw asMicromamba(context) ? inWordsOfMicromamba(error, result) : error;
  }
  const transaction = planTransaction(state?.records ?? [], result, { platform: platformOf(context) });
  return { prefix: intent.prefix, fresh: state === undefined, transaction, notes: result.notes };
}

/** `conda-forge:numpy` has a namespace, which means nothing yet (CEP 29); a channel was meant. */
function warnOfNamespaces(specs: readonly MatchSpec[], { events }: Pick<CommandContext, "events">): void {
  for (const { source, namespace, channel, name } of specs) {
    if (namespace === undefined || channel !== undefined) continue;
    events({
      type: "warning",
      code: "namespace-ignored",
      message: `\`${namespace}:\` in \`${source}\` is ignored`,
      hint: /^[0-9]/.test(name ?? "")
        ? `a version is written \`${namespace}=${name}\``
        : `a channel is written with two colons: \`${namespace}::${name ?? "*"}\``,
    });
  }
}

/**
 * Solves with the first of `repodata_fns`, and where that has no solution with the next; at last, with `retry_clean_cache`,
 * with indexes that are fetched anew.
 */
async function firstSolution(
  intent: SolveIntent,
  inputs: Omit<SolveInputs, "indexes">,
  context: CommandContext,
): Promise<Solution | Conflict> {
  const { config } = context;
  // Removing needs no channel: what stays is installed already.
  if (intent.command === "remove") return timedSolve(intent, inputs, [[]], context);
  const { kept } = intent;
  const roots = rootNames(inputs.specs, inputs.history, inputs.pins, kept ?? inputs.installed);
  const names = config.repodataFns.length > 0 ? config.repodataFns : ["repodata.json"];
  const variants: LoadVariant[] = names.map((repodataFn) => ({ repodataFn }));
  if (config.retryCleanCache && !config.offline) variants.push({ repodataFn: names.at(-1), afresh: true });
  let result: Solution | Conflict | undefined;
  for (const variant of variants) {
    const loaded = await loadIndexes(intent.channels, roots, context, variant);
    try {
      const indexes = allowedIndexes(loaded, context);
      const installed = kept ? asInstalled(kept, indexes) : inputs.installed;
      result = await timedSolve(intent, { ...inputs, installed }, await offers(indexes, context), context);
    } finally {
      closeIndexes(loaded);
    }
    if (result.kind === "solution") break;
  }
  return result!;
}

/**
 * What to solve with, the first that has a solution: offline, what can be installed without a connection; and only where that does not
 * do, everything, so that the packages that are missing can be named.
 */
async function offers(indexes: PackageIndex[], context: CommandContext): Promise<PackageIndex[][]> {
  if (!context.config.offline) return [indexes];
  const atHand = await recordsAtHand(packageCache(context), context.resources.http());
  // Strict priority holds offline, too: a channel that has a name keeps it, also where none of its packages is at hand.
  const cached = indexes.map((index) => ({
    ...filterIndex(index, atHand),
    has: (name: string) => index.has(name),
  }));
  return [cached, indexes];
}

async function timedSolve(
  intent: SolveIntent,
  inputs: Omit<SolveInputs, "indexes">,
  offered: readonly PackageIndex[][],
  context: CommandContext,
): Promise<Solution | Conflict> {
  const started = performance.now();
  context.events({ type: "phase", phase: "solve", state: "start" });
  let result: Solution | Conflict | undefined;
  for (const indexes of offered) {
    result = await runSolve(intent, { ...inputs, indexes }, context);
    if (result.kind === "solution") break;
  }
  const seconds = (performance.now() - started) / 1000;
  const failed = result!.kind === "conflict" ? { failed: true } : {};
  context.events({ type: "phase", phase: "solve", state: "end", seconds, ...failed });
  return result!;
}

interface SolveInputs {
  specs: MatchSpec[];
  installed: PrefixState["records"];
  history: MatchSpec[];
  pins: MatchSpec[];
  indexes: PackageIndex[];
}

async function runSolve(
  intent: SolveIntent,
  inputs: SolveInputs,
  context: CommandContext,
): Promise<Solution | Conflict> {
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
      upgradeNamed: intent.upgradeNamed,
      prune: intent.prune,
      onlyRequested: intent.onlyRequested,
      noPythonPin: config.noPyPin,
      allowUninstall: config.allowUninstall,
      allowDowngrade: config.allowDowngrade,
      strategy: config.solveStrategy,
      excludeNewer: config.excludeNewer ? parseWhen(config.excludeNewer, Date.now()) : undefined,
      excludeNewerByName: parseWhenByName(config.excludeNewerPackage, Date.now()),
      timeout: config.solverTimeoutSecs > 0 ? config.solverTimeoutSecs * 1000 : undefined,
    },
    aggressiveUpdates: config.aggressiveUpdatePackages.map((text) => parseMatchSpec(text)),
    addPip: config.addPipAsPythonDependency,
    channelPriority: config.channelPriority,
    now: () => performance.now(),
    virtualPackages: virtualPackages(context),
    platform,
    signal,
  });
  // The event loop runs in between: Ctrl-C is seen and the progress is drawn.
  return solveWithPauses(request, () => new Promise((done) => setImmediate(done)));
}

/** `track_features`: as conda does, any package that tracks the feature meets the request. */
function trackedFeatures({ config }: Pick<CommandContext, "config">): MatchSpec[] {
  return config.trackFeatures.map((feature) => parseMatchSpec(`*[track_features=${feature}]`));
}

function requestedSpecs(state: PrefixState | undefined, context: CommandContext): MatchSpec[] {
  if (!state) return [];
  return [...state.requestedSpecs.values()].flat().map((text) => withMembers(parseMatchSpec(text), context));
}

function pinnedSpecs(state: PrefixState | undefined, context: CommandContext): MatchSpec[] {
  if (context.config.noPin) return [];
  return [...context.config.pinnedPackages, ...(state?.pinned ?? [])].map((text) =>
    withMembers(parseMatchSpec(text), context),
  );
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

/** What programs that read micromamba's text look for stands before ours. */
function inWordsOfMicromamba(error: ToolError, { roots }: Conflict): ToolError {
  const packages = roots.length > 1 ? "packages are incompatible" : "package could not be installed";
  return new ToolError(
    error.code,
    `Could not solve for environment specs\nThe following ${packages}\n${error.message}`,
    { hint: error.hint, details: error.details },
  );
}

function conflictError(conflict: Conflict, intent: SolveIntent, platform: string): ToolError {
  const { channels } = intent;
  const lacksPip = intent.pipSection && conflict.notFound.some(({ spec }) => spec === "pip");
  const hints = [...(lacksPip ? ["the `pip:` section of the file needs pip"] : []), ...conflict.hints];
  const hint = hints.length ? hints.join("\n") : undefined;
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
