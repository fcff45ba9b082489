import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parse,
  parseDocument,
} from "yaml";
import { ToolError } from "../errors.ts";

/** conda's merge marks: comments `#!top`, `#!bottom` and `#!final` behind a key, a list item or a map entry. */
export type MergeMark = "top" | "bottom" | "final";

/** One key of a condarc as written, with the marks of its items (by index) or entries (by key). */
export interface RcEntry {
  key: string;
  raw: unknown;
  marks: readonly MergeMark[];
  itemMarks: ReadonlyMap<number | string, readonly MergeMark[]>;
  /** 1-based. */
  line: number;
}

/** How a condarc is read: a key may be written twice, and the library does not warn on its own of keys that are lists. */
export const LENIENT = { uniqueKeys: false, logLevel: "error" } as const;

/** Reads the text of a condarc. Throws `config-invalid` with line and column for YAML that cannot be read. */
export function parseRc(text: string, path: string): RcEntry[] {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, { ...LENIENT, lineCounter: lines });
  const error = document.errors[0];
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    const reason = error.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "not YAML";
    throw new ToolError(
      "config-invalid",
      `\`${path}\` is no valid YAML: ${reason} (line ${line}, column ${col})`,
      {
        details: { path, line, column: col },
      },
    );
  }
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return [];
  if (!isMap(root)) {
    throw new ToolError("config-invalid", `\`${path}\` does not hold a map of configuration keys`, {
      details: { path },
    });
  }
  const values = plainValue(document, path);
  return root.items.map((pair) => readEntry(pair, text, lines, values as Record<string, unknown>));
}

/** A value written as YAML in a variable; text that is no YAML is itself. */
export function parseValue(text: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch {
    return text;
  }
}

/** Aliases that multiply (a "YAML bomb") and aliases to nothing are refused. */
function plainValue(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ToolError("config-invalid", `\`${path}\` is no valid YAML: ${(error as Error).message}`, {
      details: { path },
    });
  }
}

function readEntry(pair: Pair, text: string, lines: LineCounter, values: Record<string, unknown>): RcEntry {
  const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
  const start = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
  return {
    key,
    raw: values[key],
    marks: keyMarks(pair, text, start),
    itemMarks: itemMarks(pair.value),
    line: lines.linePos(start).line,
  };
}

/**
 * Marks behind a key. A block collection starts on the next line, so the comment belongs to the key exactly when
 * nothing else stands on the key's line.
 */
function keyMarks(pair: Pair, text: string, start: number): MergeMark[] {
  const value = pair.value;
  if (isCollection(value) && !value.flow) {
    const line = text.slice(start, (text.indexOf("\n", start) + 1 || text.length + 1) - 1);
    return marksOf(/:\s+#(.*)$/.exec(line)?.[1]);
  }
  return isCollection(value) || isScalar(value) ? marksOf(value.comment) : [];
}

function itemMarks(value: unknown): Map<number | string, MergeMark[]> {
  const marks = new Map<number | string, MergeMark[]>();
  if (isSeq(value)) {
    value.items.forEach((item, i) => {
      if (isScalar(item)) marks.set(i, marksOf(item.comment));
    });
  } else if (isMap(value)) {
    for (const entry of value.items) {
      if (isScalar(entry.key) && isScalar(entry.value))
        marks.set(String(entry.key.value), marksOf(entry.value.comment));
    }
  }
  return marks;
}

function marksOf(comment: string | null | undefined): MergeMark[] {
  const words = comment?.split("\n")[0]?.matchAll(/!\s*(top|bottom|final)\b/g) ?? [];
  return [...words].map((match) => match[1] as MergeMark);
}
