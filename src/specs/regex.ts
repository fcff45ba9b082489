import { parseError } from "../errors.ts";
import { type CharTest, type Node, parsePattern } from "./regex-pattern.ts";

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

type Instruction =
  | { op: "char"; test: CharTest }
  | { op: "start" | "end" | "match" }
  | { op: "split"; a: number; b: number }
  | { op: "jump"; a: number };

const MAX_SOURCE = 512;
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
