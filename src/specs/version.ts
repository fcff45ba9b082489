import { parseError, ToolError } from "../errors.ts";
import { encodeNumbers, encodeVersion } from "./version-key.ts";

/** One run of a version segment: an integer, a lower-case string, or `Infinity` for `post`. `"dev"` sorts before every string. */
export type VersionComponent = number | string;
export type VersionSegment = readonly VersionComponent[];

/**
 * A parsed version literal (CEP 33). Values are interned: the same text gives the same object while it stays in the cache,
 * so identity is a fast path, never a proof of difference. `key` is: two versions are equal exactly when their keys are,
 * and ordered as their keys are.
 */
export interface Version {
  /** As written; never re-rendered. */
  readonly text: string;
  readonly epoch: number;
  readonly segments: readonly VersionSegment[];
  readonly local: readonly VersionSegment[];
  /** Order-preserving encoding, compared with `<` on strings. */
  readonly key: string;
}

/** Longer literals are refused: CEP 26 allows 64 characters, real ones stay below that. */
const MAX_LENGTH = 256;

/** Interned versions; conda-forge has about 110,000 distinct ones in all its history. Emptied when full, so memory is bounded. */
const CACHE_LIMIT = 150_000;
const cache = new Map<string, Version>();

/** Parses a version literal; throws `parse-error` with the position. */
export function parseVersion(text: string): Version {
  const known = cache.get(text);
  if (known) return known;
  const version = parsePlain(text) ?? parseUncached(text);
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(text, version);
  return version;
}

export function isValidVersion(text: string): boolean {
  if (cache.has(text)) return true;
  try {
    parseVersion(text);
    return true;
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}

/** Negative, zero or positive, as for `Array.prototype.sort`. */
export function compareVersions(a: Version | string, b: Version | string): number {
  const left = (typeof a === "string" ? parseVersion(a) : a).key;
  const right = (typeof b === "string" ? parseVersion(b) : b).key;
  return left < right ? -1 : left === right ? 0 : 1;
}

/**
 * Whether `version` begins with `prefix`: all but the last component of the prefix are equal, the last is equal (integer) or a
 * string prefix. A prefix with a local part needs the main parts to be equal. Missing components count as 0.
 */
export function versionStartsWith(version: Version | string, prefix: Version | string): boolean {
  const v = typeof version === "string" ? parseVersion(version) : version;
  const p = typeof prefix === "string" ? parseVersion(prefix) : prefix;
  if (v === p) return true;
  if (v.epoch !== p.epoch) return false;
  if (p.local.length === 0) return segmentsStartWith(v.segments, p.segments);
  return mainKey(v) === mainKey(p) && segmentsStartWith(v.local, p.local);
}

/** Whether `newer >= older` and their first `level` segments (after the epoch) are equal: what `~=` needs. */
export function versionCompatibleWith(
  newer: Version | string,
  older: Version | string,
  level: number,
): boolean {
  const n = typeof newer === "string" ? parseVersion(newer) : newer;
  const o = typeof older === "string" ? parseVersion(older) : older;
  if (n.key < o.key || n.epoch !== o.epoch) return false;
  for (let i = 0; i < level; i++) if (!sameSegment(n.segments[i], o.segments[i])) return false;
  return true;
}

/** Major and minor number, when both are plain integers. */
export function majorMinor(version: Version | string): [number, number] | undefined {
  const { segments } = typeof version === "string" ? parseVersion(version) : version;
  const [major, minor] = segments;
  if (major?.length !== 1 || minor?.length !== 1) return undefined;
  const [a] = major;
  const [b] = minor;
  return typeof a === "number" && typeof b === "number" && Number.isFinite(a) && Number.isFinite(b)
    ? [a, b]
    : undefined;
}

/** Exactly `level` segments of the version, filled with 0 (the local part is cut to the same length). */
export function truncateVersion(version: Version | string, level: number): string {
  const { epoch, segments, local } = typeof version === "string" ? parseVersion(version) : version;
  const main = Array.from({ length: level }, (_, i) => segments[i] ?? [0]);
  return formatVersionParts(epoch, main, local.slice(0, level));
}

/** Renders parsed parts with `.` between segments; the zero that parsing inserts before a leading letter is left out. */
export function formatVersionParts(
  epoch: number,
  segments: readonly VersionSegment[],
  local: readonly VersionSegment[],
): string {
  const head = epoch === 0 ? "" : `${epoch}!`;
  const tail = local.length === 0 ? "" : `+${formatSegments(local)}`;
  return `${head}${formatSegments(segments)}${tail}`;
}

function formatSegments(segments: readonly VersionSegment[]): string {
  return segments
    .map((segment) => {
      const shown =
        segment.length > 1 && segment[0] === 0 && typeof segment[1] !== "number" ? segment.slice(1) : segment;
      return shown.map((part) => (part === Number.POSITIVE_INFINITY ? "post" : String(part))).join("");
    })
    .join(".");
}

/** `1.26.4` and the like, most of all versions; undefined for others. */
function parsePlain(text: string): Version | undefined {
  if (text.length > 60) return undefined;
  const numbers: number[] = [];
  let value = 0;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? DOT : text.charCodeAt(i);
    if (code >= 48 && code <= 57 && digits < 15) {
      value = value * 10 + code - 48;
      digits++;
    } else if (code === DOT && digits > 0) {
      numbers.push(value);
      value = 0;
      digits = 0;
    } else return undefined;
  }
  return {
    text,
    epoch: 0,
    segments: numbers.map(numberSegment),
    local: NO_SEGMENTS,
    key: encodeNumbers(numbers),
  };
}

