import { parseError } from "../errors.ts";
import { parseStringMatcher, type StringMatcher, stringMatches } from "./string-matcher.ts";
import {
  isValidVersion,
  parseVersion,
  type Version,
  versionCompatibleWith,
  versionStartsWith,
} from "./version.ts";

export type OrderOperator = "<" | "<=" | ">" | ">=";

/** A version specifier (CEP 29). `fuzzy` is `=1.2` and `1.2.*`; `not-fuzzy` is `!=1.2.*`; `compatible` is `~=1.2`. */
export type VersionSpec =
  | { readonly kind: "any" }
  | { readonly kind: "none" }
  | { readonly kind: "equal" | "not-equal" | "fuzzy" | "not-fuzzy"; readonly version: Version }
  | { readonly kind: "compatible"; readonly version: Version; readonly level: number }
  | { readonly kind: "order"; readonly operator: OrderOperator; readonly version: Version }
  | { readonly kind: "string"; readonly matcher: StringMatcher; readonly negated: boolean }
  | { readonly kind: "and" | "or"; readonly operands: readonly VersionSpec[] };

export const ANY_VERSION: VersionSpec = { kind: "any" };
const MAX_DEPTH = 50;
const MAX_LENGTH = 4096;

/** Parsed specifiers by text: real channels repeat the same few thousand (`>=3.9`, `>=2.17,<3.0.a0`). Emptied when full. */
const CACHE_LIMIT = 50_000;
const cache = new Map<string, VersionSpec>();

/** Throws `parse-error` with the position. Empty text and `*` match every version. */
export function parseVersionSpec(text: string): VersionSpec {
  const known = cache.get(text);
  if (known) return known;
  const spec = parseUncached(text);
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(text, spec);
  return spec;
}

export function versionSpecMatches(spec: VersionSpec, version: Version | string): boolean {
  switch (spec.kind) {
    case "any":
      return true;
    case "none":
      return false;
    case "string":
      return (
        stringMatches(spec.matcher, typeof version === "string" ? version : version.text) !== spec.negated
      );
    case "and":
      return spec.operands.every((operand) => versionSpecMatches(operand, version));
    case "or":
      return spec.operands.some((operand) => versionSpecMatches(operand, version));
    default:
      return clauseMatches(spec, typeof version === "string" ? parseVersion(version) : version);
  }
}

type LiteralClause = Exclude<VersionSpec, { kind: "any" | "none" | "string" | "and" | "or" }>;

function clauseMatches(spec: LiteralClause, version: Version): boolean {
  switch (spec.kind) {
    case "equal":
      return version.key === spec.version.key;
    case "not-equal":
      return version.key !== spec.version.key;
    case "fuzzy":
      return versionStartsWith(version, spec.version);
    case "not-fuzzy":
      return !versionStartsWith(version, spec.version);
    case "compatible":
      return versionCompatibleWith(version, spec.version, spec.level);
    case "order":
      return orderMatches(spec.operator, version.key, spec.version.key);
  }
}

function orderMatches(operator: OrderOperator, version: string, wanted: string): boolean {
  switch (operator) {
    case "<":
      return version < wanted;
    case "<=":
      return version <= wanted;
    case ">":
      return version > wanted;
    case ">=":
      return version >= wanted;
  }
}

/** Canonical text: `==` exact, `=` fuzzy, `!=1.2.*`, `,` and `|` with parentheses only where they are needed. */
export function formatVersionSpec(spec: VersionSpec): string {
  switch (spec.kind) {
    case "any":
      return "*";
    case "none":
      return "!=*";
    case "equal":
      return `==${spec.version.text}`;
    case "not-equal":
      return `!=${spec.version.text}`;
    case "fuzzy":
      return `=${spec.version.text}`;
    case "not-fuzzy":
      return `!=${spec.version.text}.*`;
    case "compatible":
      return `~=${spec.version.text}`;
    case "order":
      return `${spec.operator}${spec.version.text}`;
    case "string":
      return `${spec.negated ? "!=" : ""}${spec.matcher.source}`;
    case "and":
      return spec.operands
        .map((operand) =>
          operand.kind === "or" ? `(${formatVersionSpec(operand)})` : formatVersionSpec(operand),
        )
        .join(",");
    case "or":
      return spec.operands.map(formatVersionSpec).join("|");
  }
}

/** The one version that the spec allows, when it says `==` and nothing else. */
export function exactVersion(spec: VersionSpec | undefined): Version | undefined {
  return spec?.kind === "equal" ? spec.version : undefined;
}

