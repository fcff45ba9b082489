import type { RcEntry } from "./rc-parse.ts";

/** Thrown for a text that `parseSimpleRc` does not read; it may well be YAML. */
export class NotSimple extends Error {}

const KEY = /^([A-Za-z_][A-Za-z0-9_]*):(?:[ ]+(.*?))?[ ]*$/;
const ITEM = /^([ ]*)-[ ]+(.*?)[ ]*$/;
/** What YAML takes for text, a number, true or false wherever it stands: no quotes, comments, tags, anchors or flow. */
const PLAIN = /^[A-Za-z0-9./~$][A-Za-z0-9_./~$@+%=-]*(?::[A-Za-z0-9_./~$@+%=-]+)*$/;

/**
 * Reads the plainest condarc: keys with one plain value or a block list of them, whole-line comments, empty lines. Gives
 * exactly what `parseRc` gives for it (a property test compares them), or throws `NotSimple`.
 */
export function parseSimpleRc(text: string, _path: string): RcEntry[] {
  const entries: (RcEntry & { items?: unknown[]; indent?: number })[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^[ ]*(#.*)?$/.test(line)) continue;
    const last = entries.at(-1);
    const item = ITEM.exec(line);
    if (item) {
      const indent = item[1]!.length;
      if (!last || (last.items === undefined && last.raw !== null) || (last.indent ?? indent) !== indent)
        throw new NotSimple();
      last.indent = indent;
      last.items = [...(last.items ?? []), scalar(item[2]!)];
      last.raw = last.items;
      (last.itemMarks as Map<number, []>).set(last.items.length - 1, []);
      continue;
    }
    const key = KEY.exec(line);
    if (!key || entries.some((entry) => entry.key === key[1])) throw new NotSimple();
    const raw = key[2] === undefined ? null : scalar(key[2]);
    entries.push({ key: key[1]!, raw, marks: [], itemMarks: new Map(), line: i + 1 });
  }
  return entries.map(({ key, raw, marks, itemMarks, line }) => ({ key, raw, marks, itemMarks, line }));
}

/** Numbers other than short decimal ones are left to YAML: octal, hexadecimal, exponents, infinities. */
function scalar(text: string): unknown {
  if (!PLAIN.test(text)) throw new NotSimple();
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  if (/^[.\d]/.test(text) || /^(~|null|Null|NULL)$/.test(text)) throw new NotSimple();
  return text;
}
