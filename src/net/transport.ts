import type { Dispatcher, Pool, ProxyAgent } from "undici";
import { codeOf } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { createHttp1 } from "./http1.ts";
import { proxyFor } from "./proxy.ts";
import { flattenHeaders, type RawRequest, type RawResponse } from "./raw.ts";
import { createSecureHttp, type SecureHttp } from "./secure-http.ts";
import { createTlsContext, loadTls, type TlsMaterial } from "./tls.ts";
import type { HttpOptions } from "./types.ts";

/** Sends one request over one connection of the right pool. No retries, no redirects, no credentials. */
export interface Transport {
  send(url: URL, request: RawRequest): Promise<RawResponse>;
  close(): Promise<void>;
}

export function createTransport(options: HttpOptions, events: EventSink): Transport {
  const plain = createHttp1(options);
  const proxies = new Map<string, Dispatcher>();
  let loading: Promise<TlsMaterial> | undefined;
  let securing: Promise<SecureHttp> | undefined;
  const material = (): Promise<TlsMaterial> => {
    loading ??= loadTls(options, events);
    return loading;
  };
  const secure = (): Promise<SecureHttp> => {
    securing ??= material().then((loaded) => createSecureHttp(options, createTlsContext(loaded)));
    return securing;
  };
  const viaProxy = async (proxy: string, url: URL, request: RawRequest): Promise<RawResponse> => {
    const [undici, loaded] = await Promise.all([import("undici"), material()]);
    let agent = proxies.get(proxy);
    if (!agent) {
      agent = /^socks/i.test(proxy)
        ? socksAgent(undici, proxy, { ...loaded, ...connectSettings(options) })
        : new undici.ProxyAgent({
            ...proxySettings(proxy, options, loaded),
            clientFactory: (origin, own) => tunnels(new undici.Pool(origin, own), options),
          });
      proxies.set(proxy, agent);
    }
    const { method, headers, signal } = request;
    const response = await undici.request(url, {
      dispatcher: agent,
      method: method as "GET",
      headers,
      signal: signal ?? null,
    });
    // A body that is thrown away emits its error with nobody listening; readers get it all the same.
    response.body.on("error", () => {});
    return { status: response.statusCode, headers: flattenHeaders(response.headers), body: response.body };
  };

  return {
    send: async (url, request) => {
      const proxy = proxyFor(url, options.proxies, options.noProxy);
      // undici costs 70 ms to load, and compiles its parser anew in each run: only where there is a proxy.
      if (proxy !== undefined) return viaProxy(proxy, url, request);
      return url.protocol === "http:" ? plain.send(url, request) : (await secure()).send(url, request);
    },
    close: async () => {
      plain.close();
      (await securing?.catch(() => undefined))?.close();
      await Promise.all([...proxies.values()].map((agent) => agent.destroy()));
      proxies.clear();
    },
  };
}

/**
 * Connections to a proxy whose tunnels fail for good: undici takes a proxy that closes the connection for a server that closed an idle
 * one, and connects again without end or pause; one that says nothing is given 300 seconds.
 */
function tunnels(pool: Pool, options: HttpOptions): Pool {
  const connect = pool.connect.bind(pool) as (request: Dispatcher.ConnectOptions) => Promise<unknown>;
  const failing = async (request: Dispatcher.ConnectOptions): Promise<unknown> => {
    const late = AbortSignal.timeout(options.headersTimeout ?? 60_000);
    try {
      return await connect({ ...request, signal: late });
    } catch (error) {
      const code = late.aborted ? "PROXY_TIMEOUT" : "PROXY_CLOSED";
      if (!late.aborted && codeOf(error) !== "UND_ERR_SOCKET") throw error;
      throw Object.assign(new Error("no tunnel"), { code });
    }
  };
  return Object.assign(pool, { connect: failing }) as Pool;
}

interface ConnectSettings {
  timeout: number;
  autoSelectFamily: true;
}

function connectSettings(options: HttpOptions): ConnectSettings {
  return { timeout: options.connectTimeout ?? 10_000, autoSelectFamily: true };
}

/** Not by ProxyAgent, which makes the same late: undici calls its SOCKS client experimental on stderr, which tells users nothing. */
function socksAgent(
  { Socks5ProxyAgent, buildConnector }: typeof import("undici"),
  proxy: string,
  requestTls: TlsMaterial & ConnectSettings,
): Dispatcher {
  const { timeout, autoSelectFamily } = requestTls;
  // TLS settings for the proxy itself would make undici speak TLS to it. Its types do not know those for the servers.
  const settings = { connect: buildConnector({ timeout, autoSelectFamily }), requestTls };
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return new Socks5ProxyAgent(proxy, settings);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function proxySettings(uri: string, options: HttpOptions, material: TlsMaterial): ProxyAgent.Options {
  const connect = { ...material, ...connectSettings(options) };
  return {
    uri,
    proxyTunnel: false,
    requestTls: connect,
    proxyTls: connect,
    connections: options.connections ?? 32,
    allowH2: options.http2 ?? true,
    headersTimeout: options.headersTimeout ?? 60_000,
    bodyTimeout: options.lowSpeedTime ?? 30_000,
    keepAliveTimeout: 15_000,
    maxHeaderSize: 64 * 1024,
  };
}
