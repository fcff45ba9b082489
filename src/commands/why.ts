import { ToolError } from "../errors.ts";
import { type WhyStep, whyInstalled } from "../solve/why.ts";
import { type MatchSpec, matchSpecMatches, parseMatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { newRecords, type PartialPlan } from "./change.ts";
import { chooseChannels } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { readEnvironment } from "./list.ts";
import { solveChange } from "./solve-change.ts";
import type { TargetOptions } from "./target.ts";

export interface WhyIntent {
  /** The package that is asked about. */
  spec: string;
  /** Ask about what these specs would install from the channels, instead of an environment. */
  wanted: readonly string[];
  channels: readonly string[];
  target: TargetOptions;
}

export interface WhyResult {
  packages: readonly RepoDataRecord[];
  /** Every shortest path from a requested package, shortest first. */
  paths: readonly (readonly WhyStep[])[];
  /** There are more paths than are shown. */
  more: boolean;
  /** Requested specs by package name. */
  requested: ReadonlyMap<string, readonly string[]>;
}

const MOST_PATHS = 100;

/** Why a package is in an environment, or would be in a new one: the paths that lead to it from what was asked for. */
export async function why(intent: WhyIntent, context: CommandContext): Promise<WhyResult> {
  checkIntent(intent);
  const spec = parseMatchSpec(intent.spec);
  const { records, requested } =
    intent.wanted.length > 0 ? await wouldInstall(intent, context) : await installed(intent, context);
  const packages = records.filter((record) => matchSpecMatches(spec, record));
  if (packages.length === 0) throw notThere(spec, records, intent);
  const paths = whyInstalled(records, new Set(requested.keys()), spec, MOST_PATHS + 1);
  return { packages, paths: paths.slice(0, MOST_PATHS), more: paths.length > MOST_PATHS, requested };
}

interface Environment {
  records: readonly RepoDataRecord[];
  requested: ReadonlyMap<string, readonly string[]>;
}

async function installed(intent: WhyIntent, context: CommandContext): Promise<Environment> {
  const { state } = await readEnvironment(intent.target, context);
  return { records: state.records, requested: state.requestedSpecs };
}

async function wouldInstall(intent: WhyIntent, context: CommandContext): Promise<Environment> {
  const plan = await planNew([...intent.wanted], intent.channels, context);
  const requested = new Map(
    plan.transaction.operations.flatMap((operation) =>
      operation.new && operation.requestedSpecs.length > 0
        ? [[operation.new.name, operation.requestedSpecs] as const]
        : [],
    ),
  );
  return { records: newRecords(plan.transaction), requested };
}

function planNew(
  specs: readonly string[],
  names: readonly string[],
  context: CommandContext,
): Promise<PartialPlan> {
  const channels = chooseChannels({ channels: names, fileChannels: [], nodefaults: false }, context);
  return solveChange({ command: "create", prefix: "", specs, channels }, undefined, context);
}

function checkIntent({ wanted, channels, target }: WhyIntent): void {
  if (wanted.length > 0 && (target.name !== undefined || target.prefix !== undefined)) {
    throw new ToolError("usage", "specs to install and an environment exclude each other", {
      hint: "with more specs, the question is about a new environment",
    });
  }
  if (wanted.length === 0 && channels.length > 0) {
    throw new ToolError("usage", "an installed package needs no channel", {
      hint: "to ask about a new environment, name what you would install after the package",
    });
  }
}

function notThere(spec: MatchSpec, records: readonly RepoDataRecord[], intent: WhyIntent): ToolError {
  const near =
    spec.name === undefined
      ? []
      : similarNames(
          spec.name,
          records.map(({ name }) => name),
        );
  const where =
    intent.wanted.length > 0
      ? `among what ${intent.wanted.map((text) => `\`${text}\``).join(", ")} would install`
      : "installed";
  return new ToolError("package-not-installed", `\`${intent.spec}\` is not ${where}`, {
    hint: near.length
      ? `did you mean \`${near[0]}\`?`
      : `\`why-not ${intent.spec}\` says what speaks against it`,
  });
}

export interface WhyNotResult {
  /** `by-removal`: only if installed packages go. `installed`: it is there already. */
  answer: "installed" | "possible" | "by-removal" | "impossible";
  /** What would happen, where it is possible. */
  plan?: PartialPlan | undefined;
  /** The solver's explanation of what speaks against it. */
  error?: ToolError | undefined;
}

/** Why a package cannot be installed, into an environment or together with other specs; or what would happen if it were. */
export async function whyNot(intent: WhyIntent, context: CommandContext): Promise<WhyNotResult> {
  if (intent.wanted.length > 0) {
    checkIntent(intent);
    const { plan, error } = await attempt(() =>
      planNew([...intent.wanted, intent.spec], intent.channels, context),
    );
    return { answer: plan ? "possible" : "impossible", plan, error };
  }
  const spec = parseMatchSpec(intent.spec);
  const { prefix, state } = await readEnvironment(intent.target, context);
  if (state.records.some((record) => matchSpecMatches(spec, record))) return { answer: "installed" };
  const where = { channels: intent.channels, fileChannels: [], nodefaults: false };
  const change = {
    command: "install" as const,
    prefix,
    specs: [intent.spec],
    channels: chooseChannels(where, context),
  };
  const keeping = { ...context, config: { ...context.config, allowUninstall: false } };
  const first = await attempt(() => solveChange(change, state, keeping));
  if (first.plan) return { answer: "possible", plan: first.plan };
  // The same channels again: they have been told of.
  const second = await attempt(() => solveChange(change, state, { ...context, events: () => {} }));
  return { answer: second.plan ? "by-removal" : "impossible", plan: second.plan, error: first.error };
}

/** A solve, or why it has no answer. */
async function attempt(work: () => Promise<PartialPlan>): Promise<{ plan?: PartialPlan; error?: ToolError }> {
  try {
    return { plan: await work() };
  } catch (error) {
    const unsolvable =
      error instanceof ToolError && (error.code === "unsatisfiable" || error.code === "package-not-found");
    if (!unsolvable) throw error;
    return { error };
  }
}
