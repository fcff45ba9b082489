/** Headers of stored zip members (APPNOTE.TXT 4.3), zip64 included. Pure and total. */
import { ToolError } from "../errors.ts";

export interface LocalMember {
  name: string;
  /** Position of the local header. */
  offset: number;
  flags: number;
  crc: number;
  size: number;
}

/** Everything from the first central header to the end of the file. */
export interface CentralDirectory {
  offset: number;
  bytes: Uint8Array[];
  length: number;
}

const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
/** Bit 11 says that names are UTF-8; all other flags change how data is read. */
const UTF8_FLAG = 0x0800;
const ZIP64_EXTRA = 0x0001;
/** Info-ZIP's other name of the member: readers that use it see another archive than those that do not. */
const UNICODE_PATH_EXTRA = 0x7075;

export function parseLocalHeader(header: Uint8Array, offset: number): LocalMember {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const nameLength = view.getUint16(26, true);
  const name = memberName(header.subarray(30, 30 + nameLength));
  const flags = checkedFlags(view.getUint16(6, true), view.getUint16(8, true), name);
  const zip64 = readExtra(header.subarray(30 + nameLength), name);
  const [size, compressed] = sizes(view.getUint32(22, true), view.getUint32(18, true), zip64, name);
  if (size !== compressed) throw invalidZip(`\`${name}\` is stored but its two sizes differ`);
  return { name, offset, flags, crc: view.getUint32(14, true), size };
}

/** Throws unless the directory lists exactly `members`, in their order, and ends the file. */
export function verifyCentralDirectory(directory: CentralDirectory, members: readonly LocalMember[]): void {
  const bytes = Buffer.concat(directory.bytes);
  let at = 0;
  for (const member of members) at = verifyCentralHeader(bytes, at, member);
  verifyEnd(bytes, at, directory.offset, members.length);
}

function verifyCentralHeader(bytes: Buffer, at: number, member: LocalMember): number {
  if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
    throw invalidZip(`its directory does not list \`${member.name}\``);
  }
  const [nameLength, extraLength, commentLength] = [
    bytes.readUInt16LE(at + 28),
    bytes.readUInt16LE(at + 30),
    bytes.readUInt16LE(at + 32),
  ];
  const end = at + 46 + nameLength + extraLength + commentLength;
  if (end > bytes.length) throw invalidZip("its directory is cut");
  const name = memberName(bytes.subarray(at + 46, at + 46 + nameLength));
  if (name !== member.name) throw invalidZip(`its directory lists \`${name}\` where \`${member.name}\` is`);
  const flags = checkedFlags(bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10), name);
  const zip64 = readExtra(bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength), name);
  const [size, compressed, offset] = sizes(
    bytes.readUInt32LE(at + 24),
    bytes.readUInt32LE(at + 20),
    zip64,
    name,
    bytes.readUInt32LE(at + 42),
  );
  const same =
    flags === member.flags &&
    size === member.size &&
    compressed === member.size &&
    offset === member.offset &&
    bytes.readUInt32LE(at + 16) === member.crc;
  if (!same) throw invalidZip(`its directory and the header of \`${name}\` disagree`);
  if (bytes.readUInt16LE(at + 34) !== 0) throw invalidZip("it is split over several files");
  if (commentLength !== 0) throw invalidZip(`\`${name}\` has a comment`);
  return end;
}

