import pLimit from "p-limit";
import type { Transaction } from "../plan/transaction.ts";
import { pipFiles } from "../prefix/pip-packages.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { preflightFetch } from "../prefix/preflight.ts";
import { applyTransaction } from "../prefix/transaction.ts";
import type { PendingNotices } from "../repodata/notices.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { fetchPhase, packageCache, phase } from "./fetch-packages.ts";
import { historyCommand } from "./history-command.ts";
import { linkOptions } from "./link-options.ts";
import { checkRecords } from "./policy.ts";

/** Everything that is decided before anything is done: --dry-run stops here, and the user is asked about it. */
export interface ChangePlan {
  prefix: string;
  /** The prefix is no environment yet. */
  fresh: boolean;
  transaction: Transaction;
  /** Packages that no cache has yet. */
  fetch: readonly RepoDataRecord[];
  /** The others, as the cache has them. */
  cached: readonly PackageCacheRecord[];
  notes: readonly string[];
  /** Packages were named by URL, lock file or history: no solve went by what the channel says of them now. */
  named?: boolean | undefined;
}

export interface ChangeOutcome {
  plan: ChangePlan;
  /** Whether something was done: false for --dry-run, a declined question and when there is nothing to do. */
  done: boolean;
  dryRun: boolean;
  downloadOnly: boolean;
  declined: boolean;
}

/** New records of a transaction, in link order. */
export function newRecords(transaction: Transaction): RepoDataRecord[] {
  return transaction.operations.flatMap((operation) => (operation.new ? [operation.new] : []));
}

/** No package changes. What is asked for may: then conda-meta and the history are written. */
export function changesNothing({ transaction, fresh }: ChangePlan): boolean {
  return transaction.operations.length === 0 && !fresh;
}

/** Lookups at once: enough to keep the workers busy. Each listens to the signal, and Node warns about more than ten listeners. */
const LOOKUPS = 8;

/** What is known of a change before the caches were asked. */
export interface PartialPlan extends Omit<ChangePlan, "fetch" | "cached"> {
  /** Messages of the channels' owners that were asked for meanwhile. */
  notices?: PendingNotices | undefined;
}

/** Looks up which of the new packages must be fetched. The answers are kept: each one compares a package with its paths.json. */
export async function completePlan(plan: PartialPlan, context: CommandContext): Promise<ChangePlan> {
  const records = newRecords(plan.transaction);
  if (records.length === 0) return { ...plan, fetch: [], cached: [] };
  checkRecords(records, context);
  if (context.config.verifyArtifacts) {
    const { verifyArtifacts } = await import("./artifacts.ts");
    await verifyArtifacts(records, context, plan.named);
  }
  const { config, signal } = context;
  const cache = packageCache(context);
  const { safetyChecks, extraSafetyChecks } = config;
  const limit = pLimit(LOOKUPS);
  const found = await Promise.all(
    records.map((record) => limit(() => cache.lookup(record, { safetyChecks, extraSafetyChecks, signal }))),
  );
  return {
    ...plan,
    fetch: records.filter((_, i) => !found[i]),
    cached: found.filter((entry) => entry !== undefined),
  };
}

/** Asks, fetches everything, and only then changes the prefix. */
export async function executePlan(
  plan: ChangePlan,
  state: PrefixState | undefined,
  context: CommandContext,
): Promise<ChangeOutcome> {
  const { config } = context;
  const outcome: ChangeOutcome = {
    plan,
    done: false,
    dryRun: config.dryRun,
    downloadOnly: config.downloadOnly,
    declined: false,
  };
  if (config.dryRun) return outcome;
  if (changesNothing(plan)) {
    if (plan.transaction.newlyRequested.size === 0 || config.downloadOnly) return outcome;
    await applyPlan(plan, state, new Map(), context);
    return { ...outcome, done: true };
  }
  await preflightPlan(plan, context);
  if (!(await context.confirm(plan))) return { ...outcome, declined: true };
  const packages = await fetchAll(plan, context);
  if (config.downloadOnly) return { ...outcome, done: true };
  await link(plan, state, packages, context);
  return { ...outcome, done: true };
}

/** Space, inodes, permissions and path length, as far as they are known before anything is fetched. */
async function preflightPlan(plan: ChangePlan, context: CommandContext): Promise<void> {
  preflightFetch({
    prefix: plan.prefix,
    pkgs: plan.fetch.length > 0 ? await packageCache(context).writable(plan.fetch) : undefined,
    archives: plan.fetch.map((record) => record.size ?? 0),
    options: linkOptions(context),
  });
}

/** Every new package by name, the missing ones fetched. */
async function fetchAll(plan: ChangePlan, context: CommandContext): Promise<Map<string, PackageCacheRecord>> {
  const packages = new Map(plan.cached.map((record) => [record.name, record]));
  for (const { fn } of plan.cached) context.events({ type: "fetch", id: fn, state: "cached" });
  if (plan.fetch.length === 0) {
    await packageCache(context).sweep();
    return packages;
  }
  context.events({
    type: "totals",
    phase: "fetch",
    items: plan.fetch.length,
    bytes: plan.fetch.reduce((sum, record) => sum + (record.size ?? 0), 0),
  });
  const fetched = await fetchPhase(plan.fetch, context);
  for (const record of fetched.values()) packages.set(record.name, record);
  return packages;
}

async function link(
  plan: ChangePlan,
  state: PrefixState | undefined,
  packages: ReadonlyMap<string, PackageCacheRecord>,
  context: CommandContext,
): Promise<void> {
  context.events({ type: "totals", phase: "link", items: plan.transaction.operations.length, bytes: 0 });
  await phase("link", context, () => applyPlan(plan, state, packages, context));
}

async function applyPlan(
  plan: ChangePlan,
  state: PrefixState | undefined,
  packages: ReadonlyMap<string, PackageCacheRecord>,
  context: CommandContext,
): Promise<void> {
  await applyTransaction(
    {
      prefix: plan.prefix,
      transaction: plan.transaction,
      packages,
      state,
      replaced: await filesThatGiveWay(plan, state, context),
      command: historyCommand(context),
      options: linkOptions(context),
    },
    { pool: context.resources.pool(), events: context.events, signal: context.signal },
  );
}

/** With `prefix_data_interoperability`: files of what pip installed under the name of a package that is linked now. */
async function filesThatGiveWay(
  { prefix, transaction }: ChangePlan,
  state: PrefixState | undefined,
  context: CommandContext,
): Promise<string[]> {
  if (!context.config.prefixDataInteroperability || !state) return [];
  const names = transaction.operations.flatMap((operation) => operation.new?.name ?? []);
  const found = await pipFiles(names, prefix, state.records, platformOf(context));
  for (const { name, version, files } of found) {
    const message = `\`${name}\` ${version}, which pip installed,`;
    if (files) context.events({ type: "note", message: `${message} gives way to the package of that name` });
    else
      context.events({
        type: "warning",
        code: "pip-package-stays",
        message: `${message} stays beside the package of that name: it has no list of its files`,
      });
  }
  return found.flatMap(({ files }) => files ?? []);
}
