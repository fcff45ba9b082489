/** Tar archives byte by byte, as honest writers would never make them. */

import { compressBzip2 } from "../../src/archive/bzip2-write.ts";
import { createCondaArchive, createStoredZip } from "../../src/archive/write.ts";
import { compress } from "../../src/archive/zstd.ts";

export interface RawMember {
  name: string;
  type?: string;
  content?: string | Uint8Array;
  target?: string;
  mode?: number;
  /** Octal digits. */
  mtime?: string;
  /** What the header says, when that is not the truth. Text is written as it is. */
  size?: number | string | Uint8Array;
  magic?: string;
  prefix?: string;
  checksum?: number;
}

export function rawHeader(member: RawMember): Buffer {
  const block = Buffer.alloc(512);
  const content = Buffer.from(member.content ?? "");
  const size = member.size ?? content.length;
  block.write(member.name, 0, 100, "utf8");
  block.write(`${(member.mode ?? 0o644).toString(8).padStart(7, "0")}\0`, 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  if (size instanceof Uint8Array) block.set(size, 124);
  else block.write(typeof size === "string" ? size : `${size.toString(8).padStart(11, "0")}\0`, 124, 12);
  block.write((member.mtime ?? "00000000000\0").padEnd(12, "\0"), 136, 12, "latin1");
  block.write("        ", 148);
  block.write(member.type ?? "0", 156, 1, "latin1");
  block.write(member.target ?? "", 157, 100, "utf8");
  block.write(member.magic ?? "ustar\x0000", 257, "latin1");
  block.write(member.prefix ?? "", 345, 155, "utf8");
  const sum = member.checksum ?? block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

export function rawMember(member: RawMember): Buffer {
  const content = Buffer.from(member.content ?? "");
  return Buffer.concat([rawHeader(member), content, Buffer.alloc(-content.length & 511)]);
}

export const END = Buffer.alloc(1024);

/** Members and raw bytes in order; the end mark is added unless it is left out. */
export function rawTar(members: readonly (RawMember | Uint8Array)[], end: Uint8Array = END): Buffer {
  return Buffer.concat([...members.map((m) => (m instanceof Uint8Array ? m : rawMember(m))), end]);
}

export function paxRecord(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(body);
  while (String(length).length + Buffer.byteLength(body) !== length)
    length = String(length).length + Buffer.byteLength(body);
  return `${length}${body}`;
}

export function pax(records: Record<string, string>, type = "x"): RawMember {
  return {
    name: "PaxHeader",
    type,
    content: Object.entries(records)
      .map(([k, v]) => paxRecord(k, v))
      .join(""),
  };
}

export const INDEX: RawMember = {
  name: "info/index.json",
  content: JSON.stringify({
    name: "evil",
    version: "1",
    build: "0",
    build_number: 0,
    depends: [],
    subdir: "noarch",
  }),
};

export async function condaOf(pkg: Uint8Array, info: Uint8Array = rawTar([INDEX])): Promise<Uint8Array> {
  return createStoredZip([
    { name: "metadata.json", bytes: Buffer.from('{"conda_pkg_format_version": 2}') },
    { name: "pkg-evil-1-0.tar.zst", bytes: await compress(pkg, 3) },
    { name: "info-evil-1-0.tar.zst", bytes: await compress(info, 3) },
  ]);
}

export function bz2Of(members: readonly (RawMember | Uint8Array)[], end?: Uint8Array): Promise<Uint8Array> {
  return compressBzip2(rawTar([INDEX, ...members], end));
}

export function goodConda(): Promise<Uint8Array> {
  return createCondaArchive({
    dist: "good-1-0",
    info: [{ path: "info/index.json", content: INDEX.content }],
    pkg: [{ path: "bin/good", content: "good" }],
    level: 3,
  });
}
