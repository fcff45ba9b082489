import type { ConfigValues } from "../config/keys.ts";
import type { EventSink } from "../events.ts";
import { makeTemporaryDir } from "../fs/cache-files.ts";
import { removeTree } from "../fs/files.ts";
import { systemFacts } from "../host/system.ts";
import { loadCredentials } from "../net/credentials.ts";
import { createHttpClient, type HttpClient } from "../net/http.ts";
import { type Channel, channelCredentials } from "../specs/channel.ts";
import type { UrlAuth } from "../specs/credentials.ts";
import { createPool } from "../workers/pool.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import { channelSettings } from "./channel-settings.ts";
import type { Resources } from "./context.ts";
import { credentialSources } from "./credentials.ts";
import { httpOptions } from "./http-options.ts";

interface ResourceContext {
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  events: EventSink;
}

/** Opens the HTTP client and the worker pool when first asked for; most commands need neither. */
export function openResources(config: ConfigValues, context: ResourceContext): Resources {
  let http: HttpClient | undefined;
  let pool: WorkerPool | undefined;
  let temporary: Promise<string> | undefined;
  const fromChannels: { prefix: string; auth: UrlAuth }[] = [];
  const mirrors: Record<string, readonly string[]> = {};
  const ofChannel = (url: string): UrlAuth | undefined =>
    fromChannels.find(({ prefix }) => url === prefix || url.startsWith(`${prefix}/`))?.auth;
  return {
    http: () => (http ??= openClient(ofChannel, mirrors, config, context)),
    pool: () => (pool ??= createPool({ size: workerCount(config.extractThreads), mode: "threads" })),
    brokenEntries: new Set(),
    useChannels: (channels: readonly Channel[]) => {
      fromChannels.push(...channelCredentials(channels));
      fromChannels.sort((a, b) => b.prefix.length - a.prefix.length);
      for (const channel of channels)
        if (channel.mirrors.length > 0) mirrors[channel.baseUrl] = channel.mirrors;
    },
    temporaryDir: () => (temporary ??= makeTemporaryDir(systemFacts().temporaryDirectory)),
    close: async () => {
      await Promise.all([pool?.close(), http?.close()]);
      pool = undefined;
      http = undefined;
      const scratch = await temporary?.catch(() => undefined);
      temporary = undefined;
      if (scratch !== undefined) await removeTree(scratch).catch(() => {});
    },
  };
}

/**
 * A client that knows the secrets of channel URLs first, then those of `channel_settings`, then those of authentication.json,
 * anaconda-client and netrc, which are read with the first request that could need them.
 */
function openClient(
  ofChannel: (url: string) => UrlAuth | undefined,
  mirrors: Record<string, readonly string[]>,
  config: ConfigValues,
  context: ResourceContext,
): HttpClient {
  let stored: ReturnType<typeof loadCredentials> | undefined;
  const ofSettings = channelSettings(config, context);
  const lookup = async (url: string): Promise<UrlAuth | undefined> => {
    const own = ofChannel(url) ?? (await ofSettings(url));
    if (own) return own;
    stored ??= loadCredentials(credentialSources(config, context.home, context.env), context.events);
    return (await stored)(url);
  };
  return createHttpClient({ ...httpOptions(config, context, lookup), mirrors }, { events: context.events });
}

/** `extract_threads`: 0 is one a core, a negative number leaves that many cores alone. */
function workerCount(extractThreads: number): number {
  return Math.max(1, extractThreads > 0 ? extractThreads : systemFacts().cores + extractThreads);
}
