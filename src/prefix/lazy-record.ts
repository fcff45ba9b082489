import type { Buffer } from "node:buffer";

/**
 * Cuts the two long parts out of a conda-meta record before it is parsed: `files` and `paths_data` are nine tenths of it, and most
 * commands need neither. Measured for 75 records of 14 MB: 95 ms parsed whole, 9 ms without.
 */
export interface CutRecord {
  /** The record's JSON with `null` in place of what was cut out. */
  head: string;
  files: Buffer | undefined;
  pathsData: Buffer | undefined;
}

const NEWLINE = 0x0a;
const SPACE = 0x20;

/**
 * Cuts only where a key begins a line at the record's own indentation and its value ends at a line of the same indentation, as conda,
 * micromamba and taipan write it. JSON strings hold no line feeds, so these lines are structure, whatever the names in it are.
 */
export function cutRecord(text: Buffer): CutRecord {
  const indent = indentOf(text);
  const whole: CutRecord = { head: "", files: undefined, pathsData: undefined };
  if (indent === undefined) return { ...whole, head: text.toString("utf8") };
  const files = valueLines(text, indent, ["files", "[", "]"]);
  const paths = valueLines(text, indent, ["paths_data", "{", "}"]);
  const cuts = [files, paths].filter((cut) => cut !== undefined).sort((a, b) => a[0] - b[0]);
  let head = "";
  let at = 0;
  for (const [start, end] of cuts) {
    if (start < at) return { ...whole, head: text.toString("utf8") };
    head += `${text.toString("utf8", at, start)}null`;
    at = end;
  }
  head += text.toString("utf8", at);
  return { head, files: files && text.subarray(...files), pathsData: paths && text.subarray(...paths) };
}

/** The line feed and blanks before the first key; undefined when the record is written in another way. */
function indentOf(text: Buffer): string | undefined {
  if (text[0] !== 0x7b || text[1] !== NEWLINE) return undefined;
  let end = 2;
  while (text[end] === SPACE) end++;
  return end > 2 && end < 12 ? text.toString("latin1", 1, end) : undefined;
}

/** Start and end of a key's value that opens at the end of its line and closes at the beginning of a later one. */
function valueLines(
  text: Buffer,
  indent: string,
  [key, open, close]: readonly [string, string, string],
): [start: number, end: number] | undefined {
  const opening = `${indent}"${key}": ${open}`;
  const found = text.indexOf(opening);
  if (found < 0) return undefined;
  const start = found + opening.length - 1;
  // An empty list or object ends on its own line; parsing it costs nothing.
  if (text[start + 1] !== NEWLINE) return undefined;
  const last = text.indexOf(`${indent}${close}`, start);
  if (last < 0) return undefined;
  const end = last + indent.length + 1;
  // Another key of the record in between: the value ended somewhere inside a line.
  const inside = text.subarray(start, end);
  return inside.includes(`${indent}"`) ? undefined : [start, end];
}

/** How a record ends whose last key is `paths_data`. */
const TAIL = "\n    ]\n  }\n}\n";
export const TAIL_BYTES = TAIL.length;
/** Before the long lists: the longest lists of dependencies are a few kilobytes. */
export const HEAD_BYTES = 16_384;

export interface RecordHead {
  value: Record<string, unknown>;
  /** Where the list of files begins, in bytes. */
  filesAt: number;
}

/**
 * The record without its long lists out of the two ends of its file, when taipan wrote it: `requested_spec` right before `files`, and
 * `paths_data` last. No other tool has this order (conda and micromamba sort the keys, rattler ends with the specs). Undefined for
 * everything else, which is read whole.
 */
export function headOf(start: Buffer, end: Buffer): RecordHead | undefined {
  if (end.toString("latin1") !== TAIL) return undefined;
  const opening = `,\n  "files": [`;
  const files = start.indexOf(`${opening}\n`);
  if (files < 0) return undefined;
  const text = start.toString("utf8", 0, files);
  if (!text.startsWith('  "requested_spec": ', text.lastIndexOf("\n") + 1)) return undefined;
  try {
    // A list of something inside the record would leave that open.
    const value = JSON.parse(`${text}\n}`) as Record<string, unknown>;
    const complete = ["name", "version", "build", "link"].every((key) => value[key] !== undefined);
    return complete ? { value, filesAt: files + opening.length - 1 } : undefined;
  } catch {
    return undefined;
  }
}

/** The list of files out of bytes that begin with it; undefined when they do not reach to its end. */
export function filesAtStart(bytes: Buffer): Buffer | undefined {
  const last = bytes.indexOf("\n  ]");
  return last < 0 ? undefined : bytes.subarray(0, last + 4);
}
