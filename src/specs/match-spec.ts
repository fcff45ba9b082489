import { parseError, ToolError } from "../errors.ts";
import type { SpecCondition } from "./match-spec-condition.ts";
import { readKey, setChannel, setMatcher, setVersion } from "./match-spec-fields.ts";
import { splitSpec } from "./match-spec-keys.ts";
import { splitChannelPart, splitNameVersionBuild } from "./match-spec-positional.ts";
import { looksLikeArchive, parseArchiveName, splitHash } from "./package-url.ts";
import { adviseOnSpec } from "./spec-advice.ts";
import { parseStringMatcher, type StringMatcher } from "./string-matcher.ts";
import { isValidVersion, parseVersion } from "./version.ts";
import { parseVersionSpec, type VersionSpec } from "./version-spec.ts";

/** Record fields without a rule of their own that a spec may match by string. */
export type PlainField = "arch" | "platform" | "noarch" | "timestamp" | "size" | "python_site_packages_path";

/**
 * A query for package records (CEP 29, with the keys of CEP 43-45). An absent field matches everything.
 * Values are shared through a cache: treat them as read-only.
 */
export interface MatchSpec {
  /** Exact name, lower case; undefined when it is a glob, a regular expression or `*`. */
  name?: string;
  nameMatcher?: StringMatcher;
  version?: VersionSpec;
  build?: StringMatcher;
  buildNumber?: VersionSpec;
  /** As written, without subdir: a name, URL or path. `*` is left out. */
  channel?: string;
  /** Where the configuration makes `channel` stand for several: their names and URLs. Not part of the text. */
  channelMembers?: readonly string[];
  subdir?: string;
  subdirMatchers?: readonly StringMatcher[];
  /** Parsed and ignored, as CEP 29 demands. */
  namespace?: string;
  /** URL or path of an archive, without hash. */
  url?: string;
  /** The spec is the URL or path of one archive, not a query. */
  archive?: true;
  fn?: string;
  md5?: string;
  sha256?: string;
  license?: StringMatcher;
  licenseFamily?: StringMatcher;
  features?: StringMatcher;
  /** All of them must be tracked by the record. */
  trackFeatures?: readonly string[];
  optional?: boolean;
  /** Historical companion of `optional`: matched by nothing, kept for printing. */
  target?: string;
  /** CEP 43: the spec counts only when this holds in the solution. */
  when?: SpecCondition;
  /** CEP 44: groups of `extra_depends` to add, sorted. */
  extras?: readonly string[];
  /** CEP 45: every one must match a flag of the record; sorted by source. */
  flags?: readonly StringMatcher[];
  plain?: Readonly<Partial<Record<PlainField, StringMatcher>>>;
  /** As parsed. */
  source: string;
}

export interface MatchSpecOptions {
  /** Split archive paths at backslashes too: for targets on Windows. */
  windowsPaths?: boolean;
  /**
   * Read pip's `dask[complete]>=1` as `dask>=1`, as conda and libmamba do with environment files that mix the two up.
   * Otherwise it is an error: the extra would silently be missing.
   */
  ignorePipExtras?: boolean;
}

export { formatExportSpec, formatMatchSpec } from "./match-spec-format.ts";
export { matchSpecMatches } from "./match-spec-matches.ts";

const MAX_LENGTH = 8192;
/** Dependency strings by text; conda-forge linux-64 with noarch has about 300,000 distinct ones. Emptied when full. */
const CACHE_LIMIT = 400_000;
const cache = new Map<string, MatchSpec | undefined>();

/** Parses what a user typed. Throws `parse-error` with the position. */
export function parseMatchSpec(text: string, options: MatchSpecOptions = {}): MatchSpec {
  const plain = options.ignorePipExtras ? withoutPipExtras(text) : undefined;
  if (plain !== undefined) return { ...parseMatchSpec(plain), source: text };
  try {
    return parseFast(text) ?? parseFull(text, options);
  } catch (error) {
    throw error instanceof ToolError ? aboutWholeSpec(error, text) : error;
  }
}

/** A complaint about the version alone, as one about the spec that its writer sees; with what they may have meant. */
function aboutWholeSpec(error: ToolError, text: string): ToolError {
  const { what, source, position, reason } = error.details ?? {};
  if (typeof source !== "string" || typeof position !== "number" || typeof reason !== "string") return error;
  const parses = (other: string): boolean => {
    try {
      return parseFull(other, {}).name !== undefined;
    } catch {
      return false;
    }
  };
  const hint = adviseOnSpec(text, parses) ?? error.hint;
  if (what === "match spec" && hint === error.hint) return error;
  const offset = what === "match spec" ? 0 : Math.max(text.lastIndexOf(source), 0);
  return parseError("match spec", text, offset + position, reason, hint);
}

/** `dask >=1` for pip's `dask[complete]>=1`; undefined for text without such extras. */
export function withoutPipExtras(text: string): string | undefined {
  const [, name, rest] = PIP_EXTRAS.exec(text) ?? [];
  return name === undefined ? undefined : `${name} ${rest}`.trim();
}

const PIP_EXTRAS = /^\s*([A-Za-z0-9._-]+)\[\s*[A-Za-z0-9._-]+(?:\s*,\s*[A-Za-z0-9._-]+)*\s*\](?!:)(.*)$/s;

