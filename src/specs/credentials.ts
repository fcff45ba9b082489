/**
 * Secrets in channel and package URLs: `user:password@`, anaconda.org tokens (`/t/<token>/`) and query strings
 * (pre-signed URLs). Everything that is shown, logged or written to disk goes through `redactUrl` or `splitCredentials`.
 */

/** What a URL or the authentication store holds for a host; values are as they are written in a URL (percent-encoded). */
export interface UrlAuth {
  /** anaconda.org-style token: goes into the path as `/t/<token>`. */
  token?: string;
  /** Path before `/t/<token>` for a token that was not at the start of the path: `/conda`. */
  tokenAfter?: string;
  user?: string;
  password?: string;
  /** Sent as `Authorization: Bearer`. */
  bearer?: string;
  /** Query string without `?`. */
  query?: string;
}

export interface SplitUrl {
  /** The URL without anything secret. */
  url: string;
  auth?: UrlAuth;
}

export const MASK = "*****";

const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
/** Paths of this machine: `/t/` is a directory there, no token. */
const LOCAL_PATH = /^(?:file:|[/\\~]|\.{1,2}(?:[/\\]|$)|[a-z]:[/\\])/i;
const TOKEN = /([/\\]t[/\\])([^/\\?#]+)/;
const HASH_ANCHOR = /^(?:(?:md5|sha256)[:=])?[0-9a-f]{32,64}$/i;

interface UrlParts {
  /** `https://`, with whatever slashes were written; empty when there is no scheme. */
  scheme: string;
  userinfo: string | undefined;
  host: string;
  path: string;
  query: string | undefined;
  fragment: string | undefined;
}

/**
 * Splits by eye instead of by the URL standard: a malformed URL must lose its secrets too. What stands before the last
 * `@` of the authority is userinfo; a raw `/` inside a password is recognised because no port looks like one.
 */
function splitUrl(text: string): UrlParts {
  const scheme = text.match(/^[a-z][a-z0-9+.-]*:[/\\]*/i)?.[0] ?? "";
  let rest = text.slice(scheme.length);
  let fragment: string | undefined;
  let query: string | undefined;
  const at = authorityEnd(rest, scheme);
  const tail = rest.slice(at);
  const hash = tail.indexOf("#");
  if (hash >= 0) fragment = tail.slice(hash + 1);
  const beforeHash = hash < 0 ? tail : tail.slice(0, hash);
  const mark = beforeHash.indexOf("?");
  if (mark >= 0) query = beforeHash.slice(mark + 1);
  const path = mark < 0 ? beforeHash : beforeHash.slice(0, mark);
  rest = rest.slice(0, at);
  const sign = rest.lastIndexOf("@");
  return {
    scheme,
    userinfo: sign < 0 ? undefined : rest.slice(0, sign),
    host: rest.slice(sign + 1),
    path,
    query,
    fragment,
  };
}

/** Where the authority ends: at the first `/ \ ? #`, or further when that would cut a password in two. */
function authorityEnd(rest: string, scheme: string): number {
  if (scheme === "" || /^[a-z]:/i.test(scheme)) {
    // No scheme (or a Windows drive): a lone `user:password@host/...` still has an authority.
    const authority = /^[^/\\\s]*/.exec(rest)?.[0] ?? "";
    const colon = authority.indexOf(":");
    if (colon < 0 || !authority.includes("@", colon)) return 0;
  }
  const end = (from: number) => {
    const found = rest.slice(from).search(/[/\\?#]/);
    return found < 0 ? rest.length : from + found;
  };
  const first = end(0);
  const authority = rest.slice(0, first);
  const colon = authority.lastIndexOf(":");
  const looksLikeCutPassword =
    !authority.includes("@") &&
    colon >= 0 &&
    !/^\d*$/.test(authority.slice(colon + 1)) &&
    !authority.endsWith("]");
  if (!looksLikeCutPassword) return first;
  const sign = rest.indexOf("@", first);
  return sign < 0 ? first : end(rest.lastIndexOf("@") + 1);
}

/**
 * The text with every secret replaced by a mask; anything that is no URL comes back as it is (except a `/t/<token>`).
 * User, password, `/t/` tokens and the query are masked; hosts and paths stay. Idempotent.
 */
export function redactUrl(text: string): string {
  const parts = splitUrl(text);
  const user =
    parts.userinfo === undefined ? "" : parts.userinfo.includes(":") ? `${MASK}:${MASK}@` : `${MASK}@`;
  // The whole of it: `?<secret>`, `?sig=<secret>` and base64 with `=` in it cannot be told apart.
  const query = parts.query ? `?${MASK}` : parts.query === "" ? "?" : "";
  const fragment =
    parts.fragment === undefined
      ? ""
      : `#${HASH_ANCHOR.test(parts.fragment) ? parts.fragment : redactFragment(parts.fragment)}`;
  return `${parts.scheme}${user}${parts.host}${redactPath(parts.path, text)}${query}${fragment}`;
}

function redactPath(path: string, whole: string): string {
  if (LOCAL_PATH.test(whole)) return path;
  // All of them: `/t/a/t/b` hides two.
  return path.replace(new RegExp(TOKEN, "g"), (_, open: string) => `${open}${MASK}`);
}

function redactFragment(fragment: string): string {
  return fragment.includes("=") || fragment.includes("@") ? MASK : fragment;
}

/** Masks the secrets of every URL inside a longer text: messages of servers, tools and libraries. Linear in its length. */
export function redactText(text: string): string {
  return text.replace(/[a-z][a-z0-9+.-]{0,30}:[/\\]{1,2}[^\s"<>`]+/gi, (url) => redactUrl(url));
}

/** Takes the secrets out of a URL: what stays is fit to be shown and stored. */
export function splitCredentials(text: string): SplitUrl {
  const parts = splitUrl(text);
  const auth: UrlAuth = {};
  if (parts.userinfo !== undefined) {
    const colon = parts.userinfo.indexOf(":");
    auth.user = colon < 0 ? parts.userinfo : parts.userinfo.slice(0, colon);
    if (colon >= 0) auth.password = parts.userinfo.slice(colon + 1);
  }
  const path = takeToken(parts.path, text, auth);
  if (parts.query) auth.query = parts.query;
  const fragment =
    parts.fragment === undefined || !HASH_ANCHOR.test(parts.fragment) ? "" : `#${parts.fragment}`;
  const url = `${parts.scheme}${parts.host}${path}${fragment}`;
  return Object.keys(auth).length === 0 ? { url } : { url, auth };
}

function takeToken(path: string, whole: string, auth: UrlAuth): string {
  if (LOCAL_PATH.test(whole)) return path;
  return path.replace(new RegExp(TOKEN, "g"), (_, __, token: string, offset: number) => {
    // The first token is the one that is used; others are dropped all the same.
    if (auth.token === undefined) {
      auth.token = token;
      if (offset > 0) auth.tokenAfter = path.slice(0, offset);
    }
    return "";
  });
}

/** The URL to request: puts credentials back where they belong. A URL that already has some keeps its own. */
export function withCredentials(url: string, auth: UrlAuth | undefined): string {
  if (!auth || LOCAL_PATH.test(url) || !SCHEME.test(url)) return url;
  const own = splitCredentials(url);
  if (own.auth) return url;
  const parts = splitUrl(url);
  const user =
    auth.user === undefined ? "" : `${auth.user}${auth.password === undefined ? "" : `:${auth.password}`}@`;
  const query = auth.query ? `?${auth.query}` : "";
  const fragment = parts.fragment === undefined ? "" : `#${parts.fragment}`;
  return `${parts.scheme}${user}${parts.host}${putToken(parts.path, auth)}${query}${fragment}`;
}

function putToken(path: string, auth: UrlAuth): string {
  if (!auth.token) return path;
  const after = auth.tokenAfter ?? "";
  const fits = path === after || path.startsWith(`${after}/`);
  return fits ? `${after}/t/${auth.token}${path.slice(after.length)}` : `/t/${auth.token}${path}`;
}

/** One entry of mamba's authentication store (`authentication.json`), by host with an optional port and path. */
export type StoredAuth =
  | { type: "CondaToken"; token: string }
  | { type: "BasicHTTPAuthentication"; user: string; password: string }
  | { type: "BearerToken"; token: string };

/**
 * Looks a URL up in an authentication store: the longest key that is the host, or the host and the beginning of the path
 * (whole components), wins. Values of the store are plain text; the result is percent-encoded.
 */
export function findStoredAuth(
  url: string,
  store: Readonly<Record<string, StoredAuth>>,
): UrlAuth | undefined {
  const { host, path } = splitUrl(splitCredentials(url).url);
  const bare = host.replace(/:\d+$/, "");
  const components = path.split("/").filter((part) => part !== "");
  for (let length = components.length; length >= 0; length--) {
    const tail = components
      .slice(0, length)
      .map((part) => `/${part}`)
      .join("");
    for (const key of [host + tail, bare + tail]) {
      const found = Object.hasOwn(store, key)
        ? store[key]
        : Object.hasOwn(store, `${key}/`)
          ? store[`${key}/`]
          : undefined;
      if (found) return fromStored(found);
    }
  }
  return undefined;
}

function fromStored(entry: StoredAuth): UrlAuth {
  switch (entry.type) {
    case "CondaToken":
      return { token: encodeURIComponent(entry.token) };
    case "BearerToken":
      return { bearer: entry.token };
    case "BasicHTTPAuthentication":
      return { user: encodeURIComponent(entry.user), password: encodeURIComponent(entry.password) };
  }
}