function verifyEnd(bytes: Buffer, from: number, directoryOffset: number, count: number): void {
  let at = from;
  let wide: { count: number; size: number; offset: number } | undefined;
  if (bytes.length >= at + 4 && bytes.readUInt32LE(at) === 0x06064b50) {
    if (at + 76 > bytes.length || bytes.readUInt32LE(at + 56) !== 0x07064b50)
      throw invalidZip("its zip64 end record is malformed");
    const long = (position: number): number => Number(bytes.readBigUInt64LE(at + position));
    const plain =
      long(4) === 44 &&
      bytes.readUInt32LE(at + 16) === 0 &&
      bytes.readUInt32LE(at + 20) === 0 &&
      long(24) === long(32);
    const located =
      bytes.readUInt32LE(at + 60) === 0 &&
      long(64) === directoryOffset + at &&
      bytes.readUInt32LE(at + 72) === 1;
    if (!plain || !located) throw invalidZip("its zip64 end record is malformed");
    wide = { count: long(32), size: long(40), offset: long(48) };
    at += 76;
  }
  if (at + 22 > bytes.length || bytes.readUInt32LE(at) !== 0x06054b50)
    throw invalidZip("its directory lists more than it has, or is cut");
  const field = (narrow: number, limit: number, value: number | undefined): number => {
    if (narrow !== limit || value === undefined) {
      if (value !== undefined && value !== narrow) throw invalidZip("its two end records disagree");
      return narrow;
    }
    return value;
  };
  const total = field(bytes.readUInt16LE(at + 10), MAX_16, wide?.count);
  const size = field(bytes.readUInt32LE(at + 12), MAX_32, wide?.size);
  const offset = field(bytes.readUInt32LE(at + 16), MAX_32, wide?.offset);
  const disks = bytes.readUInt16LE(at + 4) + bytes.readUInt16LE(at + 6);
  if (disks !== 0 || bytes.readUInt16LE(at + 8) !== bytes.readUInt16LE(at + 10))
    throw invalidZip("it is split over several files");
  if (total !== count || size !== from || offset !== directoryOffset)
    throw invalidZip("its end record does not fit its directory");
  if (bytes.readUInt16LE(at + 20) !== 0) throw invalidZip("it has a comment");
  if (at + 22 !== bytes.length) throw invalidZip("bytes follow its end");
}

function memberName(bytes: Uint8Array): string {
  const name = Buffer.from(bytes).toString("latin1");
  // CEP 35 names are ASCII file names: what is allowed here has one meaning in every code page.
  if (!/^[\w.+!-]{1,255}$/.test(name))
    throw invalidZip(`its member \`${JSON.stringify(name).slice(1, -1)}\` has a bad name`);
  return name;
}

function checkedFlags(flags: number, method: number, name: string): number {
  if (method !== 0) throw invalidZip(`\`${name}\` is compressed by zip; members of a .conda are stored`);
  if (flags & 0x0001) throw invalidZip(`\`${name}\` is encrypted`);
  if (flags & 0x0008) throw invalidZip(`the size of \`${name}\` comes after its data`);
  if (flags & ~UTF8_FLAG) throw invalidZip(`\`${name}\` has flags that are not supported`);
  return flags;
}

/** The zip64 values of an extra field, in their order: those of the fields that say 0xFFFFFFFF. */
function readExtra(extra: Uint8Array, name: string): number[] {
  const bytes = Buffer.from(extra.buffer, extra.byteOffset, extra.length);
  let values: number[] | undefined;
  for (let at = 0; at < bytes.length; ) {
    const length = at + 4 <= bytes.length ? bytes.readUInt16LE(at + 2) : MAX_16;
    if (at + 4 + length > bytes.length) throw invalidZip(`\`${name}\` has a malformed extra field`);
    const id = bytes.readUInt16LE(at);
    if (id === UNICODE_PATH_EXTRA) throw invalidZip(`\`${name}\` has a second name`);
    if (id === ZIP64_EXTRA) {
      if (values) throw invalidZip(`\`${name}\` has two zip64 fields`);
      values = [];
      for (let i = 0; i + 8 <= length; i += 8) values.push(Number(bytes.readBigUInt64LE(at + 4 + i)));
    }
    at += 4 + length;
  }
  return values ?? [];
}

/** Sizes and offset with zip64 values in place. A zip64 value that no field asks for must repeat the
 * field, or be 0: some writers reserve the room. */
function sizes(
  size: number,
  compressed: number,
  zip64: readonly number[],
  name: string,
  offset = 0,
): [number, number, number] {
  const fields = [size, compressed, offset];
  const asking = fields.filter((field) => field === MAX_32).length;
  if (asking === 0) {
    const repeats = zip64.slice(0, 3).every((value, i) => value === fields[i] || value === 0);
    if (!repeats) throw invalidZip(`\`${name}\` tells its size in two ways`);
    return [size, compressed, offset];
  }
  let next = 0;
  const resolved = fields.map((field) => (field === MAX_32 ? zip64[next++] : field));
  for (const value of resolved) {
    if (value === undefined || !Number.isSafeInteger(value))
      throw invalidZip(`\`${name}\` has no valid zip64 size`);
  }
  return resolved as [number, number, number];
}

export function invalidZip(reason: string): ToolError {
  return new ToolError("archive-invalid", `invalid .conda archive: ${reason}`);
}
