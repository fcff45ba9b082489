import { ToolError } from "../errors.ts";
import { redactUrl, splitCredentials, type UrlAuth, withCredentials } from "../specs/credentials.ts";
import { decodePercent } from "../util/percent.ts";
import { proxyFor } from "./proxy.ts";
import type { RawResponse } from "./raw.ts";
import { s3Address, signAws } from "./s3.ts";
import type { Transport } from "./transport.ts";
import type { FetchOptions, HttpOptions, LoginKind, S3Settings, SentRequest } from "./types.ts";

const MAX_REDIRECTS = 10;
/** One object: what is found for it is remembered. */
const NO_SETTINGS = {};

export interface SendContext {
  transport: Transport;
  options: HttpOptions;
}

export interface SendRequest {
  /** `authorization` goes to the first origin only, and keeps stored credentials out. */
  headers: Record<string, string>;
  signal?: AbortSignal | undefined;
  onSend?: FetchOptions["onSend"];
  /** What `authorization` was made of, for `onSend`; empty where the URL is not one of the user's and holds no login of theirs. */
  login?: UrlAuth | undefined;
}

export interface Opened {
  raw: RawResponse;
  /** Final URL; may hold secrets. */
  url: string;
}

/** One GET, with the secrets of each host on the way, following redirects. Failures are those of undici. */
export async function sendFollowing(
  start: string,
  request: SendRequest,
  { transport, options }: SendContext,
): Promise<Opened> {
  const method = "GET";
  const settings = /^s3:/i.test(start) ? await s3Settings({ transport, options }) : undefined;
  let url = settings ? s3Address(start, settings) : start;
  let sent = request.headers;
  for (let hop = 0; ; hop += 1) {
    const ready = await authorize(url, sent, options);
    // The signature is for this host and path alone: a redirect goes on without it.
    if (settings && hop === 0)
      ready.headers = signAws({ method, ...ready }, settings, { now: new Date(), service: "s3" });
    const signed = settings !== undefined && hop === 0 && ready.headers["x-amz-date"] !== undefined;
    request.onSend?.(describeSent(ready, signed ? "aws" : kindOfSent(ready, request, hop), options));
    const raw = await transport.send(ready.url, { method, headers: ready.headers, signal: request.signal });
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

function describeSent({ url }: Ready, login: LoginKind | undefined, options: HttpOptions): SentRequest {
  const proxy = proxyFor(url, options.proxies, options.noProxy);
  return { url: redactUrl(url.href), proxy: proxy === undefined ? undefined : redactUrl(proxy), login };
}

function kindOfSent({ headers, auth }: Ready, { login }: SendRequest, hop: number): LoginKind | undefined {
  // What a server put into the query of a redirect says nothing of the user.
  const { query, ...others } = auth ?? {};
  const found = kindOfLogin(hop === 0 && login === undefined ? { ...others, query } : others);
  return found ?? (headers.authorization === undefined ? undefined : kindOfLogin(login));
}

/** What kind of secret it is; a signed query is a token, too. */
export function kindOfLogin(auth: UrlAuth | undefined): Exclude<LoginKind, "aws"> | undefined {
  if (auth?.bearer !== undefined) return "bearer";
  if (auth?.user !== undefined) return "basic";
  return auth?.token !== undefined || auth?.query !== undefined ? "token" : undefined;
}

/** Where keys come from is loaded when a bucket is asked for. */
async function s3Settings({ options, transport }: SendContext): Promise<S3Settings> {
  const { completeS3 } = await import("./aws-keys.ts");
  return completeS3(options.s3 ?? NO_SETTINGS, transport);
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

interface Ready {
  url: URL;
  headers: Record<string, string>;
  /** The secrets of this host that are in them. */
  auth: UrlAuth | undefined;
}

/** Puts the secrets of this very URL's host into the request: tokens and queries into the URL, the rest into `authorization`. */
async function authorize(url: string, headers: Record<string, string>, options: HttpOptions): Promise<Ready> {
  const { url: clean, auth: own } = splitCredentials(url);
  const given = headers.authorization ?? own?.user ?? own?.token;
  const stored = given === undefined ? await options.credentials?.(clean) : undefined;
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
  return {
    url: target,
    headers: authorization === undefined ? headers : { ...headers, authorization },
    auth,
  };
}

function pick<K extends keyof UrlAuth>(auth: UrlAuth | undefined, key: K): UrlAuth {
  return auth?.[key] === undefined ? {} : { [key]: auth[key] };
}

/** The header that a bearer token, or a name and password, become. */
export function authorizationOf(auth: UrlAuth | undefined): string | undefined {
  if (auth?.bearer !== undefined) return `Bearer ${auth.bearer}`;
  if (auth?.user === undefined) return undefined;
  return `Basic ${Buffer.from(`${decodePercent(auth.user)}:${decodePercent(auth.password ?? "")}`).toString("base64")}`;
}
