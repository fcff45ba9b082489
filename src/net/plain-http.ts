import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { flattenHeaders, type RawRequest, type RawResponse } from "./raw.ts";
import type { HttpOptions } from "./types.ts";

/** Sends requests to `http:` origins without a proxy. */
export interface PlainHttp {
  send(url: URL, request: RawRequest): Promise<RawResponse>;
  close(): void;
}

/**
 * HTTP/1.1 over bare TCP by Node's own client, whose parser is native: undici takes 70 ms to load, and its parser is WASM that
 * is compiled anew in each run (0.2 s of processor time, on Node 20 0.4 s of the 3.5 s that fetching 121 MB took).
 */
export function createPlainHttp(options: HttpOptions): PlainHttp {
  let agent: Agent | undefined;
  const send = (url: URL, request: RawRequest, mayRepeat: boolean): Promise<RawResponse> => {
    // Not by import: the namespace of this module loads Node's whole fetch with its lazy exports (25 ms).
    const http = process.getBuiltinModule("node:http");
    agent ??= new http.Agent({ keepAlive: true, maxSockets: options.connections ?? 32, noDelay: true });
    const { method, headers, signal } = request;
    const sent = http.request(url, {
      agent,
      method,
      headers,
      maxHeaderSize: 64 * 1024,
      ...(signal ? { signal } : {}),
    });
    const timers = watch(sent, options);
    return new Promise((resolve, reject) => {
      sent.on("response", (response) => {
        timers.answered(response);
        resolve({
          status: response.statusCode ?? 0,
          headers: flattenHeaders(response.headers),
          body: response,
        });
      });
      sent.on("error", (error) => {
        timers.stop();
        // The server closed an idle connection while the request was on its way.
        if (mayRepeat && sent.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET")
          resolve(send(url, request, false));
        else reject(error);
      });
      sent.end();
    });
  };
  return {
    send: (url, request) => send(url, request, true),
    close: () => agent?.destroy(),
  };
}

/** Limits the time until a connection stands, until headers come, and without a byte of the body. */
function watch(
  request: ClientRequest,
  options: HttpOptions,
): { answered(response: IncomingMessage): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const within = (milliseconds: number, code: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => request.destroy(timeoutError(code)), milliseconds);
  };
  const connected = (): void => within(options.headersTimeout ?? 60_000, "UND_ERR_HEADERS_TIMEOUT");
  // From here on, not from the call: a request may wait for one of the connections to become free.
  request.once("socket", (socket) => {
    if (!socket.connecting) return connected();
    within(options.connectTimeout ?? 10_000, "UND_ERR_CONNECT_TIMEOUT");
    socket.once("connect", connected);
  });
  return {
    stop: () => clearTimeout(timer),
    answered: (response) => {
      clearTimeout(timer);
      const { socket } = response;
      const limit = options.lowSpeedTime ?? 30_000;
      const onIdle = (): void => {
        // Nothing is read while the reader is busy: that is no fault of the server.
        if (response.readableLength > 0) socket.setTimeout(limit);
        else response.destroy(timeoutError("UND_ERR_BODY_TIMEOUT"));
      };
      socket.setTimeout(limit);
      socket.on("timeout", onIdle);
      response.on("error", () => {});
      response.once("close", () => {
        socket.setTimeout(0);
        socket.off("timeout", onIdle);
      });
    },
  };
}

function timeoutError(code: string): Error {
  return Object.assign(new Error("timed out"), { code });
}