/** Segments of one small number are shared: a profile of parsing showed garbage collection on top. */
function numberSegment(number: number): VersionSegment {
  if (number >= SHARED_SEGMENTS.length) return [number];
  return SHARED_SEGMENTS[number] as VersionSegment;
}

const SHARED_SEGMENTS: readonly VersionSegment[] = Array.from({ length: 256 }, (_, number) => [number]);
const NO_SEGMENTS: readonly VersionSegment[] = [];

function parseUncached(text: string): Version {
  const fail = (position: number, reason: string): ToolError => parseError("version", text, position, reason);
  if (text.length > MAX_LENGTH) throw fail(MAX_LENGTH, `longer than ${MAX_LENGTH} characters`);
  if (text.length === 0) throw fail(0, "it is empty");
  const lower = text.toLowerCase();
  const bad = /[^0-9a-z._\-!+*]/.exec(lower);
  if (bad) throw fail(bad.index, `\`${text[bad.index]}\` is not allowed in a version`);
  // A dash is an old spelling of the underscore; both together have no agreed meaning.
  const dash = lower.indexOf("-");
  if (dash >= 0 && lower.includes("_")) throw fail(dash, "`-` and `_` cannot be mixed");
  const body = dash < 0 ? lower : lower.replaceAll("-", "_");

  const bang = body.indexOf("!");
  if (bang >= 0 && !/^[0-9]+$/.test(body.slice(0, bang)))
    throw fail(0, "the epoch before `!` is not a number");
  const second = body.indexOf("!", bang + 1);
  if (bang >= 0 && second >= 0) throw fail(second, "it has a second epoch");
  const start = bang + 1;
  const plus = body.indexOf("+", start);
  const secondPlus = plus < 0 ? -1 : body.indexOf("+", plus + 1);
  if (secondPlus >= 0) throw fail(secondPlus, "it has a second local part");

  const epoch = bang < 0 ? 0 : toInteger(body.slice(0, bang), 0, fail);
  const segments = parseSegments(body, start, plus < 0 ? body.length : plus, fail);
  const local = plus < 0 ? [] : parseSegments(body, plus + 1, body.length, fail);
  return { text, epoch, segments, local, key: encodeVersion(epoch, segments, local) };
}

type Fail = (position: number, reason: string) => ToolError;

/** Splits `text[start, end)` at `.` and `_`; one trailing underscore belongs to the last run (openssl's `1.0.1_`). */
function parseSegments(text: string, start: number, end: number, fail: Fail): VersionSegment[] {
  const trailing = end > start && text.charCodeAt(end - 1) === UNDERSCORE;
  const stop = trailing ? end - 1 : end;
  const segments: VersionSegment[] = [];
  let from = start;
  for (let i = start; i <= stop; i++) {
    const code = i === stop ? DOT : text.charCodeAt(i);
    if (code !== DOT && code !== UNDERSCORE) continue;
    const underscore = trailing && i === stop;
    if (i === from && !underscore) throw fail(Math.min(i, text.length - 1), "it has an empty segment");
    segments.push(parseSegment(text, from, i, underscore, fail));
    from = i + 1;
  }
  return segments;
}

const DOT = 46;
const UNDERSCORE = 95;

function parseSegment(
  text: string,
  start: number,
  end: number,
  underscore: boolean,
  fail: Fail,
): VersionSegment {
  const parts: VersionComponent[] = [];
  let i = start;
  while (i < end) {
    const kind = runKind(text.charCodeAt(i));
    let j = i + 1;
    while (j < end && runKind(text.charCodeAt(j)) === kind) j++;
    const run = text.slice(i, j);
    if (kind === 0) parts.push(toInteger(run, i, fail));
    else {
      if (parts.length === 0) parts.push(0);
      parts.push(run === "post" ? Number.POSITIVE_INFINITY : run);
    }
    i = j;
  }
  if (underscore) {
    const last = parts[parts.length - 1];
    if (typeof last === "string") parts[parts.length - 1] = `${last}_`;
    else if (last === Number.POSITIVE_INFINITY) parts[parts.length - 1] = "post_";
    else if (last === undefined) parts.push(0, "_");
    else parts.push("_");
  }
  return parts;
}

/** Digits, stars and everything else are separate runs. Stars in versions are old, but conda and libmamba order them. */
function runKind(code: number): 0 | 1 | 2 {
  return code >= 48 && code <= 57 ? 0 : code === 42 ? 1 : 2;
}

/** CEP 33 ends at 2^31-1, real time stamps do not; beyond 2^53 two different literals would compare as equal. */
function toInteger(digits: string, position: number, fail: Fail): number {
  const value = Number(digits);
  if (value > Number.MAX_SAFE_INTEGER) throw fail(position, "the number is too large");
  return value;
}

function mainKey(version: Version): string {
  return version.local.length === 0 ? version.key : encodeVersion(version.epoch, version.segments, []);
}

function segmentsStartWith(segments: readonly VersionSegment[], prefix: readonly VersionSegment[]): boolean {
  const last = prefix.length - 1;
  for (let i = 0; i < last; i++) if (!sameSegment(segments[i], prefix[i])) return false;
  const segment = segments[last] ?? ZERO;
  const wanted = prefix[last] as VersionSegment;
  const end = wanted.length - 1;
  for (let i = 0; i < end; i++) if ((segment[i] ?? 0) !== wanted[i]) return false;
  const component = segment[end] ?? 0;
  const prefixEnd = wanted[end] as VersionComponent;
  if (typeof prefixEnd !== "string") return component === prefixEnd;
  if (typeof component !== "string") return false;
  return component === prefixEnd || (component !== "dev" && component.startsWith(prefixEnd));
}

const ZERO: VersionSegment = [0];

function sameSegment(a: VersionSegment = ZERO, b: VersionSegment = ZERO): boolean {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return false;
  return true;
}
