import { createStoredZip } from "../../../src/archive/write.ts";
import { compress } from "../../../src/archive/zstd.ts";
import { bz2Of, condaOf, goodConda, INDEX, rawTar } from "../raw-tar.ts";
import { type Attack, type Code, file } from "./attack.ts";

const UNSAFE = "archive-unsafe-path";
const BAD = "archive-invalid";

function zipAttack(
  name: string,
  change: (zip: Buffer) => Uint8Array | Promise<Uint8Array>,
  code: Code = "archive-invalid",
): Attack {
  return {
    name,
    code,
    options: { kind: "conda" },
    archive: async () => change(Buffer.from(await goodConda())),
  };
}

function put(bytes: Buffer, at: number, value: number, size: 2 | 4): Buffer {
  if (size === 2) bytes.writeUInt16LE(value, at);
  else bytes.writeUInt32LE(value, at);
  return bytes;
}
/** The first member with an extra field, which only its own header has. */
function withExtra(zip: Buffer, ...fields: [id: number, data: Uint8Array][]): Buffer {
  const extra = Buffer.concat(
    fields.flatMap(([id, data]) => [put(put(Buffer.alloc(4), 0, id, 2), 2, data.length, 2), data]),
  );
  const name = 30 + zip.readUInt16LE(26);
  return Buffer.concat([put(zip.subarray(0, name), 28, extra.length, 2), extra, zip.subarray(name)]);
}
/** An end record of zip64, which says what the other one says but for the number of members, and its locator. */
function zip64End(zip: Buffer, count: number): Buffer {
  const at = eocd(zip);
  const end = put(put(Buffer.alloc(76), 0, 0x06064b50, 4), 4, 44, 4);
  put(put(end, 24, count, 4), 32, count, 4);
  put(put(end, 40, zip.readUInt32LE(at + 12), 4), 48, zip.readUInt32LE(at + 16), 4);
  return put(put(put(end, 56, 0x07064b50, 4), 64, at, 4), 72, 1, 4);
}
const central = (zip: Buffer): number => zip.indexOf(Buffer.from("PK\x01\x02"));
/** The second member's local header. */
const second = (zip: Buffer): number => zip.indexOf(Buffer.from("PK\x03\x04"), 4);
const eocd = (zip: Buffer): number => zip.lastIndexOf(Buffer.from("PK\x05\x06"));
async function twoParts(members: { name: string; bytes?: Uint8Array }[]): Promise<Uint8Array> {
  const tar = await compress(rawTar([INDEX]), 3);
  return createStoredZip(members.map(({ name, bytes }) => ({ name, bytes: bytes ?? tar })));
}

