import { interruption, ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { redactUrl } from "../specs/credentials.ts";
import { brokenOff, gunzip, gunzipIfSo, resumingBody, verified } from "./body.ts";
import { type Attempt, describeFailure, failedFetch } from "./failures.ts";
import { fetchFile } from "./file.ts";
import { createMirrors } from "./mirrors.ts";
import { type OciOpened, OciRegistries } from "./oci.ts";
import type { RawResponse } from "./raw.ts";
import { makeResponse } from "./response.ts";
import { isRetryable, parseRetryAfter, pause, type RetryPolicy, retryDelay } from "./retry.ts";
import { sendFollowing } from "./send.ts";
import { createTransport, type Transport } from "./transport.ts";
import type { FetchOptions, HttpClient, HttpOptions, HttpResponse } from "./types.ts";

export type { FetchOptions, HttpClient, HttpOptions, HttpResponse, RetryInfo } from "./types.ts";

/** Bodies of statuses that are not 2xx are read at once up to this size, so that nobody has to free the connection. */
const SMALL_BODY = 64 * 1024;

interface Client {
  options: HttpOptions;
  policy: RetryPolicy;
  transport: Transport;
  oci: OciRegistries;
}

/** The client that lives for one command. Nothing is loaded or opened before the first fetch. */
export function createHttpClient(options: HttpOptions, context: { events: EventSink }): HttpClient {
  const policy = {
    retries: options.retries ?? 3,
    backoffFactor: options.backoffFactor ?? 3,
    retryDelay: options.retryDelay ?? 500,
  };
  const transport = createTransport(options, context.events);
  const client: Client = { options, policy, transport, oci: new OciRegistries({ transport, options }) };
  const mirrors = createMirrors(options.mirrors ?? {});
  return {
    offline: options.offline === true,
    mirrorsOf: mirrors.candidates,
    reportBad: mirrors.fail,
    fetch: async (url, fetchOptions = {}) => {
      const candidates = fetchOptions.noMirrors ? [url] : mirrors.candidates(url);
      return fetchAny(client, candidates, fetchOptions, mirrors.fail);
    },
    close: () => transport.close(),
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
    if (options.signal?.aborted) throw interruption(options.signal);
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
  if (!URL.canParse(url) || !/^(https?|s3|oci):/i.test(url)) {
    throw new ToolError("channel-invalid", `\`${redactUrl(url)}\` is no URL that can be fetched`, {
      hint: "http, https, file, s3 and oci URLs can",
    });
  }
  const headers: Record<string, string> = {
    "user-agent": client.options.userAgent ?? "taipan",
    "accept-encoding": options.compressed ? "gzip" : "identity",
    accept: "*/*",
    ...options.headers,
    ...(options.offset ? { range: `bytes=${options.offset}-` } : {}),
  };
  const opened = await openWithRetries(url, headers, state);
  if (!opened) return undefined;
  const { raw, digest } = opened;
  const shown = redactUrl(opened.url);
  const head = { status: raw.status, headers: raw.headers, url: shown };
  if (raw.status < 200 || raw.status > 299) return bufferedResponse(head, raw);
  const chunks = bodyOf({ url, shown, headers, raw }, state);
  const gzip = /^(x-)?gzip$/i.test(raw.headers["content-encoding"] ?? "");
  const decoded = gzip ? (options.compressed ? gunzip : gunzipIfSo)(chunks, shown) : chunks;
  // Whoever has the first bytes already has to compare the whole.
  const whole = digest !== undefined && !options.offset;
  return makeResponse(head, {
    chunks: whole ? verified(decoded, digest, shown) : decoded,
    discard: () => void raw.body.destroy(),
  });
}

interface Answered {
  url: string;
  /** Final URL without secrets. */
  shown: string;
  /** Of the request. */
  headers: Record<string, string>;
  raw: RawResponse;
}

/** The body of an answer, asked for again where its connection breaks. */
function bodyOf({ url, shown, headers, raw }: Answered, state: FetchState): AsyncIterable<Uint8Array> {
  const { client, options } = state;
  return resumingBody({
    url: shown,
    first: raw,
    attempts: state.attempts,
    offset: options.offset ?? 0,
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
}

/** Keeps the start of a small body. */
async function bufferedResponse(
  head: { status: number; headers: Record<string, string>; url: string },
  raw: RawResponse,
): Promise<HttpResponse> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of raw.body) {
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

/** An answer that is worth giving to the caller, or undefined when the tries are used up. */
async function openWithRetries(
  url: string,
  headers: Record<string, string>,
  state: FetchState,
): Promise<OciOpened | undefined> {
  const { client, options } = state;
  for (let attempt = 1; ; attempt += 1) {
    if (options.signal?.aborted) throw interruption(options.signal);
    let outcome: string;
    let retryAfter: number | undefined;
    let retryable = true;
    try {
      const request = { headers, signal: options.signal, onSend: options.onSend };
      const opened = /^oci:/i.test(url)
        ? await client.oci.open(url, request)
        : await sendFollowing(url, request, client);
      if (!isRetryable(opened.raw.status)) return opened;
      opened.raw.body.resume();
      state.sawStatus = true;
      outcome = `HTTP ${opened.raw.status}`;
      retryAfter = parseRetryAfter(opened.raw.headers["retry-after"], Date.now());
    } catch (error) {
      if (options.signal?.aborted) throw interruption(options.signal);
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
