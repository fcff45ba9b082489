import { parseError, type ToolError } from "../errors.ts";

/** Whether a character code, lower-cased, is one of those that the pattern allows in its place. */
export type CharTest = (code: number) => boolean;

export type Node =
  | { kind: "char"; test: CharTest }
  | { kind: "start" | "end" }
  | { kind: "sequence" | "choice"; items: Node[] }
  | { kind: "repeat"; item: Node; min: number; max: number };

const MAX_DEPTH = 50;

interface Cursor {
  readonly source: string;
  position: number;
}

function fail(cursor: Cursor, reason: string, at = cursor.position): ToolError {
  return parseError("regular expression", cursor.source, at, reason);
}

/**
 * The pattern, and what must match at the start of the text besides. Case is ignored by folding both sides; escapes such as
 * `\D` keep their case. Throws `parse-error` with the position in `source`.
 */
export function parsePattern(source: string): { pattern: Node; conditions: Node[] } {
  const cursor: Cursor = { source, position: 0 };
  const conditions: Node[] = [];
  if (cursor.source.startsWith("^(?=")) {
    cursor.position = 1;
    while (cursor.source.startsWith("(?=", cursor.position)) {
      const at = cursor.position;
      cursor.position += 3;
      conditions.push({ kind: "sequence", items: [{ kind: "start" }, parseChoice(cursor, 1)] });
      if (cursor.source[cursor.position++] !== ")") throw fail(cursor, "the group is not closed", at);
    }
  }
  const pattern = parseChoice(cursor, 0);
  if (cursor.position < cursor.source.length) throw fail(cursor, "a `)` has no `(`");
  if (conditions.length === 0) return { pattern, conditions };
  // The conditions would hold for the first alternative only.
  if (pattern.kind === "choice") throw fail(cursor, "look-ahead is supported without `|` after it only", 1);
  return { pattern: { kind: "sequence", items: [{ kind: "start" }, pattern] }, conditions };
}

function parseChoice(cursor: Cursor, depth: number): Node {
  if (depth > MAX_DEPTH) throw fail(cursor, "groups are nested too deeply");
  const items = [parseSequence(cursor, depth)];
  while (cursor.source[cursor.position] === "|") {
    cursor.position++;
    items.push(parseSequence(cursor, depth));
  }
  return items.length === 1 ? (items[0] as Node) : { kind: "choice", items };
}

function parseSequence(cursor: Cursor, depth: number): Node {
  const items: Node[] = [];
  while (
    cursor.position < cursor.source.length &&
    cursor.source[cursor.position] !== "|" &&
    cursor.source[cursor.position] !== ")"
  ) {
    items.push(parseQuantifiers(cursor, parseAtom(cursor, depth)));
  }
  return { kind: "sequence", items };
}

function parseQuantifiers(cursor: Cursor, atom: Node): Node {
  const sticky = /[*+?]|\{(\d{1,4})(?:(,)(\d{0,4}))?\}/y;
  sticky.lastIndex = cursor.position;
  const found = sticky.exec(cursor.source);
  if (!found) return atom;
  if (atom.kind === "start" || atom.kind === "end") throw fail(cursor, "there is nothing to repeat");
  cursor.position = sticky.lastIndex;
  // A lazy quantifier changes which match is found, not whether there is one.
  if (cursor.source[cursor.position] === "?") cursor.position++;
  if (/[*+?]/.test(cursor.source[cursor.position] ?? "")) throw fail(cursor, "there is nothing to repeat");
  const [text, low, comma, high] = found;
  if (text === "*") return { kind: "repeat", item: atom, min: 0, max: Number.POSITIVE_INFINITY };
  if (text === "+") return { kind: "repeat", item: atom, min: 1, max: Number.POSITIVE_INFINITY };
  if (text === "?") return { kind: "repeat", item: atom, min: 0, max: 1 };
  const min = Number(low);
  const max = comma === undefined ? min : high === "" ? Number.POSITIVE_INFINITY : Number(high);
  if (max < min) throw fail(cursor, "the repetition counts are reversed");
  return { kind: "repeat", item: atom, min, max };
}

function parseAtom(cursor: Cursor, depth: number): Node {
  const at = cursor.position;
  const char = cursor.source[cursor.position++] as string;
  switch (char) {
    case "(": {
      if (cursor.source[cursor.position] === "?") {
        if (cursor.source[cursor.position + 1] !== ":")
          throw fail(cursor, "look-around and group options are not supported");
        cursor.position += 2;
      }
      const inner = parseChoice(cursor, depth + 1);
      if (cursor.source[cursor.position] !== ")") throw fail(cursor, "the group is not closed", at);
      cursor.position++;
      return inner;
    }
    case "*":
    case "+":
    case "?":
      throw fail(cursor, "there is nothing to repeat", at);
    case "^":
      return { kind: "start" };
    case "$":
      return { kind: "end" };
    case ".":
      return { kind: "char", test: (code) => code !== 10 };
    case "[":
      return { kind: "char", test: parseClass(cursor, at) };
    case "\\":
      return { kind: "char", test: parseEscape(cursor, at) };
    default:
      return { kind: "char", test: literal(char) };
  }
}

function parseEscape(cursor: Cursor, at: number): CharTest {
  const char = cursor.source[cursor.position++];
  if (char === undefined) throw fail(cursor, "a backslash ends the pattern", at);
  const named = CLASSES[char];
  if (named) return named;
  if (/[0-9A-Za-z]/.test(char)) throw fail(cursor, `\`\\${char}\` is not supported`, at);
  return literal(char);
}

function parseClass(cursor: Cursor, at: number): CharTest {
  const negated = cursor.source[cursor.position] === "^";
  if (negated) cursor.position++;
  const tests: CharTest[] = [];
  let first = true;
  for (;;) {
    const char = cursor.source[cursor.position];
    if (char === undefined) throw fail(cursor, "the class is not closed", at);
    if (char === "]" && !first) break;
    first = false;
    cursor.position++;
    if (char === "\\") {
      tests.push(parseEscape(cursor, cursor.position - 1));
      continue;
    }
    const low = fold(char);
    const end = cursor.source[cursor.position + 1];
    if (cursor.source[cursor.position] === "-" && end !== undefined && end !== "]" && end !== "\\") {
      cursor.position += 2;
      const high = fold(end);
      if (high < low) throw fail(cursor, "the range is reversed", cursor.position - 1);
      tests.push((code) => code >= low && code <= high);
    } else tests.push((code) => code === low);
  }
  cursor.position++;
  return (code) => tests.some((test) => test(code)) !== negated;
}

function fold(char: string): number {
  return char.toLowerCase().charCodeAt(0);
}

function literal(char: string): CharTest {
  const wanted = fold(char);
  return (code) => code === wanted;
}

const digit: CharTest = (code) => code >= 48 && code <= 57;
const word: CharTest = (code) =>
  digit(code) || (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
const space: CharTest = (code) => code === 32 || (code >= 9 && code <= 13);
const CLASSES: Record<string, CharTest | undefined> = {
  d: digit,
  w: word,
  s: space,
  D: (code) => !digit(code),
  W: (code) => !word(code),
  S: (code) => !space(code),
};
