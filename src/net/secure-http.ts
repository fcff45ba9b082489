import type { TLSSocket } from "node:tls";
import { codeOf } from "../errors.ts";
import { createHttp1 } from "./http1.ts";
import { type Http2Session, openHttp2 } from "./http2.ts";
import type { RawRequest, RawResponse } from "./raw.ts";
import type { TlsContext } from "./tls.ts";
import type { HttpOptions } from "./types.ts";

/** Sends requests to `https:` origins without a proxy. */
export interface SecureHttp {
  send(url: URL, request: RawRequest): Promise<RawResponse>;
  close(): void;
}

/**
 * HTTP/2 where the server chooses it (ALPN), else HTTP/1.1, both by Node's own clients. Before the first connection stands
 * nobody knows which: the others wait for it, or a burst of requests would open a connection each.
 */
export function createSecureHttp(options: HttpOptions, context: TlsContext): SecureHttp {
  const http1 = createHttp1(options, context);
  const origins = new Map<string, Promise<Http2Session | undefined>>();
  const dialling = new Set<TLSSocket>();

  const begin = async (url: URL): Promise<Http2Session | undefined> => {
    const { origin } = url;
    const forget = (): void => void origins.delete(origin);
    try {
      const socket = await dial(url, { options, context, dialling });
      if (socket.alpnProtocol === "h2") return openHttp2(origin, socket, { options, ended: forget });
      http1.adopt(nameOf(url), socket);
      return undefined;
    } catch (error) {
      // Those that waited fail with it; who tries again connects again.
      forget();
      throw error;
    }
  };
  const sessionFor = (url: URL): Promise<Http2Session | undefined> => {
    const known = origins.get(url.origin);
    if (known) return known;
    const beginning = begin(url);
    origins.set(url.origin, beginning);
    return beginning;
  };
  const send = async (url: URL, request: RawRequest, mayRepeat: boolean): Promise<RawResponse> => {
    if (options.http2 === false) return http1.send(url, request);
    const session = await unlessAborted(sessionFor(url), request.signal);
    if (!session) return http1.send(url, request);
    const { proven } = session;
    try {
      return await session.send(url, request);
    } catch (error) {
      // The server closed an idle connection while the request was on its way.
      if (!mayRepeat || !proven || request.signal?.aborted || isTimeout(error)) throw error;
      return send(url, request, false);
    }
  };
  return {
    send: (url, request) => send(url, request, true),
    close: () => {
      http1.close();
      for (const socket of dialling) socket.destroy();
      for (const origin of origins.values())
        origin.then(
          (session) => session?.close(),
          () => {},
        );
      origins.clear();
    },
  };
}

interface Dialling {
  options: HttpOptions;
  context: TlsContext;
  dialling: Set<TLSSocket>;
}

/** Connects to the origin, offering both protocols. */
function dial(url: URL, { options, context, dialling }: Dialling): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket = process.getBuiltinModule("node:tls").connect({
      host,
      port: Number(url.port || 443),
      // An address has no name to ask for.
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      ALPNProtocols: ["h2", "http/1.1"],
      ...context,
    });
    socket.setNoDelay(true);
    dialling.add(socket);
    const limit = options.connectTimeout ?? 10_000;
    const late = Object.assign(new Error("timed out"), { code: "UND_ERR_CONNECT_TIMEOUT" });
    const timer = setTimeout(() => socket.destroy(late), limit);
    const settle = (): void => {
      clearTimeout(timer);
      dialling.delete(socket);
    };
    socket.once("secureConnect", () => {
      settle();
      resolve(socket);
    });
    // Stays: whoever takes the socket over adds its own.
    socket.on("error", (error) => {
      settle();
      reject(error);
    });
    socket.once("close", () => {
      settle();
      reject(Object.assign(new Error("closed"), { code: "UND_ERR_SOCKET" }));
    });
  });
}

const nameOf = (url: URL): string => `${url.hostname.replace(/^\[|\]$/g, "")}:${url.port || 443}`;

function isTimeout(error: unknown): boolean {
  return codeOf(error) === "UND_ERR_HEADERS_TIMEOUT";
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
