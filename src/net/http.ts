import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { redactUrl, splitCredentials, type UrlAuth, withCredentials } from "../specs/credentials.ts";
import { brokenOff, gunzip, resumingBody } from "./body.ts";
import { type Attempt, describeFailure, failedFetch } from "./failures.ts";
import { fetchFile } from "./file.ts";
import { createMirrors } from "./mirrors.ts";
import { makeResponse } from "./response.ts";
import { abortError, isRetryable, parseRetryAfter, pause, type RetryPolicy, retryDelay } from "./retry.ts";
import { s3Address, signS3 } from "./s3.ts";
import { createTransport, type RawResponse, type Transport } from "./transport.ts";
import type { FetchOptions, HttpClient, HttpOptions, HttpResponse } from "./types.ts";

export type { FetchOptions, HttpClient, HttpOptions, HttpResponse, RetryInfo } from "./types.ts";

const MAX_REDIRECTS = 10;
/** Bodies of statuses that are not 2xx are read at once up to this size, so that nobody has to free the connection. */
const SMALL_BODY = 64 * 1024;

interface Client {
  options: HttpOptions;
  policy: RetryPolicy;
  transport: Transport;
}

/** The client that lives for one command. Nothing is loaded or opened before the first fetch. */
export function createHttpClient(options: HttpOptions, context: { events: EventSink }): HttpClient {
  const policy = {
    retries: options.retries ?? 3,
    backoffFactor: options.backoffFactor ?? 3,
    retryDelay: options.retryDelay ?? 500,
  };
  const client: Client = { options, policy, transport: createTransport(options, context.events) };
  const mirrors = createMirrors(options.mirrors ?? {});
  return {
    offline: options.offline === true,
    mirrorsOf: mirrors.candidates,
    reportBad: mirrors.fail,
    fetch: async (url, fetchOptions = {}) => {
      const candidates = fetchOptions.noMirrors ? [url] : mirrors.candidates(url);
      return fetchAny(client, candidates, fetchOptions, mirrors.fail);
    },
    close: () => client.transport.close(),
  };
}

/** The first good answer of the candidates in order; else the last answer, else an error with every try. */
async function fetchAny(
  client: Client,
  candidates: readonly string[],
  options: FetchOptions,
  fail: (url: string) => void,
): Promise<HttpResponse> {
  const attempts: Attempt[] = [];
  const state: FetchState = { client, options, attempts, hint: undefined, sawStatus: false };
  let answer: HttpResponse | undefined;
  for (const [i, url] of candidates.entries()) {
    if (options.signal?.aborted) throw abortError(options.signal);
    const response = await fetchOne(url, state);
    if (!response) fail(url);
    // 404 at one mirror may be 200 at the next, and is no reason to leave the mirror out.
    else if (response.status < 400 || i === candidates.length - 1) return response;
    else answer = response;
  }
  if (answer) return answer;
  throw failedFetch(attempts, state.hint, state.sawStatus);
}

interface FetchState {
  client: Client;
  options: FetchOptions;
  attempts: Attempt[];
  hint: string | undefined;
  sawStatus: boolean;
}

async function fetchOne(url: string, state: FetchState): Promise<HttpResponse | undefined> {
  const { client, options } = state;
  if (/^file:/i.test(url)) return fetchFile(url, options);
  if (client.options.offline) {
    const shown = redactUrl(url);
    throw new ToolError("offline-missing", `\`${shown}\` is not cached, and taipan is offline`, {
      hint: "run once without --offline, or add the file to the package cache",
      details: { urls: [shown] },
    });
  }
  if (!URL.canParse(url) || !/^(https?|s3):/i.test(url)) {
    throw new ToolError("channel-invalid", `\`${redactUrl(url)}\` is no URL that can be fetched`, {
      hint: "http, https, file and s3 URLs can",
    });
  }
  const headers: Record<string, string> = {
    "user-agent": client.options.userAgent ?? "taipan",
    "accept-encoding": options.compressed ? "gzip" : "identity",
    accept: "*/*",
    ...options.headers,
  };
  const opened = await openWithRetries(url, headers, state);
  if (!opened) return undefined;
  const { raw } = opened;
  const shown = redactUrl(opened.url);
  const head = { status: raw.status, headers: raw.headers, url: shown };
  if (raw.status < 200 || raw.status > 299) return bufferedResponse(head, raw);
  if (options.method === "HEAD") {
    raw.body.resume();
    return makeResponse(head, undefined);
  }
  const chunks = resumingBody({
    url: shown,
    first: raw,
    attempts: state.attempts,
    signal: options.signal,
    lowSpeedLimit: client.options.lowSpeedLimit ?? 1000,
    lowSpeedTime: client.options.lowSpeedTime ?? 30_000,
    reopen: async (extra) => {
      // From the start of the chain: a redirect may lead to a signed URL that has run out.
      const again = await openWithRetries(url, { ...headers, ...extra }, state);
      if (!again) throw brokenOff(shown, state.attempts, false);
      return again.raw;
    },
    beforeRetry: async (failures, reason, giveUp) => {
      const delay = retryDelay(client.policy, failures, undefined);
      if (delay === undefined) throw giveUp();
      options.onRetry?.({ url: shown, attempt: failures, reason, delay });
      await pause(delay, options.signal);
    },
  });
  const gzip = options.compressed === true && /^x?-?gzip$/i.test(raw.headers["content-encoding"] ?? "");
  return makeResponse(head, {
    chunks: gzip ? gunzip(chunks, shown) : chunks,
    discard: () => void raw.body.destroy(),
  });
}

