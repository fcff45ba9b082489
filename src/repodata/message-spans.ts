import { ID, keyAt, spans } from "./json-spans.ts";

/** Values of INTEGER keys of the record that `messageSpans` read last, by half their position in `spans`; 0 where absent. */
export const numbers = new Float64Array(spans.length / 2);

/** Where the items of `depends` are: start and end of each, `items.length` of them. */
export const items = { positions: new Int32Array(256), length: 0 };

const DEPENDS = ID.depends;
/** Kinds of values. */
const TEXT = 1;
const INTEGER = 2;
const LIST = 3;
const BINARY = 4;

/**
 * As `recordSpans` for a record in MessagePack (CEP 16), which is the dictionary at `i`: hashes are binary there. Returns the
 * position past it, or -1 when anything in it is not as records usually are, or its end is past `n`.
 */
export function messageSpans(b: Buffer, i: number, n: number): number {
  spans.fill(0);
  numbers.fill(0);
  items.length = 0;
  let entries = b[i++]!;
  if (entries >= 0x80 && entries <= 0x8f) entries &= 15;
  else if (entries === 0xde) {
    entries = (b[i]! << 8) | b[i + 1]!;
    i += 2;
  } else return -1;
  for (; entries > 0; entries--) {
    let length = b[i++]!;
    if (length >= 0xa0 && length <= 0xbf) length &= 31;
    else if (length === 0xd9) length = b[i++]!;
    else return -1;
    const id = keyAt(b, i, length);
    i += length;
    const type = b[i++]!;
    let kind = 0;
    let start = i;
    if (type >= 0xa0 && type <= 0xbf) {
      kind = TEXT;
      i += type & 31;
    } else if (type <= 0x7f) {
      kind = INTEGER;
      if (id >= 0) numbers[id] = type;
    } else if (type === 0xd9 || type === 0xc4) {
      kind = type === 0xd9 ? TEXT : BINARY;
      start = i + 1;
      i = start + b[i]!;
    } else if (type === 0xda || type === 0xc5) {
      kind = type === 0xda ? TEXT : BINARY;
      start = i + 2;
      i = start + ((b[i]! << 8) | b[i + 1]!);
    } else if (type >= 0xcc && type <= 0xcf) {
      kind = INTEGER;
      const bytes = 1 << (type - 0xcc);
      let value = 0;
      for (let k = 0; k < bytes; k++) value = value * 256 + b[i + k]!;
      i += bytes;
      if (value > Number.MAX_SAFE_INTEGER) return -1;
      if (id >= 0) numbers[id] = value;
    } else if ((type >= 0x90 && type <= 0x9f) || type === 0xdc) {
      kind = LIST;
      const count = type === 0xdc ? (b[i]! << 8) | b[i + 1]! : type & 15;
      i = listEnd(b, type === 0xdc ? i + 2 : i, count, n, id * 2 === DEPENDS);
      if (i < 0) return -1;
    } else if (type !== 0xc0 && type !== 0xc2 && type !== 0xc3) return -1;
    else if (id >= 0 && type !== 0xc0) return -1;
    if (i > n) return -1;
    if (id < 0 || type === 0xc0) continue;
    if (kind !== KINDS[id]) return -1;
    spans[id * 2] = start;
    spans[id * 2 + 1] = i;
  }
  return i;
}

/** Past `count` texts, or -1; notes where they are. */
function listEnd(b: Buffer, i: number, count: number, n: number, noted: boolean): number {
  if (noted) {
    items.length = 0;
    if (items.positions.length < count * 2) items.positions = new Int32Array(count * 4);
  }
  for (let k = 0; k < count; k++) {
    let length = b[i++]!;
    if (length >= 0xa0 && length <= 0xbf) length &= 31;
    else if (length === 0xd9) length = b[i++]!;
    else return -1;
    if (noted) {
      items.positions[items.length * 2] = i;
      items.positions[items.length++ * 2 + 1] = i + length;
    }
    i += length;
    if (i > n) return -1;
  }
  return i;
}

/** What the value of each key must be. */
const KINDS = new Uint8Array(numbers.length);
for (const id of [ID.name, ID.version, ID.build, ID.subdir, ID.track_features, ID.innerPath])
  KINDS[id / 2] = TEXT;
for (const id of [ID.build_number, ID.timestamp, ID.indexed_timestamp]) KINDS[id / 2] = INTEGER;
for (const id of [ID.depends, ID.constrains]) KINDS[id / 2] = LIST;
for (const id of [ID.md5, ID.sha256]) KINDS[id / 2] = BINARY;
