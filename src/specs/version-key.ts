import type { VersionComponent, VersionSegment } from "./version.ts";

/*
 * The order of CEP 33 as the order of strings. Missing components and segments count as 0, so trailing zeros are dropped and an
 * inner zero is written as "low" or "high" by what follows it: a run of zeros before a string sorts below the end of the segment,
 * before a number or `post` above it. One comparison of flat one-byte strings then decides (about 50 million a second).
 */
const DEV = "\x01";
const STRING = "\x02";
const ZERO_LOW = "\x03";
const EMPTY_LOW = "\x04";
const END = "\x05";
const EMPTY_HIGH = "\x06";
const ZERO_HIGH = "\x07";
/** Followed by a character for the number of digits (at most 16) and the digits. */
const INTEGER = "\x08";
const POST = "\x09";

/** The key of a version from its parts. */
export function encodeVersion(
  epoch: number,
  segments: readonly VersionSegment[],
  local: readonly VersionSegment[],
): string {
  const head = epoch === 0 ? ZERO_LOW : encodeInteger(epoch);
  return `${head}${encodeSegments(segments)}${encodeSegments(local)}`;
}

function encodeSegments(segments: readonly VersionSegment[]): string {
  let out = "";
  // From the end, because each zero must know what follows it.
  let next: "low" | "high" | undefined;
  for (let i = segments.length - 1; i >= 0; i--) {
    const encoded = encodeSegment(segments[i] as VersionSegment);
    if (encoded !== END) {
      out = encoded + out;
      next = encoded.startsWith(ZERO_LOW) ? "low" : "high";
    } else if (next !== undefined) {
      out = (next === "low" ? EMPTY_LOW : EMPTY_HIGH) + out;
    }
  }
  return out + END;
}

function encodeSegment(segment: VersionSegment): string {
  let out = END;
  let next: "low" | "high" | undefined;
  for (let i = segment.length - 1; i >= 0; i--) {
    const part = segment[i] as VersionComponent;
    if (part === 0) {
      if (next !== undefined) out = (next === "low" ? ZERO_LOW : ZERO_HIGH) + out;
    } else if (typeof part === "string") {
      out = (part === "dev" ? DEV : `${STRING}${part}\x00`) + out;
      next = "low";
    } else {
      out = (part === Number.POSITIVE_INFINITY ? POST : encodeInteger(part)) + out;
      next = "high";
    }
  }
  return out;
}

/** The key of a version of plain numbers, without epoch and local part. */
export function encodeNumbers(numbers: readonly number[]): string {
  let out = ZERO_LOW;
  let zeros = 0;
  for (const number of numbers) {
    if (number === 0) {
      zeros++;
      continue;
    }
    for (; zeros > 0; zeros--) out += EMPTY_HIGH;
    out += encodeInteger(number) + END;
  }
  return out + END + END;
}

function encodeInteger(value: number): string {
  const digits = String(value);
  return `${INTEGER}${String.fromCharCode(digits.length)}${digits}`;
}
