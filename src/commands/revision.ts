import { join } from "node:path";
import { readEntry } from "../cache/package-cache.ts";
import { ToolError } from "../errors.ts";
import { planTransaction } from "../plan/diff.ts";
import { historyName, historyUrlName, requestedSpecs } from "../prefix/history.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { packagesAtRevision, type RevisionPackage } from "../prefix/revisions.ts";
import { closeIndexes } from "../repodata/load.ts";
import { linkOrder } from "../solve/order.ts";
import { redactUrl } from "../specs/credentials.ts";
import { extractName } from "../specs/match-spec.ts";
import { checkRecordNames } from "../specs/names.ts";
import { isKnownSubdir } from "../specs/platform.ts";
import { distString, type RepoDataRecord } from "../specs/records.ts";
import { type ChangeOutcome, completePlan, executePlan } from "./change.ts";
import { chooseChannels, loadIndexes } from "./channels.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { readEnvironment } from "./list.ts";
import { planAgain } from "./plan-again.ts";
import type { TargetOptions } from "./target.ts";

export interface RevisionIntent {
  target: TargetOptions;
  revision: number;
  channels: readonly string[];
}

/**
 * Takes an environment back to what it was after a revision: the very packages, without a solve. What is gone from the
 * environment is taken from the package cache, else from the channels that history names.
 */
export function installRevision(intent: RevisionIntent, context: CommandContext): Promise<ChangeOutcome> {
  return planAgain(context, () => toRevision(intent, context));
}

async function toRevision(intent: RevisionIntent, context: CommandContext): Promise<ChangeOutcome> {
  const { prefix, state } = await readEnvironment(intent.target, context);
  const wanted = packagesAtRevision(state.history, intent.revision);
  const found = new Map<string, RepoDataRecord>(state.records.map((record) => [distString(record), record]));
  const missing: RevisionPackage[] = [];
  for (const item of wanted) {
    if (found.has(distString(item))) continue;
    const cached = await findCached(item, context);
    if (cached) found.set(distString(cached), cached);
    else missing.push(item);
  }
  if (missing.length > 0) await findInChannels(missing, intent, found, context);
  const gone = missing.filter((item) => !found.has(distString(item)));
  if (gone.length > 0) {
    throw new ToolError(
      "package-not-found",
      `revision ${intent.revision} had packages that neither the cache nor a channel has: ${gone.map(distString).join(", ")}`,
      {
        hint: "name the channel that has them with -c",
        details: { packages: gone.map(distString) },
      },
    );
  }
  const solved = {
    records: linkOrder(wanted.map((item) => found.get(distString(item))!)),
    requested: requestedAt(state, intent.revision, wanted),
    reinstall: new Set<string>(),
  };
  const transaction = planTransaction(state.records, solved, { platform: platformOf(context) });
  const plan = await completePlan({ prefix, fresh: false, transaction, notes: [], named: true }, context);
  return executePlan(plan, state, context);
}

/** What had been asked for at that time. */
function requestedAt(
  state: PrefixState,
  revision: number,
  wanted: readonly RevisionPackage[],
): Map<string, readonly string[]> {
  const specs = requestedSpecs({ revisions: state.history.revisions.slice(0, revision + 1) }, extractName);
  return new Map(wanted.map(({ name }) => [name, specs.has(name) ? [specs.get(name)!] : []]));
}

async function findCached(
  item: RevisionPackage,
  { config }: CommandContext,
): Promise<RepoDataRecord | undefined> {
  for (const dir of config.pkgsDirs) {
    const record = await readEntry(join(dir, distString(item)));
    if (record && record.url !== "" && comesFrom(record, item)) {
      checkRecordNames(record);
      return record;
    }
  }
  return undefined;
}

function comesFrom(record: RepoDataRecord, item: RevisionPackage): boolean {
  if (distString(record) !== distString(item)) return false;
  const name = `${item.channel}::${distString(item)}`;
  return item.channel === "" || redactUrl(historyName(record)) === name || historyUrlName(record) === name;
}

async function findInChannels(
  missing: readonly RevisionPackage[],
  intent: RevisionIntent,
  found: Map<string, RepoDataRecord>,
  context: CommandContext,
): Promise<void> {
  const named = new Set([...intent.channels, ...missing.flatMap(({ channel }) => channelOf(channel))]);
  const channels = chooseChannels({ channels: [...named], fileChannels: [], nodefaults: false }, context);
  const indexes = await loadIndexes(
    channels,
    missing.map(({ name }) => name),
    context,
  );
  try {
    for (const item of missing) {
      for (const index of indexes) {
        const record = index
          .records(item.name)
          .find((candidate) => distString(candidate) === distString(item));
        if (record && !found.has(distString(item))) found.set(distString(item), record);
      }
    }
  } finally {
    closeIndexes(indexes);
  }
}

/** History names a channel with its subdir. */
function channelOf(text: string): string[] {
  const parts = text.split("/");
  const channel = isKnownSubdir(parts.at(-1) ?? "") ? parts.slice(0, -1).join("/") : text;
  return channel === "" || channel.includes("*****") ? [] : [channel];
}
