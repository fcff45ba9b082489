import type { ConfigValues } from "../config/keys.ts";
import type { EventSink } from "../events.ts";
import { systemFacts } from "../host/system.ts";
import { createHttpClient, type HttpClient } from "../net/http.ts";
import { type Channel, channelCredentials } from "../specs/channel.ts";
import type { UrlAuth } from "../specs/credentials.ts";
import { createPool } from "../workers/pool.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import type { Resources } from "./context.ts";
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
  const fromChannels: { prefix: string; auth: UrlAuth }[] = [];
  const credentials = (url: string) =>
    fromChannels.find(({ prefix }) => url === prefix || url.startsWith(`${prefix}/`))?.auth;
  return {
    http: () =>
      (http ??= createHttpClient(httpOptions(config, context.env, credentials), { events: context.events })),
    pool: () => (pool ??= createPool({ size: workerCount(config.extractThreads), mode: "threads" })),
    useChannels: (channels: readonly Channel[]) => {
      fromChannels.push(...channelCredentials(channels));
      fromChannels.sort((a, b) => b.prefix.length - a.prefix.length);
    },
    close: async () => {
      await Promise.all([pool?.close(), http?.close()]);
      pool = undefined;
      http = undefined;
    },
  };
}

/** `extract_threads`: 0 is one a core, a negative number leaves that many cores alone. */
function workerCount(extractThreads: number): number {
  return Math.max(1, extractThreads > 0 ? extractThreads : systemFacts().cores + extractThreads);
}