/** Keeps the start of a small body. */
async function bufferedResponse(
  head: { status: number; headers: Record<string, string>; url: string },
  raw: RawResponse,
): Promise<HttpResponse> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of raw.body as AsyncIterable<Uint8Array>) {
      parts.push(chunk);
      size += chunk.byteLength;
      if (size > SMALL_BODY) break;
    }
  } catch {
    // The status is the answer; its text is a courtesy.
  }
  const body = Buffer.concat(parts).subarray(0, SMALL_BODY);
  return makeResponse(head, {
    chunks: (async function* () {
      yield body;
    })(),
    discard: () => {},
  });
}

interface Opened {
  raw: RawResponse;
  url: string;
}

/** An answer that is worth giving to the caller, or undefined when the tries are used up. */
async function openWithRetries(
  url: string,
  headers: Record<string, string>,
  state: FetchState,
): Promise<Opened | undefined> {
  const { client, options } = state;
  for (let attempt = 1; ; attempt += 1) {
    if (options.signal?.aborted) throw abortError(options.signal);
    let outcome: string;
    let retryAfter: number | undefined;
    let retryable = true;
    try {
      const opened = await followRedirects(url, headers, state);
      if (!isRetryable(opened.raw.status)) return opened;
      opened.raw.body.resume();
      state.sawStatus = true;
      outcome = `HTTP ${opened.raw.status}`;
      retryAfter = parseRetryAfter(opened.raw.headers["retry-after"], Date.now());
    } catch (error) {
      if (options.signal?.aborted) throw abortError(options.signal);
      if (error instanceof ToolError) throw error;
      const failure = describeFailure(error);
      outcome = failure.reason;
      retryable = failure.retryable;
      state.hint ??= failure.hint;
    }
    const shown = redactUrl(url);
    state.attempts.push({ url: shown, outcome });
    const delay = retryable ? retryDelay(client.policy, attempt, retryAfter) : undefined;
    if (delay === undefined) return undefined;
    options.onRetry?.({ url: shown, attempt, reason: outcome, delay });
    await pause(delay, options.signal);
  }
}

async function followRedirects(
  start: string,
  headers: Record<string, string>,
  state: FetchState,
): Promise<Opened> {
  const { client, options } = state;
  const method = options.method ?? "GET";
  const settings = /^s3:/i.test(start) ? (client.options.s3 ?? {}) : undefined;
  let url = settings ? s3Address(start, settings) : start;
  let sent = headers;
  for (let hop = 0; ; hop += 1) {
    const request = authorize(url, sent, client.options);
    // The signature is for this host and path alone: a redirect goes on without it.
    if (settings && hop === 0) request.headers = signS3({ method, ...request }, settings, new Date());
    const raw = await client.transport.send(request.url, {
      method,
      headers: request.headers,
      signal: options.signal,
    });
    const { location } = raw.headers;
    if (![301, 302, 303, 307, 308].includes(raw.status) || location === undefined) return { raw, url };
    raw.body.resume();
    const next = redirectTarget(url, location);
    if (hop >= MAX_REDIRECTS)
      throw new ToolError("http-error", `\`${redactUrl(start)}\` redirects more than ${MAX_REDIRECTS} times`);
    if (next.origin !== new URL(url).origin) {
      // Secrets stay with the host they were meant for.
      const { authorization: _a, cookie: _c, ...rest } = sent;
      sent = rest;
    }
    url = next.href;
  }
}

function redirectTarget(from: string, location: string): URL {
  const base = new URL(from);
  let next: URL;
  try {
    next = new URL(location, base);
  } catch {
    throw new ToolError("http-error", `\`${redactUrl(from)}\` redirects to something that is no URL`);
  }
  const allowed = next.protocol === "https:" || (next.protocol === "http:" && base.protocol === "http:");
  if (!allowed) {
    throw new ToolError(
      "http-error",
      `\`${redactUrl(from)}\` redirects to \`${redactUrl(next.href)}\`, which is refused`,
      {
        hint: "a redirect may not leave https or lead to a local file",
      },
    );
  }
  return next;
}

/** Puts the secrets of this very URL's host into the request: tokens and queries into the URL, the rest into `authorization`. */
function authorize(
  url: string,
  headers: Record<string, string>,
  options: HttpOptions,
): { url: URL; headers: Record<string, string> } {
  const { url: clean, auth: own } = splitCredentials(url);
  const stored =
    own?.user === undefined && own?.token === undefined ? options.credentials?.(clean) : undefined;
  const auth = stored ?? own;
  const query = own?.query ?? stored?.query;
  const inUrl: UrlAuth = {
    ...pick(stored, "token"),
    ...pick(stored, "tokenAfter"),
    ...(query === undefined ? {} : { query }),
  };
  const target = new URL(stored ? withCredentials(clean, inUrl) : url);
  target.username = "";
  target.password = "";
  const authorization = headers.authorization ?? authorizationOf(auth);
  return { url: target, headers: authorization === undefined ? headers : { ...headers, authorization } };
}

function pick<K extends keyof UrlAuth>(auth: UrlAuth | undefined, key: K): UrlAuth {
  return auth?.[key] === undefined ? {} : { [key]: auth[key] };
}

function authorizationOf(auth: UrlAuth | undefined): string | undefined {
  if (auth?.bearer !== undefined) return `Bearer ${auth.bearer}`;
  if (auth?.user === undefined) return undefined;
  return `Basic ${Buffer.from(`${decode(auth.user)}:${decode(auth.password ?? "")}`).toString("base64")}`;
}

/** Percent-decoding that takes a stray `%` for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
