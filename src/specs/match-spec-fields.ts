import { parseError } from "../errors.ts";
import type { MatchSpec, PlainField } from "./match-spec.ts";
import { parseCondition } from "./match-spec-condition.ts";
import type { SpecKey } from "./match-spec-keys.ts";
import { splitChannelSubdir } from "./match-spec-positional.ts";
import { looksLikeArchive, splitHash } from "./package-url.ts";
import { matchesAnything, parseStringMatcher } from "./string-matcher.ts";
import { parseVersionSpec } from "./version-spec.ts";

/** What a key needs beside its value: an error that names its place, and the parser for specs inside `when`. */
export interface KeyContext {
  fail(reason: string, hint?: string): Error;
  parseSpec(text: string): MatchSpec;
}

const PLAIN_FIELDS: readonly PlainField[] = [
  "arch",
  "platform",
  "noarch",
  "timestamp",
  "size",
  "python_site_packages_path",
];

/** Sets the field that a keyword expression targets; keywords win over positional values, except for the name (CEP 29). */
export function readKey(
  spec: MatchSpec,
  { key, value, position }: SpecKey,
  parseSpec: (text: string) => MatchSpec,
): void {
  const fail = (reason: string, hint?: string) =>
    parseError("match spec", spec.source, position, reason, hint);
  if (key === "extras" || key === "flags") {
    readList(spec, key, typeof value === "string" ? [value] : value, fail);
    return;
  }
  if (typeof value !== "string") throw fail(`\`${key}\` takes no list`);
  const reader = READERS.get(key);
  if (!reader) {
    const known = [...READERS.keys(), "extras", "flags"].join(", ");
    throw fail(`\`${key}\` is not a key of match specs`, `known keys are ${known}`);
  }
  reader(spec, value, { fail, parseSpec });
}

type KeyReader = (spec: MatchSpec, value: string, context: KeyContext) => void;

/** Fields that hold the text itself. */
function textReader(field: "fn" | "target" | "md5" | "sha256"): KeyReader {
  return (spec, value) => {
    spec[field] = field === "md5" || field === "sha256" ? value.toLowerCase() : value;
  };
}

function matcherReader(field: "build" | "license" | "licenseFamily" | "features"): KeyReader {
  return (spec, value) => setMatcher(spec, field, value);
}

function plainReader(field: PlainField): KeyReader {
  return (spec, value) => {
    spec.plain = { ...spec.plain, [field]: parseStringMatcher(value) };
  };
}

const READERS: ReadonlyMap<string, KeyReader> = new Map<string, KeyReader>([
  ["name", () => {}],
  ["version", setVersion],
  ["build", matcherReader("build")],
  ["build_number", readBuildNumber],
  ["channel", setChannel],
  ["subdir", setSubdir],
  ["md5", textReader("md5")],
  ["sha256", textReader("sha256")],
  ["url", readUrl],
  ["fn", textReader("fn")],
  ["license", matcherReader("license")],
  ["license_family", matcherReader("licenseFamily")],
  ["features", matcherReader("features")],
  ["track_features", readTrackFeatures],
  ["optional", readOptional],
  ["target", textReader("target")],
  ["when", readCondition],
  ...PLAIN_FIELDS.map((field): [string, KeyReader] => [field, plainReader(field)]),
]);

function readBuildNumber(spec: MatchSpec, value: string): void {
  spec.buildNumber = parseVersionSpec(value);
}

function readTrackFeatures(spec: MatchSpec, value: string): void {
  spec.trackFeatures = value.split(/[\s,]+/).filter((item) => item !== "");
}

function readOptional(spec: MatchSpec, value: string): void {
  spec.optional = value.toLowerCase() !== "false";
}

/** Conditions cannot have conditions of their own (CEP 43). */
function readCondition(spec: MatchSpec, value: string, { fail, parseSpec }: KeyContext): void {
  spec.when = parseCondition(value, (text) => {
    const inner = parseSpec(text);
    if (inner.when !== undefined) throw fail("conditions cannot be nested");
    return inner;
  });
}

export function setChannel(spec: MatchSpec, text: string): void {
  const { channel, subdir } = splitChannelSubdir(text);
  if (channel !== "*" && channel !== "") spec.channel = channel;
  else delete spec.channel;
  if (subdir !== undefined) setSubdir(spec, subdir);
}

function setSubdir(spec: MatchSpec, text: string): void {
  spec.subdir = text;
  spec.subdirMatchers = text.split(/[,|;]/).map((part) => parseStringMatcher(part.trim()));
}

export function setVersion(spec: MatchSpec, text: string): void {
  const version = parseVersionSpec(text);
  if (version.kind === "any") delete spec.version;
  else spec.version = version;
}

export function setMatcher(
  spec: MatchSpec,
  field: "build" | "license" | "licenseFamily" | "features",
  text: string,
): void {
  const matcher = parseStringMatcher(text);
  if (matchesAnything(matcher)) delete spec[field];
  else spec[field] = matcher;
}

/** CEP 45 in any case: conda reads `flags=[True]`, which no record can have. */
const FLAG = /^[a-z0-9_*]+(?::[a-z0-9_*]+)?$/i;

function readList(
  spec: MatchSpec,
  key: "extras" | "flags",
  items: readonly string[],
  fail: (reason: string) => Error,
): void {
  const sorted = [...new Set(items)].sort();
  if (key === "extras") {
    const bad = sorted.find((item) => /[\s=<>'"[\]]/.test(item));
    if (bad !== undefined) throw fail(`\`${bad}\` is not the name of an extra`);
    spec.extras = sorted;
    return;
  }
  const bad = sorted.find((item) => !FLAG.test(item));
  if (bad !== undefined) throw fail(`\`${bad}\` is not a flag`);
  spec.flags = sorted.map(parseStringMatcher);
}

function readUrl(spec: MatchSpec, value: string): void {
  const { location, ...hashes } = splitHash(value);
  spec.url = location;
  Object.assign(spec, hashes);
  const fn = location.slice(location.lastIndexOf("/") + 1);
  if (looksLikeArchive(fn)) spec.fn = fn;
}
