import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureCacheDir, ensureSharedDir, isWritable } from "../fs/files.ts";
import { loadChannels } from "../repodata/load.ts";
import type { Channel } from "../specs/channel.ts";
import { type MatchSpec, tryParseMatchSpec } from "../specs/match-spec.ts";
import { channelMatches } from "../specs/match-spec-matches.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import { type ChannelPlaces, channelsNamed } from "./channel-rules.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { checkChannels } from "./policy.ts";

export interface ChannelRequest {
  /** Of the command line; `nodefaults` among them shuts those of the configuration out. */
  channels: readonly string[];
  fileChannels: readonly string[];
  /** A file says `nodefaults`. */
  nodefaults: boolean;
  /** Requested specs: the channels that they name (`conda-forge::numpy`) are searched too, after all others. */
  specs?: readonly string[];
}

/** The channels' names as they were given, in order of priority. */
export function channelNames(
  request: ChannelRequest,
  { config, channelsAreDefault }: Pick<CommandContext, "config" | "channelsAreDefault">,
): string[] {
  const named = [...request.channels, ...request.fileChannels];
  const nodefaults = request.nodefaults || request.channels.includes("nodefaults");
  // As in micromamba: who names a channel and configures none does not mean the built-in one as well.
  const shut = config.overrideChannels || nodefaults || (channelsAreDefault && named.length > 0);
  return [...named, ...(shut ? [] : config.channels)].filter((name) => name !== "nodefaults");
}

/**
 * Channels in order of priority: those of the command line, those of files, then those of the configuration, unless
 * --override-channels or `nodefaults` shut the configuration out.
 */
export function chooseChannels(
  request: ChannelRequest,
  context: ChannelPlaces & Pick<CommandContext, "channelsAreDefault">,
): Channel[] {
  const { config } = context;
  if (config.overrideChannels && !config.overrideChannelsEnabled) {
    throw new ToolError("usage", "--override-channels is switched off by `override_channels_enabled`", {
      details: { exception_name: "OperationNotAllowed" },
    });
  }
  const all = channelNames(request, context);
  if (all.length === 0) {
    throw new ToolError("usage", "there is no channel to search", {
      hint: "name one with -c, such as `-c conda-forge`; --override-channels ignores the configured ones",
    });
  }
  let channels = channelsNamed(all, context);
  const further = furtherChannels(request.specs ?? [], channels);
  if (further.length > 0) channels = channelsNamed([...all, ...further], context);
  checkChannels(channels, context);
  return channels;
}

/** Channels that specs name and that none of the others is, as in mamba and conda. */
function furtherChannels(specs: readonly string[], channels: readonly Channel[]): string[] {
  const named = specs.flatMap((text) => tryParseMatchSpec(text)?.channel ?? []);
  return [...new Set(named)].filter(
    (name) =>
      !name.includes("*") &&
      !channels.some(
        (channel) => channelMatches(name, channel.name) || channelMatches(name, channel.baseUrl),
      ),
  );
}

/**
 * Where repodata, notices and trust roots are kept: `cache` in the first package cache that has one which can be written, made when it
 * is not there. In a cache of several users it may belong to another of them, while packages can be added beside it. Where all
 * caches are read-only, as a volume that a cluster or a CI job mounts, they are kept no longer than the command runs.
 */
export async function writableMetadataDir({ config, resources }: MetadataContext): Promise<string> {
  for (const dir of config.pkgsDirs) {
    const metadata = join(dir, "cache");
    if (!(await isWritable(metadata))) continue;
    await ensureCacheDir(dir);
    await ensureSharedDir(metadata);
    return metadata;
  }
  return resources.temporaryDir();
}

type MetadataContext = Pick<CommandContext, "config" | "resources">;

/** What a load differs in from the configuration, when it is done a second time. */
export interface LoadVariant {
  /** One of `repodata_fns`. */
  repodataFn?: string | undefined;
  /** Ask the server again, whatever is cached. */
  afresh?: boolean | undefined;
}

/** Loads the channels' repodata. `roots` are the package names that the request can start from. */
export async function loadIndexes(
  channels: readonly Channel[],
  roots: readonly string[],
  context: CommandContext,
  variant: LoadVariant = {},
): Promise<PackageIndex[]> {
  const { config, events, signal } = context;
  context.resources.useChannels(channels);
  warnOfTerms(channels, context);
  const cacheDir = await writableMetadataDir(context);
  const otherCacheDirs = config.pkgsDirs.map((dir) => join(dir, "cache")).filter((dir) => dir !== cacheDir);
  const started = performance.now();
  events({ type: "phase", phase: "repodata", state: "start" });
  try {
    return await loadChannels(
      [...channels],
      platformOf(context),
      {
        useShards: config.useShardedRepodata,
        useZst: config.repodataUseZst,
        ttl: variant.afresh ? 0 : config.localRepodataTtl,
        shards: {
          ttl: variant.afresh ? 0 : config.repodataShardsTtl,
          inFlight: config.repodataShardsThreads,
        },
        useIndexCache: config.useIndexCache && !variant.afresh,
        repodataFn: variant.repodataFn ?? config.repodataFns[0],
        offline: config.offline,
        onlyTarBz2: config.useOnlyTarBz2,
        allowMissing: config.allowNonChannelUrls,
        channelRelationsMaxDepth: config.channelRelationsMaxDepth,
        roots: [...roots],
      },
      {
        http: context.resources.http(),
        pool: context.resources.pool(),
        events,
        cacheDir,
        otherCacheDirs,
        signal,
      },
    );
  } finally {
    events({ type: "phase", phase: "repodata", state: "end", seconds: (performance.now() - started) / 1000 });
  }
}

/** Installing from Anaconda's own channels binds its user to Anaconda's terms (`show_anaconda_channel_warnings`). */
function warnOfTerms(channels: readonly Channel[], { config, events }: CommandContext): void {
  if (!config.showAnacondaChannelWarnings) return;
  if (!channels.some((channel) => /^https:\/\/repo\.anaconda\.com(\/|$)/.test(channel.baseUrl))) return;
  events({
    type: "warning",
    code: "anaconda-terms",
    message: "`repo.anaconda.com` is a commercial channel: its use is bound to Anaconda's terms of service",
    hint: "`config set show_anaconda_channel_warnings false` hides this",
  });
}

/** A spec of one of the configuration's `custom_multichannels` matches packages of each channel in it. */
export function withMembers(spec: MatchSpec, context: ChannelPlaces): MatchSpec {
  const { config } = context;
  if (spec.channel === undefined || !Object.hasOwn(config.customMultichannels, spec.channel)) return spec;
  const members = channelsNamed([spec.channel], context);
  return { ...spec, channelMembers: members.flatMap(({ name, baseUrl }) => [name, baseUrl]) };
}
