/** Programs for 64-bit Windows as bytes: the part of the PE format (Microsoft, "PE Format") that a program with imports needs. */

/** What a program is made of. A listing is one instruction a line: bytes in hex, `@symbol` for its distance, `label:`, `; comment`. */
export interface Program {
  /** Machine code; begins at the label `start`. */
  listing: string;
  /** The DLL and its functions; each one's symbol is the slot that holds its address. */
  dll: string;
  imports: readonly string[];
  /** Constants by symbol. */
  constants: Readonly<Record<string, Uint8Array>>;
  /** Zeroed memory by symbol, in bytes. */
  variables: Readonly<Record<string, number>>;
}

const PAGE = 0x1000;
const FILE_ALIGNMENT = 0x200;
const HEADERS = 0x200;
const PE_OFFSET = 0x40;
const OPTIONAL_HEADER = 240;
const DESCRIPTORS = 40;

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** A console program (PE32+, x86-64) that may be loaded anywhere: its code names everything by distance, so it has no relocations. */
export function peImage(program: Program): Uint8Array {
  const text = PAGE;
  const size = codeSize(program.listing);
  const rdata = text + roundUp(size, PAGE);
  const constants = constantData(program, rdata);
  const data = rdata + roundUp(constants.bytes.length, PAGE);
  const symbols = new Map(constants.symbols);
  let end = data;
  for (const [name, bytes] of Object.entries(program.variables)) {
    symbols.set(name, end);
    end += roundUp(bytes, 16);
  }
  const code = assemble(program.listing, text, symbols);
  const rawText = roundUp(code.length, FILE_ALIGNMENT);
  const rawData = roundUp(constants.bytes.length, FILE_ALIGNMENT);
  const image = new Uint8Array(HEADERS + rawText + rawData);
  const sections = [
    { name: ".text", rva: text, size: code.length, raw: rawText, at: HEADERS, flags: 0x60000020 },
    {
      name: ".rdata",
      rva: rdata,
      size: constants.bytes.length,
      raw: rawData,
      at: HEADERS + rawText,
      flags: 0x40000040,
    },
    { name: ".data", rva: data, size: end - data, raw: 0, at: 0, flags: 0xc0000080 },
  ];
  writeHeaders(new DataView(image.buffer), sections, {
    imports: [rdata, DESCRIPTORS],
    addresses: [rdata + DESCRIPTORS, 8 * (program.imports.length + 1)],
    imageSize: roundUp(end, PAGE),
  });
  image.set(code, HEADERS);
  image.set(constants.bytes, HEADERS + rawText);
  return image;
}

const TOKENS = /\S+/g;

function* tokensOf(listing: string): Generator<string> {
  for (const line of listing.split("\n")) yield* line.replace(/;.*$/, "").match(TOKENS) ?? [];
}

function codeSize(listing: string): number {
  let size = 0;
  for (const token of tokensOf(listing)) size += token.endsWith(":") ? 0 : token.startsWith("@") ? 4 : 1;
  return size;
}

/** Distances are counted from the end of their own four bytes: no instruction of a listing has anything behind them. */
function assemble(listing: string, base: number, symbols: ReadonlyMap<string, number>): Uint8Array {
  const code = new Uint8Array(codeSize(listing));
  const view = new DataView(code.buffer);
  const known = new Map(symbols);
  let at = 0;
  for (const token of tokensOf(listing)) {
    if (token.endsWith(":")) known.set(token.slice(0, -1), base + at);
    else at += token.startsWith("@") ? 4 : 1;
  }
  at = 0;
  for (const token of tokensOf(listing)) {
    if (token.endsWith(":")) continue;
    if (token.startsWith("@")) {
      const target = known.get(token.slice(1));
      if (target === undefined) throw new RangeError(`no symbol ${token}`);
      view.setInt32(at, target - (base + at + 4), true);
      at += 4;
    } else view.setUint8(at++, Number.parseInt(token, 16));
  }
  return code;
}

