import { setMaxListeners } from "node:events";
import pLimit, { type LimitFunction } from "p-limit";
import { ToolError } from "../errors.ts";
import { ensureDir } from "../fs/files.ts";
import { discardFile } from "../fs/index-files.ts";
import type { Channel } from "../specs/channel.ts";
import { type ChannelRelation, orderRelatedChannels, readRelation } from "../specs/channel-relations.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import { settleAll } from "../util/settle.ts";
import { resolveBase } from "./archive-base.ts";
import { Closure } from "./closure.ts";
import type { LoadContext, LoadOptions, SubdirRequest } from "./context.ts";
import { FlatIndex } from "./flat-index.ts";
import type { RepodataInfo } from "./index-format.ts";
import type { RecordSource } from "./record.ts";
import { ShardedIndex } from "./sharded-index.ts";
import { loadSubdir } from "./subdir.ts";
import { VettedTexts } from "./vetted-texts.ts";

export type { LoadContext, LoadOptions } from "./context.ts";

/** Malformed records met while solving that are told one by one. */
const MAX_WARNINGS = 10;

/** Shards in flight at once, over all subdirs. HTTP/2 carries them on one connection; HTTP/1.1 has its own lower bound. */
const IN_FLIGHT = 64;

/** The part of a channel that loading needs. */
type LoadedChannel = Pick<Channel, "name" | "baseUrl"> & { subdirs: SubdirRequest[] };

interface Load {
  options: LoadOptions;
  context: LoadContext;
  platform: string;
  closure: Closure;
  /** One for all indexes, so that its memory goes with them. */
  texts: VettedTexts;
  /** What fetches shards, over all subdirs. */
  limit: LimitFunction;
  warn: (message: string) => void;
  /** By base URL; in the order in which they were found. */
  indexes: Map<string, Map<string, FlatIndex | ShardedIndex>>;
  channels: Map<string, LoadedChannel>;
  relations: ChannelRelation[];
  /** Cuts short what else is under way once something failed. */
  fail: (error: unknown) => void;
}

/**
 * Loads the repodata of channels, all subdirs at once, and of the channels that they name as related (CEP 42).
 * In order of priority: as the channels, each platform before noarch. A subdir that the server does not have is left out
 * as long as the channel has another; a channel without any is `channel-invalid`, or a warning with `allowMissing`.
 * Close the result with `closeIndexes` when it is no longer needed; until then cache files stay open.
 */
export async function loadChannels(
  channels: readonly Channel[],
  platform: string,
  options: LoadOptions,
  context: LoadContext,
): Promise<PackageIndex[]> {
  await ensureDir(context.cacheDir);
  const failed = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, failed.signal]) : failed.signal;
  // Every request in flight listens to it.
  setMaxListeners(0, signal);
  const texts = new VettedTexts();
  const inFlight = options.shards?.inFlight ?? 0;
  const load: Load = {
    options,
    context: { ...context, signal },
    platform,
    closure: new Closure(options.recursive === false ? undefined : texts),
    texts,
    limit: pLimit(inFlight > 0 ? inFlight : IN_FLIGHT),
    warn: limitedWarner(context),
    indexes: new Map(),
    channels: new Map(),
    relations: [],
    fail: (error) => failed.abort(error),
  };
  for (const name of options.roots ?? []) load.closure.want(name);
  try {
    const user = channels.map((channel) => loaded(channel, channel.urls(platform)));
    for (const channel of user) load.channels.set(channel.baseUrl, channel);
    await settleAll(
      user.map((channel) => loadChannel(channel, 0, load)),
      load.fail,
    );
    await load.closure.settled();
    const order = orderRelatedChannels(
      user.map((channel) => channel.baseUrl),
      load.relations,
    );
    for (const index of shardedIndexes(load)) await index.complete();
    return inOrder(order, load);
  } catch (error) {
    failed.abort(error);
    await load.closure.settled().catch(() => {});
    for (const index of shardedIndexes(load)) index.discard();
    for (const subdirs of load.indexes.values()) closeIndexes([...subdirs.values()]);
    // What was cut short may have ended before the channel whose failure cut it short.
    throw failed.signal.reason;
  }
}

function shardedIndexes(load: Load): ShardedIndex[] {
  const all = [...load.indexes.values()].flatMap((subdirs) => [...subdirs.values()]);
  return all.filter((index) => index instanceof ShardedIndex);
}

/** Closes the cache files behind indexes; what was read of them stays usable. */
export function closeIndexes(indexes: Iterable<PackageIndex>): void {
  for (const index of indexes) if (index instanceof FlatIndex) index.close();
}

/** Fetches the records of names in sharded indexes, for searches that find names first. Flat indexes need nothing. */
export async function fetchRecords(indexes: readonly PackageIndex[], names: Iterable<string>): Promise<void> {
  const closure = new Closure();
  for (const index of indexes) closure.add(index);
  for (const name of names) closure.want(name);
  await closure.settled();
}

function loaded(
  channel: Pick<Channel, "name" | "baseUrl">,
  urls: readonly { subdir: string; url: string }[],
): LoadedChannel {
  const { name, baseUrl } = channel;
  return { name, baseUrl, subdirs: urls.map(({ subdir, url }) => ({ channel: name, subdir, url })) };
}

