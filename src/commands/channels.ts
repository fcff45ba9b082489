import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureDir, isWritable } from "../fs/files.ts";
import { loadChannels } from "../repodata/load.ts";
import { type Channel, resolveChannels } from "../specs/channel.ts";
import type { ChannelConfig } from "../specs/channel-config.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import type { CommandContext } from "./context.ts";

/**
 * Channels in order of priority: those of the command line, those of files, then those of the configuration, unless
 * --override-channels or `nodefaults` shut the configuration out.
 */
export function chooseChannels(
  request: { channels: readonly string[]; fileChannels: readonly string[]; nodefaults: boolean },
  context: Pick<CommandContext, "config" | "cwd" | "home" | "hostPlatform">,
): Channel[] {
  const { config } = context;
  const named = [...request.channels, ...request.fileChannels];
  const configured = config.overrideChannels || request.nodefaults ? [] : config.channels;
  const all = [...named, ...configured].filter((name) => name !== "nodefaults");
  if (all.length === 0) {
    throw new ToolError("usage", "there is no channel to search", {
      hint: "name one with -c, such as `-c conda-forge`; --override-channels ignores the configured ones",
    });
  }
  return resolveChannels(all, channelRules(config), {
    platform: config.platform || context.hostPlatform,
    home: context.home,
    cwd: context.cwd,
  });
}

/** The part of the configuration that says what a channel's name means. */
export function channelRules(config: CommandContext["config"]): ChannelConfig {
  return {
    channelAlias: config.channelAlias,
    customChannels: config.customChannels,
    customMultichannels: config.customMultichannels,
    defaultChannels: config.defaultChannels,
    mirroredChannels: config.mirroredChannels,
  };
}

/** First package cache that can be written; its `cache` directory holds repodata. */
export async function writablePkgsDir(pkgsDirs: readonly string[]): Promise<string> {
  for (const dir of pkgsDirs) if (await isWritable(dir)) return dir;
  throw new ToolError(
    "permission-denied",
    `no package cache can be written: ${pkgsDirs.map((dir) => `\`${dir}\``).join(", ")}`,
    {
      hint: "set CONDA_PKGS_DIRS, or --root-prefix, to a directory of yours",
    },
  );
}

/** Loads the channels' repodata. `roots` are the package names that the request can start from. */
export async function loadIndexes(
  channels: readonly Channel[],
  roots: readonly string[],
  context: CommandContext,
): Promise<PackageIndex[]> {
  const { config, events, signal } = context;
  context.resources.useChannels(channels);
  const cacheDir = join(await writablePkgsDir(config.pkgsDirs), "cache");
  await ensureDir(cacheDir);
  const started = performance.now();
  events({ type: "phase", phase: "repodata", state: "start" });
  try {
    return await loadChannels(
      [...channels],
      config.platform || context.hostPlatform,
      {
        useShards: config.useShardedRepodata,
        useZst: config.repodataUseZst,
        ttl: config.localRepodataTtl,
        useIndexCache: config.useIndexCache,
        offline: config.offline,
        roots: [...roots],
      },
      { http: context.resources.http(), pool: context.resources.pool(), events, cacheDir, signal },
    );
  } finally {
    events({ type: "phase", phase: "repodata", state: "end", seconds: (performance.now() - started) / 1000 });
  }
}