/** `.rdata`: import descriptor, address table (filled by the loader), lookup table, names, constants. */
function constantData(program: Program, base: number): { bytes: Uint8Array; symbols: Map<string, number> } {
  const table = 8 * (program.imports.length + 1);
  const symbols = new Map<string, number>();
  const parts: [at: number, bytes: Uint8Array][] = [];
  let end = DESCRIPTORS + 2 * table;
  const add = (bytes: Uint8Array): number => {
    const at = end;
    parts.push([at, bytes]);
    end = roundUp(end + bytes.length, 2);
    return base + at;
  };
  // A name stands behind a two-byte hint and ends with a NUL.
  const names = program.imports.map((name) => add(ascii(`\0\0${name}\0`)));
  const dll = add(ascii(`${program.dll}\0`));
  for (const [name, bytes] of Object.entries(program.constants)) symbols.set(name, add(bytes));
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  for (const [at, part] of parts) bytes.set(part, at);
  program.imports.forEach((name, i) => {
    symbols.set(name, base + DESCRIPTORS + 8 * i);
    for (const start of [DESCRIPTORS, DESCRIPTORS + table])
      view.setBigUint64(start + 8 * i, BigInt(names[i]!), true);
  });
  view.setUint32(0, base + DESCRIPTORS + table, true);
  view.setUint32(12, dll, true);
  view.setUint32(16, base + DESCRIPTORS, true);
  return { bytes, symbols };
}

interface Section {
  name: string;
  rva: number;
  size: number;
  raw: number;
  at: number;
  flags: number;
}

function writeHeaders(
  view: DataView,
  sections: readonly Section[],
  where: { imports: [number, number]; addresses: [number, number]; imageSize: number },
): void {
  const put = (at: number, ...words: number[]): void =>
    words.forEach((word, i) => {
      view.setUint32(at + 4 * i, word, true);
    });
  const half = (at: number, ...halves: number[]): void =>
    halves.forEach((value, i) => {
      view.setUint16(at + 2 * i, value, true);
    });
  const [text, rdata, data] = sections as [Section, Section, Section];
  half(0, 0x5a4d);
  put(0x3c, PE_OFFSET, 0x4550);
  const coff = PE_OFFSET + 4;
  // Executable, and above 2 GiB if the loader likes; no time stamp, so that the bytes are the same everywhere.
  half(coff, 0x8664, sections.length);
  half(coff + 16, OPTIONAL_HEADER, 0x22);
  const optional = coff + 20;
  half(optional, 0x20b, 14);
  put(optional + 4, text.raw, rdata.raw, roundUp(data.size, FILE_ALIGNMENT), text.rva, text.rva);
  view.setBigUint64(optional + 24, 0x140000000n, true);
  put(optional + 32, PAGE, FILE_ALIGNMENT);
  half(optional + 40, 6, 0, 0, 0, 6, 0);
  put(optional + 56, where.imageSize, HEADERS);
  // A console program; HIGH_ENTROPY_VA, DYNAMIC_BASE, NX_COMPAT, TERMINAL_SERVER_AWARE.
  half(optional + 68, 3, 0x8160);
  for (const [i, bytes] of [0x100000n, 0x1000n, 0x100000n, 0x1000n].entries())
    view.setBigUint64(optional + 72 + 8 * i, bytes, true);
  put(optional + 108, 16);
  const directory = (index: number, place: [number, number]): void =>
    put(optional + 112 + 8 * index, ...place);
  directory(1, where.imports);
  directory(12, where.addresses);
  for (const [i, section] of sections.entries()) {
    const at = optional + OPTIONAL_HEADER + 40 * i;
    for (const [j, byte] of ascii(section.name).entries()) view.setUint8(at + j, byte);
    put(at + 8, section.size, section.rva, section.raw, section.at);
    put(at + 36, section.flags);
  }
}
