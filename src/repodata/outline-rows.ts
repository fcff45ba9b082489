import { isSafeBuildString, isSafeVersionString } from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { HEX } from "./json-bytes.ts";
import { parseOr } from "./json-records.ts";
import { HASH_KEYS, ID, spans } from "./json-spans.ts";
import { clearFields, emptyFields, type OutlineOrigin, OutlineRecord } from "./outline.ts";
import { isInnerPath } from "./record.ts";

/**
 * Outlines of a run in the index file: a JSON list without its brackets, ROW items a record,
 *
 *   version, 0 when it is that of the record before · build, 0 for a record that is not plainly in order ·
 *   build_number · timestamp or 0 · bytes between the end of the record before and this record · bytes of the record ·
 *   0, or [track_features, indexed_timestamp]
 *
 * For a record that is not in order the bytes are those of the whole member, key and all. JSON, because JSON.parse is fast
 * from the first byte: a reader of bytes in JavaScript spends most of a 0.3 s process before the compiler has seen enough.
 */
const ROW = 7;
const COMMA = 0x2c;
const QUOTE = 0x22;
const ZERO = 0x30;
const DASH = 0x2d;
const FNV_PRIME = 16777619;
const CHUNK = 1 << 18;
/** Most bytes of a row, without its texts. */
const ROW_NUMBERS = 128;
/** Longer file names are left to `toRecord`, which refuses those that are too long. */
const MAX_FILE_NAME = 200;

/** Where a member of a dictionary is in the window: its key's opening quote, its value's first byte, and past its end. */
export interface Member {
  keyStart: number;
  start: number;
  end: number;
}

/** Writes rows while a file is indexed. */
export class OutlineWriter {
  #doneLength = 0;
  readonly #done: Buffer[] = [];
  #chunk = Buffer.allocUnsafeSlow(CHUNK);
  #used = 0;
  readonly #version = Buffer.alloc(64);
  #versionLength = 0;
  #lastEnd = 0;
  /** Hash of the file name without extension of the record that was added last. */
  stem = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#doneLength + this.#used;
  }

  /** The next row is the first of a run that begins at this offset. */
  beginRun(start: number): void {
    this.#versionLength = 0;
    this.#lastEnd = start;
  }

  /** A row of the record in `spans`, which is at `[start, end)`; false when it cannot be made of them. */
  add(
    window: Buffer,
    base: number,
    member: Member,
    expected: { extension: string; subdir: Buffer },
  ): boolean {
    const { keyStart, start, end } = member;
    this.stem = stemOf(window, keyStart + 1, expected.extension);
    if (this.stem === 0) return false;
    if (!hasSoundValues(window, expected.subdir)) return false;
    const features = spans[ID.track_features + 1]! - spans[ID.track_features]!;
    this.#room(ROW_NUMBERS + 128 + features);
    this.#addVersion(window);
    this.#addText(window, ID.build);
    this.#addDigits(window, ID.build_number);
    this.#addDigits(window, ID.timestamp);
    this.#addPlace(base + start, base + end);
    if (features > 0 || spans[ID.indexed_timestamp] !== 0) {
      this.#chunk[this.#used++] = 0x5b;
      if (features > 0) this.#addText(window, ID.track_features);
      else this.#addZero();
      this.#addDigits(window, ID.indexed_timestamp);
      this.#chunk[this.#used - 1] = 0x5d;
      this.#chunk[this.#used++] = COMMA;
    } else this.#addZero();
    return true;
  }

  /** A row of a member that has to be looked at when it is needed. */
  addOdd(keyStart: number, end: number): void {
    this.#room(ROW_NUMBERS);
    for (let i = 0; i < 4; i++) this.#addZero();
    this.#addPlace(keyStart, end);
    this.#addZero();
  }

  /** All bytes in order. The writer must not be used afterwards. */
  finish(): Buffer[] {
    return [...this.#done, this.#chunk.subarray(0, this.#used)];
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#chunk.length) return;
    this.#done.push(this.#chunk.subarray(0, this.#used));
    this.#doneLength += this.#used;
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, bytes));
    this.#used = 0;
  }

  #addVersion(window: Buffer): void {
    const start = spans[ID.version]!;
    const length = spans[ID.version + 1]! - start;
    let same = length === this.#versionLength;
    for (let i = 0; same && i < length; i++) same = window[start + i] === this.#version[i];
    if (same) {
      this.#addZero();
      return;
    }
    this.#addText(window, ID.version);
    window.copy(this.#version, 0, start, start + length);
    this.#versionLength = length;
  }

  #addText(window: Buffer, id: number): void {
    const chunk = this.#chunk;
    let at = this.#used;
    chunk[at++] = QUOTE;
    for (let i = spans[id]!; i < spans[id + 1]!; i++) chunk[at++] = window[i]!;
    chunk[at++] = QUOTE;
    chunk[at++] = COMMA;
    this.#used = at;
  }

  #addDigits(window: Buffer, id: number): void {
    const start = spans[id]!;
    if (start === 0) {
      this.#addZero();
      return;
    }
    const chunk = this.#chunk;
    let at = this.#used;
    for (let i = start; i < spans[id + 1]!; i++) chunk[at++] = window[i]!;
    chunk[at++] = COMMA;
    this.#used = at;
  }

  #addZero(): void {
    this.#chunk[this.#used++] = ZERO;
    this.#chunk[this.#used++] = COMMA;
  }

  #addPlace(start: number, end: number): void {
    this.#addNumber(start - this.#lastEnd);
    this.#addNumber(end - start);
    this.#lastEnd = end;
  }

  #addNumber(value: number): void {
    const chunk = this.#chunk;
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let at = this.#used + digits;
    this.#used = at + 1;
    chunk[at] = COMMA;
    for (let rest = value; at > this.#used - 1 - digits; rest = Math.floor(rest / 10))
      chunk[--at] = ZERO + (rest % 10);
  }
}

