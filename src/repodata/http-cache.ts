import type { Validators } from "../workers/protocol.ts";

/** The headers of a response that matter for using it again. `now` is milliseconds since the epoch. */
export function validatorsOf(headers: Readonly<Record<string, string>>, now: number): Validators {
  return {
    etag: headers["etag"],
    lastModified: headers["last-modified"],
    cacheControl: headers["cache-control"],
    expires: headers["expires"],
    date: headers["date"],
    age: headers["age"],
    checkedAt: now,
  };
}

/** What a 304 says replaces what was stored (RFC 9111 section 3.2); the validators of the stored response stay. */
export function confirmed(
  stored: Validators,
  headers: Readonly<Record<string, string>>,
  now: number,
): Validators {
  const said = validatorsOf(headers, now);
  return {
    etag: said.etag ?? stored.etag,
    lastModified: said.lastModified ?? stored.lastModified,
    cacheControl: said.cacheControl ?? stored.cacheControl,
    expires: said.expires ?? stored.expires,
    date: said.date ?? stored.date,
    age: said.age,
    checkedAt: now,
  };
}

/** Headers that make a request conditional on what is stored. */
export function conditionalHeaders(stored: Validators | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  if (stored?.etag) headers["if-none-match"] = stored.etag;
  if (stored?.lastModified) headers["if-modified-since"] = stored.lastModified;
  return headers;
}

/** Directives of a Cache-Control header, names in lower case, values without quotes. */
export function cacheDirectives(text: string | undefined): Map<string, string> {
  const directives = new Map<string, string>();
  for (const [, name, value] of (text ?? "").matchAll(/([a-zA-Z-]+)(?:=("[^"]*"|[^\s,;]*))?/g))
    directives.set(name!.toLowerCase(), (value ?? "").replace(/^"|"$/g, ""));
  return directives;
}

/** Whether the response must not be kept for another run. */
export function mustNotStore(cacheControl: string | undefined): boolean {
  return cacheDirectives(cacheControl).has("no-store");
}

/** Milliseconds that a response stays fresh after it was made (RFC 9111 section 4.2.1; a private cache, no heuristics). */
function freshnessLifetime(stored: Validators): number {
  const directives = cacheDirectives(stored.cacheControl);
  if (directives.has("no-cache") || directives.has("no-store")) return 0;
  const maxAge = directives.get("max-age");
  if (maxAge !== undefined) return /^[0-9]+$/.test(maxAge) ? Number(maxAge) * 1000 : 0;
  if (stored.expires === undefined) return 0;
  const expires = Date.parse(stored.expires);
  const date = stored.date === undefined ? stored.checkedAt : Date.parse(stored.date);
  return Number.isFinite(expires) && Number.isFinite(date) ? Math.max(0, expires - date) : 0;
}

/** Milliseconds that the response had spent in other caches when it was received. */
function initialAge(stored: Validators): number {
  return stored.age !== undefined && /^[0-9]+$/.test(stored.age) ? Number(stored.age) * 1000 : 0;
}

/**
 * Whether what is stored may be used without asking the server. `ttl` is conda's `local_repodata_ttl`: 0 asks always,
 * 1 follows the response's own headers, a larger number is seconds. A clock that went backwards makes nothing fresh.
 */
export function isFresh(stored: Validators, ttl: number, now: number): boolean {
  const elapsed = now - stored.checkedAt;
  if (ttl <= 0 || elapsed < 0) return false;
  if (ttl > 1) return elapsed < ttl * 1000;
  return elapsed + initialAge(stored) < freshnessLifetime(stored);
}
