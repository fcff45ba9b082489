import { parseError } from "../errors.ts";
import type { MatchSpec } from "./match-spec.ts";

/** The value of `when` (CEP 43). `source` of the inner specs is the text of each. */
export type SpecCondition =
  | { readonly kind: "spec"; readonly spec: MatchSpec }
  | { readonly kind: "and" | "or"; readonly operands: readonly SpecCondition[] };

type Token = "(" | ")" | "and" | "or" | { spec: string; position: number };
const MAX_DEPTH = 50;

/** `and` binds tighter than `or`; parentheses group. Throws `parse-error`. */
export function parseCondition(source: string, parseSpec: (text: string) => MatchSpec): SpecCondition {
  const tokens = tokenize(source);
  let next = 0;
  const fail = (reason: string) => {
    const token = tokens[next];
    return parseError(
      "condition",
      source,
      typeof token === "object" ? token.position : source.length,
      reason,
    );
  };
  const parseList = (operator: "and" | "or", parseItem: () => SpecCondition): SpecCondition => {
    const operands = [parseItem()];
    while (tokens[next] === operator) {
      next++;
      operands.push(parseItem());
    }
    const flat = operands.flatMap((operand) => (operand.kind === operator ? operand.operands : [operand]));
    return flat.length === 1 ? (flat[0] as SpecCondition) : { kind: operator, operands: flat };
  };
  const parseOr = (depth: number): SpecCondition => {
    if (depth > MAX_DEPTH) throw fail("parentheses are nested too deeply");
    return parseList("or", () => parseList("and", () => parseAtom(depth)));
  };
  const parseAtom = (depth: number): SpecCondition => {
    const token = tokens[next];
    if (token === "(") {
      next++;
      const inner = parseOr(depth + 1);
      if (tokens[next] !== ")") throw fail("the parenthesis is not closed");
      next++;
      return inner;
    }
    if (typeof token !== "object") throw fail("a spec is missing");
    next++;
    return { kind: "spec", spec: parseSpec(token.spec) };
  };
  const condition = parseOr(0);
  if (next < tokens.length) throw fail("more text than a condition");
  return condition;
}

/** Canonical text of a condition, with `format` for its specs. */
export function formatCondition(condition: SpecCondition, format: (spec: MatchSpec) => string): string {
  if (condition.kind === "spec") return format(condition.spec);
  return condition.operands
    .map((operand) =>
      condition.kind === "and" && operand.kind === "or"
        ? `(${formatCondition(operand, format)})`
        : formatCondition(operand, format),
    )
    .join(` ${condition.kind} `);
}

/** Words `and`, `or` (in any case, as libmamba reads them) and parentheses count only outside brackets and quotes. */
function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let i = 0;
  while (i < source.length) {
    const char = source[i] as string;
    if (/\s/.test(char)) i++;
    else if (char === "(" || char === ")") {
      tokens.push(char);
      i++;
    } else {
      const word = /^(?:and|or)(?=[\s(]|$)/i.exec(source.slice(i, i + 4))?.[0];
      if (word !== undefined) {
        tokens.push(word.toLowerCase() as "and" | "or");
        i += word.length;
      } else {
        const end = endOfSpec(source, i);
        tokens.push({ spec: source.slice(i, end).trim(), position: i });
        i = end;
      }
    }
  }
  return tokens;
}

function endOfSpec(source: string, start: number): number {
  let depth = 0;
  let quote = "";
  for (let i = start; i < source.length; i++) {
    const char = source[i] as string;
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (depth > 0 && (char === "'" || char === '"')) quote = char;
    else if (char === "[") depth++;
    else if (char === "]") depth--;
    else if (
      depth === 0 &&
      (char === ")" || (/\s/.test(char) && /^\s+(?:and|or)(?:[\s(]|$)/i.test(source.slice(i, i + 64))))
    )
      return i;
  }
  return source.length;
}