/** `,` binds tighter than `|` (CEP 29). */
function parseUncached(source: string): VersionSpec {
  if (source.length > MAX_LENGTH)
    throw parseError("version spec", source, MAX_LENGTH, `longer than ${MAX_LENGTH} characters`);
  let position = 0;
  const fail = (at: number, reason: string, hint?: string) =>
    parseError("version spec", source, at, reason, hint);
  const skipSpaces = () => {
    while (isSpace(source.charCodeAt(position))) position++;
  };

  const parseList = (
    separator: "," | "|",
    parseItem: (depth: number) => VersionSpec,
    depth: number,
  ): VersionSpec => {
    const operands = [parseItem(depth)];
    for (;;) {
      skipSpaces();
      if (source[position] !== separator) break;
      position++;
      operands.push(parseItem(depth));
    }
    return join(separator === "," ? "and" : "or", operands);
  };
  const parseOr = (depth: number): VersionSpec => {
    if (depth > MAX_DEPTH) throw fail(position, "parentheses are nested too deeply");
    return parseList("|", parseAnd, depth);
  };
  const parseAnd = (depth: number): VersionSpec => parseList(",", parseAtom, depth);
  const parseAtom = (depth: number): VersionSpec => {
    skipSpaces();
    const start = position;
    if (source[position] === "(") {
      position++;
      const inner = parseOr(depth + 1);
      skipSpaces();
      if (source[position] !== ")") throw fail(start, "the parenthesis is not closed");
      position++;
      return inner;
    }
    if (source[position] === "^") {
      // A regular expression may contain `,`, `|` and parentheses: it ends at its `$`.
      const end = source.indexOf("$", position);
      if (end < 0) throw fail(start, "a regular expression ends with `$`");
      position = end + 1;
      return { kind: "string", matcher: parseStringMatcher(source.slice(start, position)), negated: false };
    }
    while (position < source.length && !isBoundary(source.charCodeAt(position))) position++;
    return parseClause(source.slice(start, position).trimEnd(), start, fail);
  };

  if (source.trim() === "") return ANY_VERSION;
  const spec = parseOr(0);
  if (position < source.length) throw fail(position, `\`${source[position]}\` is not expected here`);
  return spec;
}

type Fail = (position: number, reason: string, hint?: string) => Error;

const OPERATOR = /^(?:==|!=|<=|>=|~=|=|<|>)/;

/** One literal with an operator, globs or neither. `start` is its position in the whole spec. */
function parseClause(text: string, start: number, fail: Fail): VersionSpec {
  const operator = OPERATOR.exec(text)?.[0] ?? "";
  const literal = text.slice(operator.length).trimStart();
  const at = start + text.length - literal.length;
  if (literal === "")
    throw fail(at, operator === "" ? "a version is missing" : `a version is missing after \`${operator}\``);
  if (!literal.includes("*")) return fromLiteral(operator, literal, at, fail);

  // `1.2.*`, `1.2*`, `1.2.*.*` and the historical `1.2.*.` all mean "starts with 1.2".
  const base = literal.replace(/\.$/, "").replace(/(?:\.?\*)+$/, "");
  if (base === "" && /^\*+$/.test(literal))
    return operator === "!=" || operator === "<" || operator === ">" ? { kind: "none" } : ANY_VERSION;
  if (base !== "" && !base.includes("*")) return fromPrefix(operator, base, at, fail);
  if (/[^0-9A-Za-z._\-!+*]/.test(literal)) throw fail(at, `\`${literal}\` is not a version`);
  // An ordering against `1.0*.vc11` compares with that literal, star and all, as conda does.
  if (operator !== "" && operator !== "=" && operator !== "==" && operator !== "!=")
    return fromLiteral(operator, literal, at, fail);
  return { kind: "string", matcher: parseStringMatcher(literal), negated: operator === "!=" };
}

function fromLiteral(operator: string, literal: string, at: number, fail: Fail): VersionSpec {
  const version = readVersion(literal, at, fail);
  switch (operator) {
    case "":
    case "==":
      return { kind: "equal", version };
    case "!=":
      return { kind: "not-equal", version };
    case "=":
      return { kind: "fuzzy", version };
    case "~=":
      return { kind: "compatible", version, level: version.segments.length - 1 };
    default:
      return { kind: "order", operator: operator as OrderOperator, version };
  }
}

/** A literal that ends in `*`. With an ordering the star says nothing (`>=3.10.*`); `~=1.0*` is read as `~=1.0`. */
function fromPrefix(operator: string, base: string, at: number, fail: Fail): VersionSpec {
  if (operator === "" || operator === "=" || operator === "==")
    return { kind: "fuzzy", version: readVersion(base, at, fail) };
  if (operator === "!=") return { kind: "not-fuzzy", version: readVersion(base, at, fail) };
  return fromLiteral(operator, base, at, fail);
}

function readVersion(literal: string, at: number, fail: Fail): Version {
  if (isValidVersion(literal)) return parseVersion(literal);
  const bad = literal.search(/[^0-9A-Za-z._\-!+*]/);
  throw fail(at + Math.max(bad, 0), `\`${literal}\` is not a version`);
}

function join(kind: "and" | "or", operands: readonly VersionSpec[]): VersionSpec {
  const flat = operands.flatMap((operand) => (operand.kind === kind ? operand.operands : [operand]));
  return flat.length === 1 ? (flat[0] as VersionSpec) : { kind, operands: flat };
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** `,` `|` `(` `)` end a clause. */
function isBoundary(code: number): boolean {
  return code === 44 || code === 124 || code === 40 || code === 41;
}
