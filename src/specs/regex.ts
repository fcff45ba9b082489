import { parseError } from "../errors.ts";

/**
 * Regular expressions that come from specs. Specs come from channels too, so matching takes time proportional to
 * text x pattern: an automaton is simulated, there is no backtracking to exploit (`^(a+)+$` would stall a RegExp for hours).
 * Supported: literals, `.`, classes, `\d \w \s` and negations, groups, `|`, `* + ? {m,n}` with lazy forms, `^`, `$`.
 * Look-around and back-references are errors, as CEP 29 recommends, but for `^(?=...)`: conda writes that form when it merges two globs.
 */
export interface LinearRegex {
  readonly source: string;
  /** Whether the pattern is found anywhere in the text (anchors decide otherwise), ignoring case. */
  test(text: string): boolean;
}

type CharTest = (code: number) => boolean;
type Node =
  | { kind: "char"; test: CharTest }
  | { kind: "start" | "end" | "empty" }
  | { kind: "sequence" | "choice"; items: Node[] }
  | { kind: "repeat"; item: Node; min: number; max: number };

type Instruction =
  | { op: "char"; test: CharTest }
  | { op: "start" | "end" | "match" }
  | { op: "split"; a: number; b: number }
  | { op: "jump"; a: number };

const MAX_SOURCE = 512;
const MAX_DEPTH = 50;
/** Counted repetitions are unrolled; this bounds what nested counts can grow to. */
const MAX_INSTRUCTIONS = 4000;

/** Throws `parse-error` with the position in `source`. */
export function compileRegex(source: string): LinearRegex {
  if (source.length > MAX_SOURCE)
    throw parseError("regular expression", source, MAX_SOURCE, `longer than ${MAX_SOURCE} characters`);
  const { conditions, pattern } = parsePattern(source);
  const programs = [pattern, ...conditions].map((node) => compileNode(node, source));
  return {
    source,
    test: (text) => {
      const folded = text.toLowerCase();
      return programs.every((program) => simulate(program, folded));
    },
  };
}

function compileNode(node: Node, source: string): Instruction[] {
  const program: Instruction[] = [];
  emit(node, program, source);
  program.push({ op: "match" });
  return program;
}