function limitedWarner(context: LoadContext): (message: string) => void {
  let count = 0;
  return (message) => {
    count++;
    if (count <= MAX_WARNINGS) context.events({ type: "warning", code: "repodata-invalid", message });
    else if (count === MAX_WARNINGS + 1)
      context.events({
        type: "warning",
        code: "repodata-invalid",
        message: "more malformed records are left out",
      });
  };
}

/** Loads a channel's subdirs and, as soon as one of them names a related channel, that channel too. */
async function loadChannel(channel: LoadedChannel, depth: number, load: Load): Promise<void> {
  const found = await settleAll(
    channel.subdirs.map((request) => loadInto(request, channel, depth, load)),
    load.fail,
  );
  if (found.some(Boolean)) return;
  const names = channel.subdirs.map(({ subdir }) => `\`${subdir}\``).join(" nor ");
  const message = `the channel \`${channel.name}\` has neither ${names} (at ${channel.baseUrl})`;
  const hint = "check the spelling of the channel, and that it has packages for this platform";
  if (!load.options.allowMissing)
    throw new ToolError("channel-invalid", message, {
      hint,
      details: { channel: channel.name, urls: channel.subdirs.map(({ url }) => url) },
    });
  load.context.events({ type: "warning", code: "channel-invalid", message, hint });
}

/** False when the channel does not have the subdir. */
async function loadInto(
  request: SubdirRequest,
  channel: LoadedChannel,
  depth: number,
  load: Load,
): Promise<boolean> {
  const data = await loadSubdir(request, load.options, load.context);
  if (data.kind === "missing") return false;
  const info = data.kind === "flat" ? data.file.header.info : data.index.info;
  const label = `${request.channel}/${request.subdir}`;
  const archiveBase =
    data.kind === "flat"
      ? resolveBase(info.base_url, request.url, label, "base_url")
      : data.index.archiveBase;
  const { channel: name, subdir } = request;
  const { onlyTarBz2 } = load.options;
  const source: RecordSource = { channel: name, subdir, archiveBase, onlyTarBz2 };
  const index =
    data.kind === "flat"
      ? new FlatIndex(data.file, {
          ...source,
          onProblem: load.warn,
          onDamage: discardDamaged,
        })
      : new ShardedIndex(data.index, {
          ...source,
          texts: load.texts,
          limit: load.limit,
          onProblem: load.warn,
          load: load.context,
        });
  const subdirs = load.indexes.get(channel.baseUrl) ?? new Map<string, FlatIndex | ShardedIndex>();
  load.indexes.set(channel.baseUrl, subdirs.set(subdir, index));
  load.closure.add(index);
  tellRevision(info, label, load);
  await followRelations(info, channel, depth, load);
  return true;
}

function discardDamaged(file: { path: string; close(): void }): never {
  file.close();
  discardFile(file.path);
  throw new ToolError("repodata-invalid", `the cached index \`${file.path}\` is damaged and was removed`, {
    hint: "run the command again",
  });
}

function tellRevision(info: RepodataInfo, label: string, load: Load): void {
  if (info.newest_revision === undefined) return;
  const said = info.revision_message === undefined ? "" : `: ${info.revision_message}`;
  const message = `\`${label}\` has packages in repodata revision v${info.newest_revision}, which this version does not know${said}`;
  load.context.events({ type: "note", message });
}

async function followRelations(
  info: RepodataInfo,
  channel: LoadedChannel,
  depth: number,
  load: Load,
): Promise<void> {
  const limit = load.options.channelRelationsMaxDepth ?? 10;
  if (limit === 0 || info.channel_relations === undefined) return;
  const relation = readRelation(channel.baseUrl, info.channel_relations);
  load.relations.push(relation);
  const fresh: LoadedChannel[] = [];
  for (const url of [relation.base, relation.overrides]) {
    if (url === undefined || load.channels.has(url)) continue;
    if (depth >= limit) {
      throw new ToolError(
        "channel-invalid",
        `the relations of the channel \`${channel.name}\` are more than ${limit} deep`,
        {
          hint: "raise channel_relations_max_depth, or set it to 0 to ignore relations",
        },
      );
    }
    const related = relatedChannel(url, channel, load.platform);
    load.channels.set(url, related);
    fresh.push(related);
    load.context.events({
      type: "note",
      message: `the channel \`${channel.name}\` brings in \`${related.name}\``,
    });
  }
  await settleAll(
    fresh.map((related) => loadChannel(related, depth + 1, load)),
    load.fail,
  );
}

/** A sibling of a channel that has a short name has one too: both are below the same alias. */
function relatedChannel(url: string, channel: LoadedChannel, platform: string): LoadedChannel {
  const alias = channel.baseUrl.endsWith(`/${channel.name}`)
    ? channel.baseUrl.slice(0, -channel.name.length)
    : undefined;
  const name = alias !== undefined && url.startsWith(alias) ? url.slice(alias.length) : url;
  const subdirs = [...new Set([platform, "noarch"])];
  return loaded(
    { name, baseUrl: url },
    subdirs.map((subdir) => ({ subdir, url: `${url}/${subdir}` })),
  );
}

function inOrder(order: readonly string[], load: Load): PackageIndex[] {
  const indexes: PackageIndex[] = [];
  order.forEach((url, priority) => {
    const subdirs = load.indexes.get(url);
    for (const { subdir } of load.channels.get(url)?.subdirs ?? []) {
      const index = subdirs?.get(subdir);
      if (!index) continue;
      index.priority = priority;
      indexes.push(index);
    }
  });
  return indexes;
}