/**
 * A hash, never 0, of the key when it is `name-version-build` and the extension that files of its dictionary have; else 0.
 * The hash leaves the name out, which records are grouped by.
 */
function stemOf(window: Buffer, start: number, extension: string): number {
  let at = start;
  let hash = 0;
  for (const id of FILE_NAME_PARTS) {
    const from = spans[id]!;
    const to = spans[id + 1]!;
    if (from === to) return 0;
    for (let i = from; i < to; i++) {
      const byte = window[i]!;
      if (byte !== window[at++]) return 0;
      hash = Math.imul(hash ^ byte, FNV_PRIME);
    }
    if (id === ID.build) break;
    if (window[at++] !== DASH) return 0;
    hash = id === ID.name ? 0 : Math.imul(hash ^ DASH, FNV_PRIME);
  }
  for (let i = 0; i < extension.length; i++) if (window[at++] !== extension.charCodeAt(i)) return 0;
  return window[at] === QUOTE && at - start <= MAX_FILE_NAME ? hash || 1 : 0;
}

const FILE_NAME_PARTS = [ID.name, ID.version, ID.build] as const;

let lastPath: string | undefined;

function hasSoundValues(window: Buffer, subdir: Buffer): boolean {
  const from = spans[ID.subdir]!;
  if (from !== 0) {
    if (spans[ID.subdir + 1]! - from !== subdir.length) return false;
    for (let i = 0; i < subdir.length; i++) if (window[from + i] !== subdir[i]) return false;
  }
  const path = spans[ID.innerPath]!;
  if (path !== 0) {
    // All builds of a python version have the same.
    const text = window.toString("latin1", path, spans[ID.innerPath + 1]!);
    if (text !== lastPath && !isInnerPath(text)) return false;
    lastPath = text;
  }
  for (const { id, length } of HASH_KEYS) {
    const start = spans[id]!;
    const end = spans[id + 1]!;
    if (end === start) continue;
    if (end - start !== length) return false;
    let digits = 1;
    for (let i = start; i < end; i++) digits &= HEX[window[i]!]!;
    if (digits === 0) return false;
  }
  return true;
}

/** What is known of all records of a run. */
export interface OutlineRun {
  name: string;
  subdir: string;
  extension: string;
  /** Offset of its first byte in the file. */
  start: number;
  origin: OutlineOrigin;
}

const fields = emptyFields();

export interface RowReader {
  found: RepoDataRecord[];
  /** Is given the place of each member that has to be looked at, or of its value and its key without extension. */
  odd(start: number, end: number, key?: string): void;
  /** Asked with the place of each record: false leaves it out, a list is what it depends on. All are wanted without it. */
  choose?: ((start: number, end: number) => boolean | string[]) | undefined;
}

/** Makes outlines of the rows of a run; false when the rows are not those that were written. */
export function readRows(rows: string, run: OutlineRun, into: RowReader): boolean {
  const items = parseOr(`[${rows}0]`) as (string | number | [string | number, number])[] | undefined;
  if (!items) return false;
  let version = "";
  let safe = false;
  let end = run.start;
  clearFields(fields, run.name, run.subdir);
  fields.extension = run.extension;
  for (let i = 0; i + ROW <= items.length; i += ROW) {
    const start = end + (items[i + 4] as number);
    end = start + (items[i + 5] as number);
    const build = items[i + 1]!;
    if (items[i] !== 0) {
      version = items[i] as string;
      safe = isSafeVersionString(version);
    }
    if (typeof build !== "string") {
      into.odd(start, end);
      continue;
    }
    if (!safe || !isSafeBuildString(build)) {
      into.odd(start, end, `${run.name}-${version}-${build}`);
      continue;
    }
    const chosen = into.choose?.(start, end) ?? true;
    if (chosen === false) continue;
    const rest = items[i + 6] as 0 | [string | 0, number];
    fields.version = version;
    fields.build = build;
    fields.build_number = items[i + 2] as number;
    fields.timestamp = (items[i + 3] as number) || undefined;
    fields.track_features = rest === 0 ? undefined : rest[0] || undefined;
    fields.indexed_timestamp = rest === 0 ? undefined : rest[1] || undefined;
    fields.start = start;
    fields.end = end;
    const dependencies = chosen === true ? undefined : chosen;
    into.found.push(new OutlineRecord(fields, run.origin, dependencies));
  }
  return true;
}
