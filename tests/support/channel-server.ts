import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import { join, resolve, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { repoRoot } from "./shared.ts";

/** What goes wrong with a response. Only the first matching fault of `faults` applies to a request. */
export interface Fault {
  /** Which requests: a path suffix, a pattern, or a function of the request number and path. Default: all. */
  match?: string | RegExp | ((path: string, count: number) => boolean);
  /** How many matching requests it hits; default 1. */
  times?: number;
  /** Milliseconds before the response starts. */
  latency?: number;
  /** Answer with this status, with Retry-After (seconds or HTTP date) when given. */
  status?: number;
  retryAfter?: string;
  /** Destroy the connection after this many body bytes (0: before the headers). */
  resetAt?: number;
  /** End the body early but cleanly, with the declared Content-Length of the whole. */
  cutAt?: number;
  /** Declare the wrong Content-Length: added to the real one. */
  lengthError?: number;
  /** Send without Content-Length and end early: only size or hash can tell. */
  silentCutAt?: number;
  /** Flip a byte at this offset. */
  corruptAt?: number;
  /** Send this many bytes, then nothing, with the connection open. */
  stallAt?: number;
  /** Send the body in pieces of `bytes` every `ms`. */
  drip?: { bytes: number; ms: number };
  /** Redirect: absolute URL, or "self" for a loop. */
  redirect?: string;
  /** Use this ETag and ignore If-Range, as a server with a stale cache does. */
  etag?: string;
  /** Pretend that Range was never heard of. */
  noRange?: boolean;
  /** Drop ETag and Last-Modified. */
  noValidators?: boolean;
  /** Extra response headers. */
  headers?: Record<string, string>;
  /** Replace the body. */
  body?: Uint8Array | string;
}

export interface LoggedRequest {
  method: string;
  path: string;
  headers: Record<string, string | undefined>;
}

export interface ChannelServer {
  /** `http://127.0.0.1:PORT` (`https:` with TLS), no trailing slash. */
  url: string;
  port: number;
  requests: LoggedRequest[];
  faults: Fault[];
  /** The most responses that were in progress at once. */
  maxConcurrent: number;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Directory to serve. */
  root?: string;
  /** Files by absolute path, such as `/linux-64/a.conda`; looked at before `root`. */
  files?: Record<string, Uint8Array | string>;
  /** Answers itself and returns true, or returns false to go on. */
  handler?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
  faults?: Fault[];
  /** Added to every response, milliseconds. */
  latency?: number;
  /** Speak TLS, with the certificate of tests/support/tls: HTTP/1.1 alone, or HTTP/2 where the client does. */
  tls?: "http1" | "http2" | undefined;
}

/** The root to trust for servers with TLS. */
export const TEST_CA = join(repoRoot, "tests/support/tls/ca.pem");

function listener(tls: ServerOptions["tls"], answer: RequestListener): Server {
  if (tls === undefined) return createServer({ keepAliveTimeout: 5000 }, answer);
  const file = (name: string): Buffer => readFileSync(join(repoRoot, "tests/support/tls", name));
  const identity = { key: file("server.key"), cert: file("server.pem") };
  if (tls === "http1") return createTlsServer({ ...identity, keepAliveTimeout: 5000 }, answer);
  const http2 = createSecureServer({ ...identity, allowHTTP1: true }, answer as never);
  http2.on("sessionError", () => {});
  return http2 as unknown as Server;
}

/** A loopback static server with validators, ranges, a request log and faults on demand. */
export async function startServer(options: ServerOptions): Promise<ChannelServer> {
  const sockets = new Set<Socket>();
  const state = { active: 0 };
  const used = new Map<Fault, number>();
  const http = listener(options.tls, (request, response) => {
    state.active += 1;
    server.maxConcurrent = Math.max(server.maxConcurrent, state.active);
    response.on("close", () => {
      state.active -= 1;
    });
    answer(request, response, options, server, used).catch(() => response.destroy());
  });
  http.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const port = (http.address() as AddressInfo).port;
  const server: ChannelServer = {
    url: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`,
    port,
    requests: [],
    faults: options.faults ?? [],
    maxConcurrent: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => http.close(done));
    },
  };
  return server;
}

function pickFault(server: ChannelServer, used: Map<Fault, number>, path: string): Fault {
  for (const fault of server.faults) {
    const count = used.get(fault) ?? 0;
    if (count >= (fault.times ?? 1)) continue;
    const { match } = fault;
    const hit =
      match === undefined ||
      (typeof match === "string"
        ? path.endsWith(match)
        : typeof match === "function"
          ? match(path, count)
          : match.test(path));
    if (!hit) continue;
    used.set(fault, count + 1);
    return fault;
  }
  return {};
}

interface Resource {
  size: number;
  etag: string;
  modified: Date;
  stream(start: number, end: number): AsyncIterable<Uint8Array>;
}

function find(path: string, options: ServerOptions, fault: Fault): Resource | undefined {
  const memory = fault.body ?? options.files?.[path];
  if (memory !== undefined) {
    const bytes = Buffer.from(memory as Uint8Array);
    return {
      size: bytes.length,
      etag: `"${createHash("md5").update(bytes).digest("hex").slice(0, 16)}"`,
      modified: new Date("2024-01-02T03:04:05Z"),
      stream: async function* (start, end) {
        for (let at = start; at < end; at += 65536) yield bytes.subarray(at, Math.min(end, at + 65536));
      },
    };
  }
  if (!options.root) return undefined;
  const root = resolve(options.root);
  const file = resolve(root, `.${decodeURIComponent(path)}`);
  if (file !== root && !file.startsWith(root + sep)) return undefined;
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile()) return undefined;
  return {
    size: stat.size,
    etag: `"${stat.size.toString(16)}-${Math.floor(stat.mtimeMs).toString(16)}"`,
    modified: stat.mtime,
    stream: (start, end) =>
      end > start
        ? (createReadStream(file, {
            start,
            end: end - 1,
            highWaterMark: 256 * 1024,
          }) as AsyncIterable<Uint8Array>)
        : (async function* () {})(),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
  server: ChannelServer,
  used: Map<Fault, number>,
): Promise<void> {
  const path = (request.url ?? "/").split("?")[0]!;
  server.requests.push({
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers: { ...request.headers } as Record<string, string>,
  });
  const fault = pickFault(server, used, path);
  const latency = (options.latency ?? 0) + (fault.latency ?? 0);
  if (latency > 0) await sleep(latency);
  for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value);
  if (fault.resetAt === 0) return void request.socket.destroy();
  if (fault.status !== undefined) {
    if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
    response.writeHead(fault.status, { "content-type": "text/plain" });
    return void response.end(`status ${fault.status}\n`);
  }
  if (fault.redirect !== undefined) {
    response.writeHead(302, { location: fault.redirect === "self" ? request.url! : fault.redirect });
    return void response.end();
  }
  if (options.handler && (await options.handler(request, response))) return;
  const resource = find(path, options, fault);
  if (!resource) {
    response.writeHead(404, { "content-type": "text/plain" });
    return void response.end("not found\n");
  }
  await send(request, response, resource, fault);
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  resource: Resource,
  fault: Fault,
): Promise<void> {
  const etag = fault.etag ?? resource.etag;
  const modified = resource.modified.toUTCString();
  if (!fault.noValidators) {
    response.setHeader("etag", etag);
    response.setHeader("last-modified", modified);
  }
  if (!fault.noRange) response.setHeader("accept-ranges", "bytes");
  const { headers } = request;
  const sameTag = headers["if-none-match"]?.split(",").some((tag) => tag.trim() === etag);
  const notNewer = headers["if-none-match"] === undefined && headers["if-modified-since"] === modified;
  if (!fault.noValidators && (sameTag || notNewer)) {
    response.writeHead(304);
    return void response.end();
  }
  let start = 0;
  let status = 200;
  const range = /^bytes=(\d+)-$/.exec(headers.range ?? "");
  const ifRange = headers["if-range"];
  const rangeHolds =
    ifRange === undefined || fault.etag !== undefined || ifRange === etag || ifRange === modified;
  if (range && !fault.noRange && rangeHolds) {
    start = Number(range[1]);
    if (start >= resource.size) {
      response.writeHead(416, { "content-range": `bytes */${resource.size}` });
      return void response.end();
    }
    status = 206;
    response.setHeader("content-range", `bytes ${start}-${resource.size - 1}/${resource.size}`);
  }
  if (fault.silentCutAt === undefined)
    response.setHeader("content-length", resource.size - start + (fault.lengthError ?? 0));
  response.writeHead(status);
  response.flushHeaders();
  if (request.method === "HEAD") return void response.end();
  await sendBody(response, resource.stream(start, resource.size), start, fault);
}

async function sendBody(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  start: number,
  fault: Fault,
): Promise<void> {
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (response.destroyed) throw new Error("client went away");
    if (!response.write(bytes)) {
      await new Promise<void>((done) => {
        const go = (): void => {
          response.off("drain", go).off("close", go);
          done();
        };
        response.once("drain", go).once("close", go);
      });
    }
  };
  const stopAt = Math.min(
    ...[fault.resetAt, fault.cutAt, fault.silentCutAt, fault.stallAt].map((at) => at ?? Infinity),
  );
  let at = start;
  for await (const whole of body) {
    const piece = Buffer.from(whole.subarray(0, Math.max(0, stopAt - at)));
    const corrupt = (fault.corruptAt ?? -1) - at;
    if (corrupt >= 0 && corrupt < piece.length) piece[corrupt]! ^= 0xff;
    if (fault.drip) {
      for (let i = 0; i < piece.length; i += fault.drip.bytes) {
        await write(piece.subarray(i, i + fault.drip.bytes));
        await sleep(fault.drip.ms);
      }
    } else if (piece.length > 0) await write(piece);
    at += piece.length;
    if (at >= stopAt) break;
  }
  if (fault.stallAt !== undefined) return;
  if (fault.resetAt !== undefined || fault.cutAt !== undefined || (fault.lengthError ?? 0) > 0) {
    // Let what was written leave the process before the connection goes.
    await sleep(5);
    return void response.socket?.destroy();
  }
  response.end();
}
