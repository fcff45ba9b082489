import type { Dispatcher } from "undici";
import type { EventSink } from "../events.ts";
import { createPlainHttp } from "./plain-http.ts";
import { proxyFor } from "./proxy.ts";
import { flattenHeaders, type RawRequest, type RawResponse } from "./raw.ts";
import { loadTls } from "./tls.ts";
import type { HttpOptions } from "./types.ts";

/** Sends one request over one connection of the right pool. No retries, no redirects, no credentials. */
export interface Transport {
  send(url: URL, request: RawRequest): Promise<RawResponse>;
  close(): Promise<void>;
}

/** HTTP/2 streams on one connection at once. */
const STREAMS = 100;

/**
 * What is known of https origins. Before the first connection stands nobody knows whether it speaks HTTP/2; without waiting
 * for it, a burst of requests opens a connection each. undici also keeps one request per connection unless told otherwise.
 */
class Protocols {
  private readonly known = new Set<string>();
  private readonly probes = new Map<string, Promise<void>>();
  private readonly resolvers = new Map<string, () => void>();
  private readonly http2 = new Set<string>();

  /** Waits while the first request to the origin is connecting. Returns true to the one that is to be first. */
  async enter(origin: string): Promise<boolean> {
    if (this.known.has(origin)) return false;
    const probe = this.probes.get(origin);
    if (probe) {
      await probe;
      return false;
    }
    this.probes.set(origin, new Promise((resolve) => this.resolvers.set(origin, resolve)));
    return true;
  }

  /** The first connection stands, or failed: the others may go. */
  settle(origin: string): void {
    this.known.add(origin);
    this.resolvers.get(origin)?.();
    this.resolvers.delete(origin);
    this.probes.delete(origin);
  }

  negotiated(origin: string, alpn: string | false | null): void {
    if (alpn === "h2") this.http2.add(origin);
    else this.http2.delete(origin);
  }

  speaksHttp2(origin: string): boolean {
    return this.http2.has(origin);
  }
}

export function createTransport(options: HttpOptions, events: EventSink): Transport {
  const pools = new Map<string, Dispatcher>();
  const protocols = new Protocols();
  const plain = createPlainHttp(options);
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

  const poolFor = async (
    proxy: string | undefined,
  ): Promise<{ undici: typeof import("undici"); pool: Dispatcher }> => {
    const { undici, common, tlsMaterial } = await loaded();
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
        : directAgent(undici, common, connect, protocols);
      pools.set(key, pool);
    }
    return { undici, pool };
  };

  return {
    send: async (url, request) => {
      const proxy = proxyFor(url, options.proxies, options.noProxy);
      if (url.protocol === "http:" && proxy === undefined) return plain.send(url, request);
      const { undici, pool } = await poolFor(proxy);
      const { method, headers, signal } = request;
      const probing =
        options.http2 !== false && url.protocol === "https:" && (await protocols.enter(url.origin));
      try {
        const response = await undici.request(url, {
          dispatcher: pool,
          method: method as "GET",
          headers,
          signal: signal ?? null,
        });
        // A body that is thrown away emits its error with nobody listening; readers get it all the same.
        response.body.on("error", () => {});
        return {
          status: response.statusCode,
          headers: flattenHeaders(response.headers),
          body: response.body,
        };
      } finally {
        if (probing) protocols.settle(url.origin);
      }
    },
    close: async () => {
      plain.close();
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

function directAgent(
  undici: typeof import("undici"),
  common: object,
  connect: object,
  protocols: Protocols,
): Dispatcher {
  const connector = undici.buildConnector({ ...connect, allowH2: (common as { allowH2: boolean }).allowH2 });
  const agent = new undici.Agent({
    ...common,
    connect: (target, done) =>
      connector(target, (...[error, socket]) => {
        if (error) return done(error, null);
        const origin = new URL(`${target.protocol}//${target.host}`).origin;
        protocols.negotiated(
          origin,
          (socket as { alpnProtocol?: string | false | null }).alpnProtocol ?? null,
        );
        done(null, socket);
      }),
  });
  agent.on("connect", (url, targets) => {
    const client = targets.at(-1) as { pipelining?: number } | undefined;
    if (client && protocols.speaksHttp2(url.origin)) client.pipelining = STREAMS;
    protocols.settle(url.origin);
  });
  return agent;
}