/** Parses a dependency string of a record, which may be anything: undefined when it is not a MatchSpec. Cached. */
export function tryParseMatchSpec(text: string): MatchSpec | undefined {
  const known = cache.get(text);
  if (known !== undefined || cache.has(text)) return known;
  let spec: MatchSpec | undefined;
  try {
    spec = parseMatchSpec(text);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
  }
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(text, spec);
  return spec;
}

/** The package name that a spec asks for; undefined for globs, `*` and text that is no spec. */
export function extractName(text: string): string | undefined {
  return tryParseMatchSpec(text)?.name;
}

/** A spec for one record: name, version and build are exact. */
export function exactMatchSpec(record: { name: string; version: string; build: string }): MatchSpec {
  return parseMatchSpec(`${record.name}[version='==${record.version}',build='${record.build}']`);
}

/*
 * 97 % of real dependency strings are `name`, `name version` or `name version build` with single spaces and no `=` separator.
 * A version that ends in an operator (`>= 1.0`) or holds a `=build` goes the long way.
 */
const FAST = /^([a-z0-9_][a-z0-9._-]*)(?: +([<>=!~|,0-9A-Za-z.*+_-]+)(?: +([A-Za-z0-9_.*+]+))?)? *$/;
const NOT_FAST = /[0-9A-Za-z.*+_-]=|[<>=!~|,]$/;

function parseFast(source: string): MatchSpec | undefined {
  const found = FAST.exec(source);
  if (!found) return undefined;
  const name = found[1] as string;
  const versionText = found[2];
  if (versionText === undefined) return looksLikeArchive(source) ? undefined : { source, name };
  const build = found[3];
  if (NOT_FAST.test(versionText) || looksLikeArchive(source)) return undefined;
  const version = versionText === "*" ? undefined : parseVersionSpec(versionText);
  if (build === undefined || build === "*")
    return version === undefined ? { source, name } : { source, name, version };
  const matcher = parseStringMatcher(build);
  return version === undefined ? { source, name, build: matcher } : { source, name, version, build: matcher };
}

function parseFull(source: string, options: MatchSpecOptions): MatchSpec {
  if (source.length > MAX_LENGTH)
    throw parseError("match spec", source, MAX_LENGTH, `longer than ${MAX_LENGTH} characters`);
  const trimmed = source.trim();
  // An empty spec is the query for everything.
  if (trimmed === "") return { source };
  if (looksLikeArchive(trimmed) && !/[[\]]/.test(trimmed)) return parseArchiveSpec(source, trimmed, options);

  const { positional, keys } = splitSpec(source);
  const spec: MatchSpec = { source };
  const rest = readChannelPart(spec, positional);
  const { name, version, build, exact } = splitNameVersionBuild(rest, source);
  readName(spec, name, source);
  if (version !== undefined) setVersion(spec, exact && isValidVersion(version) ? `==${version}` : version);
  if (build !== undefined) setMatcher(spec, "build", build);
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key.key))
      throw parseError("match spec", source, key.position, `\`${key.key}\` is given twice`);
    seen.add(key.key);
    readKey(spec, key, parseMatchSpec);
  }
  return spec;
}

function readChannelPart(spec: MatchSpec, positional: string): string {
  const { channel, namespace, rest } = splitChannelPart(positional);
  if (namespace !== undefined) spec.namespace = namespace;
  if (channel !== undefined) setChannel(spec, channel);
  return rest;
}

function readName(spec: MatchSpec, name: string, source: string): void {
  if (name === "*") return;
  if (name.startsWith("^") && name.endsWith("$")) {
    spec.nameMatcher = parseStringMatcher(name);
    return;
  }
  const bad = name.search(/[^0-9A-Za-z._*-]/);
  if (bad >= 0)
    throw parseError(
      "match spec",
      source,
      Math.max(source.indexOf(name), 0) + bad,
      `\`${name[bad]}\` is not allowed in a package name`,
    );
  if (name.includes("*")) spec.nameMatcher = parseStringMatcher(name);
  else spec.name = name.toLowerCase();
}

function parseArchiveSpec(source: string, text: string, options: MatchSpecOptions): MatchSpec {
  const { location, ...hashes } = splitHash(text);
  const fn = location.slice(
    Math.max(location.lastIndexOf("/"), options.windowsPaths ? location.lastIndexOf("\\") : -1) + 1,
  );
  const parts = parseArchiveName(decodeFileName(fn));
  const hint = "archives are called name-version-build.conda or name-version-build.tar.bz2";
  if (!parts || !isValidVersion(parts.version))
    throw parseError("match spec", source, 0, `\`${fn}\` is not the name of a package archive`, hint);
  const version: VersionSpec = { kind: "equal", version: parseVersion(parts.version) };
  return {
    source,
    name: parts.name.toLowerCase(),
    version,
    build: parseStringMatcher(parts.build),
    url: location,
    archive: true,
    fn,
    ...hashes,
  };
}

function decodeFileName(fn: string): string {
  return fn.replaceAll("%21", "!").replaceAll("%2B", "+").replaceAll("%2b", "+");
}
