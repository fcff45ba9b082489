/** One 512-byte tar header, and the records of a PAX extended header (POSIX.1-2001). Pure and total. */
import { ToolError } from "../errors.ts";

export interface RawHeader {
  name: string;
  type: string;
  size: number;
  mode: number;
  /** Seconds since the epoch; undefined where the header does not say. */
  mtime: number | undefined;
  target: string;
}

/** What extended headers say of the next member. */
export interface Overrides {
  path?: string;
  linkpath?: string;
  size?: number;
  mtime?: number;
  /** A PAX header was there, whatever it said. */
  pax?: true;
}

/** Reads the 512 bytes from `at` on. Throws `archive-invalid` when their checksum or a number is wrong. */
export function parseHeader(bytes: Buffer, at: number): RawHeader {
  checkSum(bytes, at);
  const posix =
    bytes[at + 257] === 0x75 &&
    bytes[at + 258] === 0x73 &&
    bytes[at + 259] === 0x74 &&
    bytes[at + 260] === 0x61 &&
    bytes[at + 261] === 0x72;
  // GNU archives ("ustar  ") keep times where POSIX ones ("ustar\0") keep the name's first part.
  const prefix = posix && bytes[at + 262] === 0 ? text(bytes, at + 345, 155) : "";
  const name = text(bytes, at, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: String.fromCharCode(bytes[at + 156]!),
    size: number(bytes, at + 124, 12, "size"),
    mode: number(bytes, at + 100, 8, "mode") & 0o7777,
    mtime: time(bytes, at + 136),
    target: text(bytes, at + 157, 100),
  };
}

const SUM_AT = 148;
const SUM_LENGTH = 8;

function checkSum(bytes: Buffer, at: number): void {
  let sum = 0;
  for (let i = at; i < at + 512; i += 4) sum += bytes[i]! + bytes[i + 1]! + bytes[i + 2]! + bytes[i + 3]!;
  // Its own field counts as eight spaces.
  for (let i = at + SUM_AT; i < at + SUM_AT + SUM_LENGTH; i++) sum += 0x20 - bytes[i]!;
  const expected = number(bytes, at + SUM_AT, SUM_LENGTH, "checksum");
  // Old writers summed signed bytes.
  if (expected !== sum && expected !== sum - 256 * highBytes(bytes, at))
    throw invalid("the checksum of a header does not match");
}

/** Bytes above 127 outside of the checksum's field. */
function highBytes(bytes: Buffer, at: number): number {
  let count = 0;
  for (let i = 0; i < 512; i++) if ((i < SUM_AT || i >= SUM_AT + SUM_LENGTH) && bytes[at + i]! > 127) count++;
  return count;
}

/** Bytes up to the first NUL. */
function text(bytes: Buffer, from: number, length: number): string {
  let end = from;
  let ascii = true;
  while (end < from + length && bytes[end] !== 0) if (bytes[end++]! > 127) ascii = false;
  if (end === from) return "";
  return ascii ? bytes.toString("latin1", from, end) : decodeText(bytes.subarray(from, end));
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8, or Latin-1 where it is no UTF-8: lossless, so names stay distinct. */
export function decodeText(bytes: Buffer): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return bytes.toString("latin1");
  }
}

/** Octal text, or GNU's base 256 when the first bit is set. Blank is 0. */
function number(block: Uint8Array, from: number, length: number, what: string): number {
  if (block[from]! & 0x80) {
    if (block[from] !== 0x80) throw invalid(`a header has a bad ${what}`); // negative, or beyond 2^88
    let value = 0;
    for (let i = from + 1; i < from + length; i++) value = value * 256 + block[i]!;
    if (!Number.isSafeInteger(value)) throw invalid(`a header has a bad ${what}`);
    return value;
  }
  let at = from;
  const end = from + length;
  while (at < end && block[at] === 0x20) at++;
  let value = 0;
  for (; at < end && block[at] !== 0 && block[at] !== 0x20; at++) {
    const digit = block[at]! - 0x30;
    if (digit < 0 || digit > 7) throw invalid(`a header has a bad ${what}`);
    value = value * 8 + digit;
  }
  for (; at < end; at++)
    if (block[at] !== 0 && block[at] !== 0x20) throw invalid(`a header has a bad ${what}`);
  return value;
}

/** A time is no reason to refuse an archive: what is no octal number is none. */
function time(bytes: Buffer, at: number): number | undefined {
  const seconds = Number.parseInt(bytes.toString("latin1", at, at + 12), 8);
  return seconds >= 0 ? seconds : undefined;
}

/** Reads `length key=value\n` records. Of global headers only what does not rename or resize members is accepted. */
export function parsePax(bytes: Uint8Array, global: boolean): Overrides {
  const found: Overrides = global ? {} : { pax: true };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < buffer.length; ) {
    const space = buffer.indexOf(0x20, at);
    const digits = space < 0 ? "" : buffer.toString("latin1", at, space);
    const length = /^[1-9]\d{0,7}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (length === 0 || end > buffer.length || end <= space + 2 || buffer[end - 1] !== 0x0a)
      throw invalid("a PAX record is malformed");
    const equals = buffer.indexOf(0x3d, space);
    if (equals < 0 || equals >= end) throw invalid("a PAX record has no value");
    paxRecord(
      found,
      buffer.toString("utf8", space + 1, equals),
      buffer.subarray(equals + 1, end - 1),
      global,
    );
    at = end;
  }
  return found;
}

function paxRecord(found: Overrides, key: string, value: Buffer, global: boolean): void {
  if (key.startsWith("GNU.sparse.")) throw invalid("sparse files are not supported");
  if (key === "mtime" && !global && /^\d{1,11}(\.\d*)?$/.test(value.toString("latin1")))
    found.mtime = Number(value.toString("latin1"));
  if (key !== "path" && key !== "linkpath" && key !== "size") return;
  if (global) throw invalid(`a global PAX header sets \`${key}\``);
  if (found[key] !== undefined) throw invalid(`a PAX header sets \`${key}\` twice`);
  if (key === "size") {
    const size = Number(value.toString("latin1"));
    if (!/^\d{1,16}$/.test(value.toString("latin1")) || !Number.isSafeInteger(size))
      throw invalid("a PAX header has a bad size");
    found.size = size;
  } else {
    if (value.length === 0 || value.includes(0)) throw invalid(`a PAX header has a bad \`${key}\``);
    found[key] = decodeText(value);
  }
}

function invalid(reason: string): ToolError {
  return new ToolError("archive-invalid", `invalid tar archive: ${reason}`);
}
