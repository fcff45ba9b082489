/** JSON as bytes: what the scanner of repodata needs to find its way. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;

export function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

/** Bytes of numbers, `true`, `false` and `null`. */
export function isScalarByte(c: number | undefined): boolean {
  return (
    c !== undefined &&
    ((c >= 0x61 && c <= 0x7a) ||
      (c >= 0x30 && c <= 0x39) ||
      c === 0x2d ||
      c === 0x2b ||
      c === 0x2e ||
      c === 0x45)
  );
}

/** Whether the bytes at `i` are `name`. */
export function isName(b: Buffer, i: number): boolean {
  return b[i] === 0x6e && b[i + 1] === 0x61 && b[i + 2] === 0x6d && b[i + 3] === 0x65;
}

/** Position past the closing quote of the string whose opening quote is at `i`, or -1 when it goes on. */
export function stringEnd(b: Buffer, i: number, n: number): number {
  i++;
  while (i < n) {
    const c = b[i++];
    if (c === QUOTE) return i;
    if (c === BACKSLASH) i++;
  }
  return -1;
}

/** Position past the container at `i`, or -1 when it goes on. */
export function valueEnd(b: Buffer, i: number, n: number): number {
  let depth = 0;
  while (i < n) {
    const c = b[i];
    if (c === QUOTE) {
      i = stringEnd(b, i, n);
      if (i < 0) return -1;
      continue;
    }
    i++;
    if (c === OPEN_BRACE || c === OPEN_BRACKET) depth++;
    else if ((c === CLOSE_BRACE || c === CLOSE_BRACKET) && --depth === 0) return i;
  }
  return -1;
}

/** 1 for each byte that is a hexadecimal digit. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) =>
  /^[0-9a-fA-F]$/.test(String.fromCharCode(byte)) ? 1 : 0,
);
