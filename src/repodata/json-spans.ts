import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from "./json-bytes.ts";
import { MAX_TEXT } from "./record.ts";

const TEXT = 1;
const INTEGER = 2;
const LIST = 4;
const LITERAL = 8;
const NOTHING = 0;

/** Keys that are read, and the types that their values may have. */
const KEYS = [
  ["name", TEXT],
  ["version", TEXT],
  ["build", TEXT],
  ["build_number", INTEGER],
  ["subdir", TEXT],
  ["timestamp", INTEGER],
  ["indexed_timestamp", INTEGER],
  ["track_features", TEXT],
  ["md5", TEXT],
  ["sha256", TEXT],
  ["python_site_packages_path", TEXT],
  ["depends", LIST],
  ["constrains", LIST],
  ["extra_depends", NOTHING],
  ["flags", NOTHING],
] as const;

const position = (key: (typeof KEYS)[number][0]): number => KEYS.findIndex(([text]) => text === key) * 2;

/** Where the start of a key's span is in `spans`. */
export const ID = {
  name: position("name"),
  version: position("version"),
  build: position("build"),
  build_number: position("build_number"),
  subdir: position("subdir"),
  timestamp: position("timestamp"),
  indexed_timestamp: position("indexed_timestamp"),
  track_features: position("track_features"),
  md5: position("md5"),
  sha256: position("sha256"),
  innerPath: position("python_site_packages_path"),
  depends: position("depends"),
  constrains: position("constrains"),
} as const;

/** Keys of hashes and how many hexadecimal digits those have. */
export const HASH_KEYS = [
  { id: position("md5"), length: 32 },
  { id: position("sha256"), length: 64 },
] as const;

/** Start and end of the value of each key of the record that `recordSpans` read last; 0 where the key is absent. Texts are without quotes. */
export const spans = new Int32Array(KEYS.length * 2);

const MAX_KEY = 32;
const slotOf = (length: number, first: number, second: number): number =>
  (length << 5) | ((first + second) & 31);
/** Position in KEYS plus one, by length and first two bytes, which tell all of them apart; 0 is no key of them. */
const SLOTS = new Uint8Array(MAX_KEY << 5);
const KEY_BYTES = KEYS.map(([key]) => Buffer.from(key, "latin1"));
const ALLOWED = Uint8Array.from(KEYS, ([, types]) => types);
KEY_BYTES.forEach((bytes, id) => {
  SLOTS[slotOf(bytes.length, bytes[0]!, bytes[1]!)] = id + 1;
});

/** Half the position in `spans` of the key in `b[start, start + length)`, or -1. */
export function keyAt(b: Buffer, start: number, length: number): number {
  if (length < 2 || length >= MAX_KEY) return -1;
  const id = SLOTS[slotOf(length, b[start]!, b[start + 1]!)]! - 1;
  if (id < 0) return -1;
  const bytes = KEY_BYTES[id]!;
  for (let k = 0; k < length; k++) if (b[start + k] !== bytes[k]) return -1;
  return id;
}

/** Digits of the largest number that is read. */
const MAX_DIGITS = 15;

/**
 * Finds where the values of the dictionary at `i` are; returns the position past it, or -1 when anything in it is not as
 * records usually are: escapes, control characters, nested dictionaries, numbers with a sign or fraction, a key's value of
 * another type, or its end is past `n`, where a quote must be.
 *
 * One function with a loop for each kind of byte: this sees every byte of every record of a subdir.
 */
export function recordSpans(b: Buffer, i: number, n: number): number {
  spans.fill(0);
  if (b[i] !== OPEN_BRACE) return -1;
  for (i++; isSpace(b[i]); ) i++;
  for (;;) {
    if (b[i] !== QUOTE) return -1;
    const key = ++i;
    for (let c = b[i]!; c !== QUOTE; c = b[++i]!) if (c < 0x20 || c === BACKSLASH) return -1;
    const length = i - key;
    const id = keyAt(b, key, length);
    i++;
    while (b[i] === 0x20 || b[i] === 0x0a || b[i] === 0x0d || b[i] === 0x09) i++;
    if (b[i++] !== COLON) return -1;
    while (b[i] === 0x20 || b[i] === 0x0a || b[i] === 0x0d || b[i] === 0x09) i++;
    let type = NOTHING;
    let start = i;
    let end = i;
    const first = b[i]!;
    if (first === QUOTE) {
      type = TEXT;
      start = ++i;
      for (let c = b[i]!; c !== QUOTE; c = b[++i]!) if (c < 0x20 || c === BACKSLASH) return -1;
      end = i++;
      if (end - start > MAX_TEXT) return -1;
    } else if (first >= 0x30 && first <= 0x39) {
      type = INTEGER;
      while (b[i]! >= 0x30 && b[i]! <= 0x39) i++;
      end = i;
      if (end - start > MAX_DIGITS || (first === 0x30 && end - start > 1)) return -1;
    } else if (first === OPEN_BRACKET) {
      type = LIST;
      i++;
      while (b[i] === 0x20 || b[i] === 0x0a || b[i] === 0x0d || b[i] === 0x09) i++;
      if (b[i] === CLOSE_BRACKET) i++;
      else {
        for (;;) {
          if (b[i] !== QUOTE) return -1;
          const item = ++i;
          for (let c = b[i]!; c !== QUOTE; c = b[++i]!) if (c < 0x20 || c === BACKSLASH) return -1;
          if (i++ - item > MAX_TEXT) return -1;
          while (b[i] === 0x20 || b[i] === 0x0a || b[i] === 0x0d || b[i] === 0x09) i++;
          const c = b[i++];
          if (c === CLOSE_BRACKET) break;
          if (c !== COMMA) return -1;
          while (b[i] === 0x20 || b[i] === 0x0a || b[i] === 0x0d || b[i] === 0x09) i++;
        }
      }
      end = i;
    } else {
      type = LITERAL;
      end = literalEnd(b, i);
      if (end < 0) return -1;
      i = end;
    }
    if (id >= 0) {
      if ((ALLOWED[id]! & type) === 0) return -1;
      spans[id * 2] = start;
      spans[id * 2 + 1] = end;
    }
    while (b[i] === 0x20 || b[i] === 0x0a || b[i] === 0x0d || b[i] === 0x09) i++;
    const c = b[i++];
    if (c === CLOSE_BRACE) return i <= n ? i : -1;
    if (c !== COMMA) return -1;
    while (b[i] === 0x20 || b[i] === 0x0a || b[i] === 0x0d || b[i] === 0x09) i++;
  }
}

const LITERALS = ["null", "true", "false"].map((text) => Buffer.from(text, "latin1"));

function literalEnd(b: Buffer, i: number): number {
  for (const literal of LITERALS)
    if (literal.every((byte, k) => b[i + k] === byte)) return i + literal.length;
  return -1;
}
