import { recordFromUrl } from "../cache/explicit.ts";
import { ToolError } from "../errors.ts";
import { planTransaction } from "../plan/diff.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { preflightFetch } from "../prefix/preflight.ts";
import { linkOrder } from "../solve/order.ts";
import { redactUrl, splitCredentials } from "../specs/credentials.ts";
import { distString, type RepoDataRecord } from "../specs/records.ts";
import type { ExplicitEntry } from "../specs/spec-file.ts";
import type { PartialPlan } from "./change.ts";
import { channelsNamed } from "./channel-rules.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { fetchPhase } from "./fetch-packages.ts";
import { linkOptions } from "./link-options.ts";
import type { LockedPackage } from "./locked.ts";

/** Packages that were named exactly: no solve decides about them. */
export interface NamedPackages {
  /** By URL or path. */
  explicit: readonly ExplicitEntry[];
  /** By a lock file. */
  locked: readonly LockedPackage[];
}

export function namesPackages(packages: NamedPackages): boolean {
  return packages.explicit.length + packages.locked.length > 0;
}

/** The solver cannot choose around packages that are named by URL. */
export function refuseMixed(inputs: { specs: readonly string[] }): void {
  if (inputs.specs.length === 0) return;
  throw new ToolError("usage", "package URLs and specs cannot be mixed in one request", {
    hint: "take the URLs first, then `install` the specs",
  });
}

/**
 * A plan from package URLs, without a solve (CEP 23). What a URL does not tell (dependencies, noarch) stands in the
 * archive, so the packages are fetched now, into the cache; the prefix is untouched. A dry run fetches nothing and says
 * what is known.
 */
export async function planExplicit(
  intent: { command: "create" | "install"; prefix: string; packages: NamedPackages },
  state: PrefixState | undefined,
  context: CommandContext,
): Promise<PartialPlan> {
  const { config } = context;
  const wanted = knownRecords(intent.packages);
  const installed = new Set(state?.records.map(({ url }) => url));
  if (!config.dryRun && wanted.some(({ url }) => !installed.has(url)))
    preflightFetch({ prefix: intent.prefix, pkgs: undefined, archives: [], options: linkOptions(context) });
  const records = config.dryRun ? wanted : await fetchRecords(wanted, intent.packages, context);
  const byName = new Map<string, RepoDataRecord>();
  for (const record of records) {
    const other = byName.get(record.name);
    if (other && other.url !== record.url) {
      throw new ToolError(
        "usage",
        `\`${record.name}\` is named twice: \`${other.fn}\` and \`${record.fn}\``,
        { hint: "an environment has one package of a name" },
      );
    }
    byName.set(record.name, record);
  }
  const kept =
    intent.command === "create" ? [] : (state?.records ?? []).filter((record) => !byName.has(record.name));
  const solved = linkOrder([...kept, ...byName.values()]);
  const requested = new Map(
    [...byName.values()].map((record) => [
      record.name,
      [`${record.name}==${record.version}=${record.build}`],
    ]),
  );
  const transaction = planTransaction(
    state?.records ?? [],
    { records: solved, requested, reinstall: config.forceReinstall ? new Set(byName.keys()) : new Set() },
    { platform: platformOf(context) },
  );
  return { prefix: intent.prefix, fresh: state === undefined, transaction, notes: [], named: true };
}

function knownRecords({ explicit, locked }: NamedPackages): RepoDataRecord[] {
  return [...explicit.map(explicitRecord), ...locked.map(({ record }) => record)];
}

/** Credentials of a URL never become part of a record: records are written to the prefix. */
function explicitRecord(entry: ExplicitEntry): RepoDataRecord {
  return recordFromUrl(splitCredentials(entry.url).url, entry);
}

async function fetchRecords(
  wanted: readonly RepoDataRecord[],
  packages: NamedPackages,
  context: CommandContext,
): Promise<RepoDataRecord[]> {
  useCredentials(
    [...packages.explicit.map(({ url }) => url), ...packages.locked.map(({ location }) => location)],
    context,
  );
  const fetched = await fetchPhase(wanted, context, new Set(wanted.map((record) => record.url)));
  const locked = new Map(packages.locked.map((item) => [item.record.url, item]));
  return wanted.map(({ url, channel }) => {
    const record = fetched.get(url)!;
    const lock = locked.get(url);
    // The cache may know the package by its channel's name; who names a URL gets the same record with an empty cache.
    return lock ? asLocked(record, lock) : { ...record, channel };
  });
}

/** The archive must be what the lock file says it is; where the lock file knows the channel's own metadata, that counts. */
function asLocked(record: RepoDataRecord, { record: locked, complete }: LockedPackage): RepoDataRecord {
  if (distString(record) !== distString(locked)) {
    throw new ToolError(
      "archive-invalid",
      `\`${redactUrl(locked.url)}\` is locked as ${distString(locked)}, but is ${distString(record)}`,
      {
        hint: "make the lock file anew",
      },
    );
  }
  if (!complete) return record;
  return {
    ...record,
    depends: locked.depends,
    ...(locked.constrains ? { constrains: locked.constrains } : {}),
  };
}

function useCredentials(locations: readonly string[], context: CommandContext): void {
  const channels = new Set<string>();
  for (const location of locations) {
    if (splitCredentials(location).auth) channels.add(location.split("/").slice(0, -2).join("/"));
  }
  if (channels.size > 0) context.resources.useChannels(channelsNamed([...channels], context));
}
