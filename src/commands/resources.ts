import type { ConfigValues } from "../config/keys.ts";
import type { EventSink } from "../events.ts";
import { processorCount } from "../host/system.ts";
import { createHttpClient, type HttpClient } from "../net/http.ts";
import { createPool } from "../workers/pool.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import type { Resources } from "./context.ts";
import { httpOptions } from "./http-options.ts";

/** Opens the HTTP client and the worker pool when first asked for; most commands need neither. */
export function openResources(config: ConfigValues, context: { env: Readonly<Record<string, string | undefined>>; home: string; events: EventSink }): Resources {
  let http: HttpClient | undefined;
  let pool: WorkerPool | undefined;
  return {
    http: () => (http ??= createHttpClient(httpOptions(config, context), { events: context.events })),
    pool: () => (pool ??= createPool({ size: workerCount(config.extractThreads), mode: "threads" })),
    close: async () => {
      await Promise.all([pool?.close(), http?.close()]);
      pool = undefined;
      http = undefined;
    },
  };
}

/** `extract_threads`: 0 is one a core, a negative number leaves that many cores alone. */
export function workerCount(extractThreads: number): number {
  const cores = processorCount();
  return Math.max(1, extractThreads > 0 ? extractThreads : cores + extractThreads);
}
