import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import { createDeadlines } from "./deadlines.ts";
import { flattenHeaders, type RawBody, type RawRequest, type RawResponse } from "./raw.ts";
import type { HttpOptions } from "./types.ts";

/** One HTTP/2 connection: all requests to its origin at once. */
export interface Http2Session {
  send(url: URL, request: RawRequest): Promise<RawResponse>;
  /** Whether a request was answered on it: one that fails now may do better on a new connection. */
  readonly proven: boolean;
  close(): void;
}

/**
 * Flow control. 64 kB, the default, caps a stream with 30 ms latency at 17 Mbit/s; these allow 560 Mbit/s for one and 4 Gbit/s for
 * all. What a slow reader leaves unread is kept: windows of 8 and 32 MiB took 65 MB more over a download of 121 MB.
 */
const STREAM_WINDOW = 2 << 20;
const SESSION_WINDOW = 16 << 20;

/** `ended` is called once, when no more requests can be sent. */
export function openHttp2(
  origin: string,
  socket: TLSSocket,
  context: { options: HttpOptions; ended: () => void },
): Http2Session {
  const { options } = context;
  const http2 = process.getBuiltinModule("node:http2");
  const session: ClientHttp2Session = http2.connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    // Megabytes.
    maxSessionMemory: 64,
  });
  let open = true;
  let proven = false;
  const over = (): void => {
    if (!open) return;
    open = false;
    context.ended();
  };
  session.once("connect", () => session.setLocalWindowSize(SESSION_WINDOW));
  session.on("goaway", over);
  session.once("close", over);
  // Every stream gets the error, too.
  session.on("error", over);

  return {
    get proven() {
      return proven;
    },
    send: (url, { method, headers, signal }) =>
      new Promise((resolve, reject) => {
        const { host: _host, ...rest } = headers;
        const stream = session.request(
          { ":method": method, ":path": url.pathname + url.search, ":authority": url.host, ...rest },
          { endStream: true, ...(signal ? { signal } : {}) },
        );
        const deadlines = createDeadlines(options, (error) => {
          stream.destroy(error);
          // Most likely nobody is there any more: whoever asks again does so on a new connection.
          over();
        });
        deadlines.asked();
        stream.on("error", (error) => {
          deadlines.stop();
          reject(error);
        });
        stream.once("close", () => {
          deadlines.stop();
          reject(closedError());
        });
        stream.once("response", ({ ":status": status = 0, ...fields }) => {
          proven = true;
          deadlines.answered(stream, stream, () => socket.bytesRead);
          const plain: Record<string, string | string[] | undefined> = fields;
          resolve({ status, headers: flattenHeaders(plain), body: wholeBody(stream) });
        });
      }),
    close: () => session.destroy(),
  };
}

/** A stream that is cancelled, by the server or with its connection, ends for Node as if it were complete. */
function wholeBody(stream: ClientHttp2Stream): RawBody {
  return {
    resume: () => stream.resume(),
    destroy: () => stream.destroy(),
    async *[Symbol.asyncIterator]() {
      yield* stream as AsyncIterable<Uint8Array>;
      if (stream.rstCode) throw closedError();
    },
  };
}

function closedError(): Error {
  return Object.assign(new Error("the stream was closed"), { code: "UND_ERR_SOCKET" });
}