/** Containers that readers disagree about, and damaged compression. */
export const ZIP: Attack[] = [
  zipAttack("data before the zip (CVE-2025-54368)", (zip) => Buffer.concat([Buffer.from("MZ prefix"), zip])),
  zipAttack("data behind the zip", (zip) => Buffer.concat([zip, Buffer.from("tail")])),
  zipAttack("two zips in one file", (zip) => Buffer.concat([zip, zip])),
  zipAttack("comment that holds another end record", (zip) =>
    Buffer.concat([put(zip, zip.length - 2, 22, 2), zip.subarray(eocd(zip))]),
  ),
  zipAttack("directory names another member", (zip) => {
    zip.write("x", central(zip) + 46);
    return zip;
  }),
  zipAttack("directory with another size", (zip) => put(zip, central(zip) + 24, 7, 4)),
  zipAttack("directory with another checksum", (zip) => put(zip, central(zip) + 16, 7, 4)),
  zipAttack("directory with another offset", (zip) => put(zip, central(zip) + 42, 7, 4)),
  zipAttack("end record with fewer members", (zip) =>
    put(put(zip, eocd(zip) + 8, 2, 2), eocd(zip) + 10, 2, 2),
  ),
  zipAttack("end record with a wrong directory offset", (zip) => put(zip, eocd(zip) + 16, 0, 4)),
  zipAttack("two end records that disagree (GHSA-w476-p2h3-79g9)", (zip) =>
    Buffer.concat([zip.subarray(0, eocd(zip)), zip64End(zip, 2), zip.subarray(eocd(zip))]),
  ),
  zipAttack("second name in a Unicode path field", (zip) =>
    withExtra(zip, [0x7075, Buffer.from("\x01\0\0\0\0pkg.tar.zst", "latin1")]),
  ),
  zipAttack("size told another way in a zip64 field (CVE-2025-54368)", (zip) =>
    withExtra(zip, [1, put(Buffer.alloc(16), 0, 7, 4)]),
  ),
  zipAttack("two zip64 fields", (zip) => withExtra(zip, [1, Buffer.alloc(8)], [1, Buffer.alloc(8)])),
  zipAttack("extra field beyond its header", (zip) => {
    const changed = withExtra(zip, [0x9999, Buffer.alloc(8)]);
    return put(changed, changed.indexOf("\x99\x99", 0, "latin1") + 2, 99, 2);
  }),
  zipAttack("stored member with two sizes", (zip) => put(zip, 18, 7, 4)),
  zipAttack("patched data", (zip) => put(zip, 6, 0x20, 2)),
  zipAttack("second disk", (zip) => put(zip, eocd(zip) + 4, 1, 2)),
  zipAttack("deflated member", (zip) => put(zip, 8, 8, 2)),
  zipAttack("encrypted member", (zip) => put(zip, 6, 1, 2)),
  zipAttack("size after the data (streamed zip)", (zip) => put(zip, 6, 8, 2)),
  zipAttack("wrong checksum of the data", (zip) => put(put(zip, 14, 7, 4), central(zip) + 16, 7, 4)),
  zipAttack("4 GB member declared in a 1 kB archive", (zip) =>
    put(put(zip, second(zip) + 18, 0xfffffff0, 4), second(zip) + 22, 0xfffffff0, 4),
  ),
  zipAttack("cut before the directory", (zip) => zip.subarray(0, central(zip))),
  zipAttack("cut inside the directory", (zip) => zip.subarray(0, central(zip) + 60)),
  zipAttack("cut inside a member", (zip) => zip.subarray(0, 200)),
  zipAttack("empty file", () => new Uint8Array(0)),
  zipAttack("HTML error page instead of a package", () =>
    Buffer.from("<!doctype html><title>404</title>".repeat(50)),
  ),
  zipAttack("second package part", async () => {
    const empty = await compress(rawTar([]), 3);
    return twoParts([
      { name: "pkg-a-1-0.tar.zst", bytes: empty },
      { name: "info-a-1-0.tar.zst" },
      { name: "pkg-a-1-1.tar.zst", bytes: empty },
    ]);
  }),
  zipAttack("parts of two packages", () =>
    twoParts([{ name: "info-a-1-0.tar.zst" }, { name: "pkg-b-1-0.tar.zst", bytes: new Uint8Array(0) }]),
  ),
  zipAttack("the same member twice", () =>
    twoParts([{ name: "info-a-1-0.tar.zst" }, { name: "info-a-1-0.tar.zst" }]),
  ),
  zipAttack("member with a path", () => twoParts([{ name: "../info-a-1-0.tar.zst" }])),
  zipAttack("unknown member", () => twoParts([{ name: "info-a-1-0.tar.zst" }, { name: "autorun.inf" }])),
  zipAttack("no metadata part", () =>
    twoParts([{ name: "metadata.json", bytes: Buffer.from('{"conda_pkg_format_version":2}') }]),
  ),
  zipAttack("unknown format version", () =>
    twoParts([{ name: "metadata.json", bytes: Buffer.from('{"conda_pkg_format_version":3}') }]),
  ),
  zipAttack("metadata.json of 1 MB", () =>
    twoParts([{ name: "metadata.json", bytes: Buffer.alloc(1 << 20, 0x20) }]),
  ),
  zipAttack("more members than a package has", () =>
    twoParts(Array.from({ length: 40 }, (_, i) => ({ name: `info-a-1-${i}.tar.zst` }))),
  ),
  zipAttack("part that is no zstd", () =>
    twoParts([{ name: "info-a-1-0.tar.zst", bytes: Buffer.from("BZh91AY&SY") }]),
  ),
  zipAttack("zstd with a 1 GiB window", () =>
    twoParts([
      {
        name: "info-a-1-0.tar.zst",
        bytes: Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0, 0]),
      },
    ]),
  ),
  zipAttack("zstd that needs a dictionary", () =>
    twoParts([
      {
        name: "info-a-1-0.tar.zst",
        bytes: Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x40, 0x07, 0x01, 0, 0]),
      },
    ]),
  ),
  zipAttack("bytes behind the zstd frame", async () =>
    twoParts([
      {
        name: "info-a-1-0.tar.zst",
        bytes: Buffer.concat([await compress(rawTar([INDEX]), 3), Buffer.from("tail")]),
      },
    ]),
  ),
  zipAttack("zstd frame that is cut", async () =>
    twoParts([{ name: "info-a-1-0.tar.zst", bytes: (await compress(rawTar([INDEX]), 3)).slice(0, -3) }]),
  ),
  {
    name: "bzip2 that is cut",
    code: BAD,
    options: { kind: "tar.bz2" },
    archive: async () => (await bz2Of([file("x")])).slice(0, -6),
  },
  {
    name: "bytes behind the bzip2 stream",
    code: BAD,
    options: { kind: "tar.bz2" },
    archive: async () => Buffer.concat([await bz2Of([file("x")]), Buffer.from("tail")]),
  },
  {
    name: "bzip2 with a flipped bit",
    code: BAD,
    options: { kind: "tar.bz2" },
    archive: async () => {
      const b = Buffer.from(await bz2Of([file("x")]));
      b[b.length >> 1]! ^= 4;
      return b;
    },
  },
  {
    name: "gzip named .tar.bz2",
    code: BAD,
    options: { kind: "tar.bz2" },
    archive: async () => Buffer.from("1f8b0800000000000003", "hex"),
  },
  { name: "empty .tar.bz2", code: BAD, options: { kind: "tar.bz2" }, archive: async () => new Uint8Array(0) },
  {
    name: "metadata that comes twice in two parts",
    code: UNSAFE,
    options: { kind: "conda" },
    archive: () => condaOf(rawTar([INDEX])),
  },
];
