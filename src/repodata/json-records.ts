import { COLON, COMMA, isSpace, QUOTE, stringEnd, valueEnd } from "./json-bytes.ts";

/**
 * Reads a run of members, `{"file": {…}, "file": {…}}`, and calls back with each; `raw` is undefined for one that is no valid
 * JSON. One JSON.parse for the whole run: a reader of bytes that makes only the strings that are needed takes 1.4 times the
 * processor time, most of it before the compiler has seen enough of it. When the whole does not parse, the members are
 * parsed one by one, to lose no more than the malformed.
 */
export function readRecords(bytes: Buffer, each: (fn: string, raw: unknown) => void): void {
  let members: Record<string, unknown> | undefined;
  try {
    members = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  } catch {
    readEach(bytes, each);
    return;
  }
  for (const fn of Object.keys(members)) each(fn, members[fn]);
}

function readEach(bytes: Buffer, each: (fn: string, raw: unknown) => void): void {
  const n = bytes.length;
  for (let i = 1; ; ) {
    while (isSpace(bytes[i]) || bytes[i] === COMMA) i++;
    if (bytes[i] !== QUOTE) return;
    const keyEnd = stringEnd(bytes, i, n);
    if (keyEnd < 0) return;
    const keyStart = i;
    i = keyEnd;
    while (isSpace(bytes[i]) || bytes[i] === COLON) i++;
    const end = valueEnd(bytes, i, n);
    if (end < 0) return;
    const valueStart = i;
    i = end;
    const key = parseOr(bytes.toString("utf8", keyStart, keyEnd));
    each(typeof key === "string" ? key : "", parseOr(bytes.toString("utf8", valueStart, end)));
  }
}

/** The value, or undefined when it is no JSON. */
export function parseOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