/** The pattern, and what must match at the start of the text besides. */
function parsePattern(source: string): { pattern: Node; conditions: Node[] } {
  // Case is ignored by folding both sides; escapes such as \D keep their case.
  let position = 0;
  const fail = (reason: string, at = position) => parseError("regular expression", source, at, reason);

  const parseChoice = (depth: number): Node => {
    if (depth > MAX_DEPTH) throw fail("groups are nested too deeply");
    const items = [parseSequence(depth)];
    while (source[position] === "|") {
      position++;
      items.push(parseSequence(depth));
    }
    return items.length === 1 ? (items[0] as Node) : { kind: "choice", items };
  };

  const parseSequence = (depth: number): Node => {
    const items: Node[] = [];
    while (position < source.length && source[position] !== "|" && source[position] !== ")") {
      items.push(parseQuantifiers(parseAtom(depth)));
    }
    return { kind: "sequence", items };
  };

  const parseQuantifiers = (atom: Node): Node => {
    const sticky = /[*+?]|\{(\d{1,4})(?:(,)(\d{0,4}))?\}/y;
    sticky.lastIndex = position;
    const found = sticky.exec(source);
    if (!found) return atom;
    if (atom.kind === "start" || atom.kind === "end") throw fail("there is nothing to repeat");
    position = sticky.lastIndex;
    // A lazy quantifier changes which match is found, not whether there is one.
    if (source[position] === "?") position++;
    if (/[*+?]/.test(source[position] ?? "")) throw fail("there is nothing to repeat");
    const [text, low, comma, high] = found;
    if (text === "*") return { kind: "repeat", item: atom, min: 0, max: Number.POSITIVE_INFINITY };
    if (text === "+") return { kind: "repeat", item: atom, min: 1, max: Number.POSITIVE_INFINITY };
    if (text === "?") return { kind: "repeat", item: atom, min: 0, max: 1 };
    const min = Number(low);
    const max = comma === undefined ? min : high === "" ? Number.POSITIVE_INFINITY : Number(high);
    if (max < min) throw fail("the repetition counts are reversed");
    return { kind: "repeat", item: atom, min, max };
  };

  const parseAtom = (depth: number): Node => {
    const at = position;
    const char = source[position++] as string;
    switch (char) {
      case "(": {
        if (source[position] === "?") {
          if (source[position + 1] !== ":") throw fail("look-around and group options are not supported");
          position += 2;
        }
        const inner = parseChoice(depth + 1);
        if (source[position] !== ")") throw fail("the group is not closed", at);
        position++;
        return inner;
      }
      case "*":
      case "+":
      case "?":
        throw fail("there is nothing to repeat", at);
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case ".":
        return { kind: "char", test: (code) => code !== 10 };
      case "[":
        return { kind: "char", test: parseClass(at) };
      case "\\":
        return { kind: "char", test: parseEscape(at) };
      default:
        return { kind: "char", test: literal(char) };
    }
  };

  const parseEscape = (at: number): CharTest => {
    const char = source[position++];
    if (char === undefined) throw fail("a backslash ends the pattern", at);
    const named = CLASSES[char];
    if (named) return named;
    if (/[0-9A-Za-z]/.test(char)) throw fail(`\`\\${char}\` is not supported`, at);
    return literal(char);
  };

  const parseClass = (at: number): CharTest => {
    const negated = source[position] === "^";
    if (negated) position++;
    const tests: CharTest[] = [];
    let first = true;
    for (;;) {
      const char = source[position];
      if (char === undefined) throw fail("the class is not closed", at);
      if (char === "]" && !first) break;
      first = false;
      position++;
      if (char === "\\") {
        tests.push(parseEscape(position - 1));
        continue;
      }
      const low = fold(char);
      const end = source[position + 1];
      if (source[position] === "-" && end !== undefined && end !== "]" && end !== "\\") {
        position += 2;
        const high = fold(end);
        if (high < low) throw fail("the range is reversed", position - 1);
        tests.push((code) => code >= low && code <= high);
      } else tests.push((code) => code === low);
    }
    position++;
    return (code) => tests.some((test) => test(code)) !== negated;
  };

  const conditions: Node[] = [];
  if (source.startsWith("^(?=")) {
    position = 1;
    while (source.startsWith("(?=", position)) {
      const at = position;
      position += 3;
      conditions.push({ kind: "sequence", items: [{ kind: "start" }, parseChoice(1)] });
      if (source[position++] !== ")") throw fail("the group is not closed", at);
    }
  }
  const pattern = parseChoice(0);
  if (position < source.length) throw fail("a `)` has no `(`");
  if (conditions.length === 0) return { pattern, conditions };
  // The conditions would hold for the first alternative only.
  if (pattern.kind === "choice") throw fail("look-ahead is supported without `|` after it only", 1);
  return { pattern: { kind: "sequence", items: [{ kind: "start" }, pattern] }, conditions };
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

function emit(node: Node, program: Instruction[], source: string): void {
  if (program.length > MAX_INSTRUCTIONS)
    throw parseError("regular expression", source, 0, "it is too large when its repetitions are written out");
  switch (node.kind) {
    case "char":
      program.push({ op: "char", test: node.test });
      return;
    case "start":
    case "end":
      program.push({ op: node.kind });
      return;
    case "empty":
      return;
    case "sequence":
      for (const item of node.items) emit(item, program, source);
      return;
    case "choice":
      emitChoice(node.items, program, source);
      return;
    case "repeat":
      emitRepeat(node, program, source);
  }
}

function emitChoice(items: readonly Node[], program: Instruction[], source: string): void {
  const jumps: { op: "jump"; a: number }[] = [];
  for (const [index, item] of items.entries()) {
    if (index === items.length - 1) {
      emit(item, program, source);
      break;
    }
    const split = { op: "split" as const, a: program.length + 1, b: 0 };
    program.push(split);
    emit(item, program, source);
    const jump = { op: "jump" as const, a: 0 };
    program.push(jump);
    jumps.push(jump);
    split.b = program.length;
  }
  for (const jump of jumps) jump.a = program.length;
}

function emitRepeat(node: Extract<Node, { kind: "repeat" }>, program: Instruction[], source: string): void {
  for (let i = 0; i < node.min; i++) emit(node.item, program, source);
  if (node.max === Number.POSITIVE_INFINITY) {
    const split = { op: "split" as const, a: program.length + 1, b: 0 };
    const at = program.push(split) - 1;
    emit(node.item, program, source);
    program.push({ op: "jump", a: at });
    split.b = program.length;
    return;
  }
  const splits: { b: number }[] = [];
  for (let i = node.min; i < node.max; i++) {
    const split = { op: "split" as const, a: program.length + 1, b: 0 };
    program.push(split);
    splits.push(split);
    emit(node.item, program, source);
  }
  for (const split of splits) split.b = program.length;
}

/** Runs every thread of the automaton in step; each instruction is entered at most once a character. */
function simulate(program: readonly Instruction[], text: string): boolean {
  let current: number[] = [];
  let next: number[] = [];
  const entered = new Int32Array(program.length).fill(-1);
  for (let i = 0; i <= text.length; i++) {
    // A new thread at each position: search, not full match.
    if (addThread(program, current, entered, 0, i, text.length)) return true;
    const code = text.charCodeAt(i);
    next = [];
    for (const at of current) {
      const instruction = program[at] as Extract<Instruction, { op: "char" }>;
      if (
        i < text.length &&
        instruction.test(code) &&
        addThread(program, next, entered, at + 1, i + 1, text.length)
      )
        return true;
    }
    current = next;
  }
  return false;
}

/** Follows the instructions that take no character; true when the end of the pattern is reached. */
function addThread(
  program: readonly Instruction[],
  threads: number[],
  entered: Int32Array,
  start: number,
  position: number,
  length: number,
): boolean {
  const pending = [start];
  while (pending.length > 0) {
    const at = pending.pop() as number;
    if (entered[at] === position) continue;
    entered[at] = position;
    const instruction = program[at] as Instruction;
    switch (instruction.op) {
      case "match":
        return true;
      case "char":
        threads.push(at);
        break;
      case "jump":
        pending.push(instruction.a);
        break;
      case "split":
        pending.push(instruction.b, instruction.a);
        break;
      case "start":
        if (position === 0) pending.push(at + 1);
        break;
      case "end":
        if (position === length) pending.push(at + 1);
        break;
    }
  }
  return false;
}
