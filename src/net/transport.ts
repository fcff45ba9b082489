import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { EventSink } from "../events.ts";
import { proxyFor } from "./proxy.ts";
import { loadTls } from "./tls.ts";
import type { HttpOptions } from "./types.ts";

export interface RawResponse {
  status: number;
  headers: Record<string, string>;
  body: Readable;
}

/** Sends one request over one connection of the right pool. No retries, no redirects, no credentials. */
export interface Transport {
  send(
    url: URL,
    init: { method: string; headers: Record<string, string>; signal?: AbortSignal | undefined },
  ): Promise<RawResponse>;
  close(): Promise<void>;
}

export function createTransport(options: HttpOptions, events: EventSink): Transport {
  const pools = new Map<string, Dispatcher>();
  // undici costs 40 ms to load: only when something is fetched.
  let loading: Promise<{ undici: typeof import("undici"); common: object; tlsMaterial: object }> | undefined;
  const load = async (): Promise<{
    undici: typeof import("undici");
    common: object;
    tlsMaterial: object;
  }> => {
    const [undici, tlsMaterial] = await Promise.all([import("undici"), loadTls(options, events)]);
    const common = {
      connections: options.connections ?? 32,
      allowH2: options.http2 ?? true,
      headersTimeout: options.headersTimeout ?? 60_000,
      bodyTimeout: options.lowSpeedTime ?? 30_000,
      keepAliveTimeout: 15_000,
      // HTTP/2 flow control: 64 kB and 512 kB, the defaults, cap a connection with 30 ms latency near 140 Mbit/s.
      initialWindowSize: 8 << 20,
      connectionWindowSize: 32 << 20,
      maxHeaderSize: 64 * 1024,
    };
    return { undici, common, tlsMaterial };
  };

  const loaded = (): ReturnType<typeof load> => {
    loading ??= load();
    return loading;
  };

  const poolFor = async (url: URL): Promise<{ undici: typeof import("undici"); pool: Dispatcher }> => {
    const { undici, common, tlsMaterial } = await loaded();
    const proxy = proxyFor(url, options.proxies, options.noProxy);
    const key = proxy ?? "";
    let pool = pools.get(key);
    if (!pool) {
      const connect = { ...tlsMaterial, timeout: options.connectTimeout ?? 10_000, autoSelectFamily: true };
      pool = proxy
        ? new undici.ProxyAgent({
            ...common,
            uri: proxy,
            proxyTunnel: false,
            requestTls: connect,
            proxyTls: connect,
          })
        : new undici.Agent({ ...common, connect });
      pools.set(key, pool);
    }
    return { undici, pool };
  };

  return {
    send: async (url, { method, headers, signal }) => {
      const { undici, pool } = await poolFor(url);
      const response = await undici.request(url, {
        dispatcher: pool,
        method: method as "GET",
        headers,
        signal: signal ?? null,
      });
      return { status: response.statusCode, headers: flatten(response.headers), body: response.body };
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  return flat;
}
