import { createHash } from "node:crypto";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createExtractor, type ExtractOptions } from "../../src/archive/extract.ts";
import { DEFAULT_LIMITS } from "../../src/archive/package-tree.ts";
import { createStoredZip } from "../../src/archive/write.ts";
import { compress } from "../../src/archive/zstd.ts";
import {
  bz2Of,
  condaOf,
  END,
  goodConda,
  INDEX,
  pax,
  paxRecord,
  type RawMember,
  rawHeader,
  rawMember,
  rawTar,
} from "../support/raw-tar.ts";

/** What each attack is refused with: for its own reason, not by an accident on the way. */
const errors = JSON.parse(
  readFileSync(join(import.meta.dirname, "archive-attacks.errors.json"), "utf8"),
) as Record<string, string>;

type Code = "archive-invalid" | "archive-unsafe-path";

interface Attack {
  name: string;
  code: Code;
  archive: () => Promise<Uint8Array>;
  options?: Partial<ExtractOptions>;
}

const file = (name: string, content = "evil"): RawMember => ({ name, content });
const link = (name: string, target: string): RawMember => ({ name, type: "2", target });
const hard = (name: string, target: string): RawMember => ({ name, type: "1", target });

/** The same members as a .tar.bz2 and as a .conda must be refused alike; the format alternates to keep this quick. */
let turn = 0;
function tarAttack(
  name: string,
  code: Code,
  members: (RawMember | Uint8Array)[],
  options: Attack["options"] = {},
  end?: Uint8Array,
): Attack {
  const kind = turn++ % 2 ? "conda" : "tar.bz2";
  return {
    name,
    code,
    options: { kind, ...options },
    archive: () => (kind === "conda" ? condaOf(rawTar(members, end)) : bz2Of(members, end)),
  };
}

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

const UNSAFE = "archive-unsafe-path";
const BAD = "archive-invalid";
const windows = { windows: true };

const PATHS: Attack[] = [
  tarAttack("zip slip: `..` at the start (CVE-2018-1002200)", UNSAFE, [file("../escaped")]),
  tarAttack("zip slip: `..` in the middle", UNSAFE, [file("lib/../../escaped")]),
  tarAttack("zip slip: `..` at the end", UNSAFE, [file("lib/..")]),
  tarAttack("python tarfile: absolute path (CVE-2007-4559)", UNSAFE, [file("/tmp/escaped")]),
  tarAttack("absolute path with two slashes", UNSAFE, [file("//tmp/escaped")]),
  tarAttack("absolute path in a PAX header", UNSAFE, [pax({ path: "/tmp/escaped" }), file("safe")]),
  tarAttack("`..` in a PAX header", UNSAFE, [pax({ path: "../escaped" }), file("safe")]),
  tarAttack("`..` in a GNU long name", UNSAFE, [
    { name: "././@LongLink", type: "L", content: `${"a/".repeat(60)}${"../".repeat(61)}x\0` },
    file("safe"),
  ]),
  tarAttack("`..` in the ustar prefix", UNSAFE, [{ ...file("escaped"), prefix: "../.." }]),
  tarAttack("backslash climbing", UNSAFE, [file("lib\\..\\..\\escaped")]),
  tarAttack("backslash climbing from the current directory (CVE-2026-23889)", UNSAFE, [
    file(".\\..\\..\\escaped"),
  ]),
  tarAttack("neighbour whose name begins as the target's (CVE-2026-1703, CVE-2025-59343)", UNSAFE, [
    file("../destinations-2/escaped"),
  ]),
  tarAttack("UNC path", UNSAFE, [file("\\\\server\\share\\x")]),
  tarAttack("drive letter with slash (CVE-2021-37713)", UNSAFE, [file("C:/Windows/x")]),
  tarAttack("drive-relative path on Windows (CVE-2021-37713)", UNSAFE, [file("C:evil")], windows),
  tarAttack("NTFS alternate data stream", UNSAFE, [file("lib/safe.txt:evil")], windows),
  tarAttack("Windows device name", UNSAFE, [file("lib/NUL.txt")], windows),
  tarAttack("Windows name with trailing dot", UNSAFE, [file("lib./x")], windows),
  tarAttack("Windows name with trailing space", UNSAFE, [file("lib /x")], windows),
  tarAttack("backslash on Windows", UNSAFE, [file("lib\\x")], windows),
  tarAttack("NUL in a PAX path hides the end of the name", BAD, [
    pax({ path: "safe\0/../../x" }),
    file("safe"),
  ]),
  tarAttack("NUL inside a GNU long name", BAD, [
    { name: "././@LongLink", type: "L", content: "safe\0/../x" },
    file("safe"),
  ]),
  tarAttack("newline in a name forges lines of info/files", UNSAFE, [file("a\nb")]),
  tarAttack("escape sequence in a name", UNSAFE, [file("a\u001b[2Jb")]),
  tarAttack("empty name", UNSAFE, [file("")]),
  tarAttack("a file called `.`", UNSAFE, [file(".")]),
  tarAttack("a file whose name ends with a slash", UNSAFE, [file("lib/x/")]),
  tarAttack("component longer than a file system takes", UNSAFE, [
    pax({ path: "x".repeat(300) }),
    file("safe"),
  ]),
  tarAttack("path of 64 kB", UNSAFE, [pax({ path: "xy/".repeat(21845) }), file("safe")]),
];

const LINKS: Attack[] = [
  tarAttack("write through a symbolic link to an absolute directory (CVE-2021-32803)", UNSAFE, [
    link("out", "/tmp"),
    file("out/escaped"),
  ]),
  tarAttack("write through a symbolic link inside (CVE-2021-37701)", UNSAFE, [
    file("lib/a"),
    link("l", "lib"),
    file("l/b"),
  ]),
  tarAttack("write over a symbolic link (CVE-2021-32804)", UNSAFE, [link("x", "/tmp/escaped"), file("x")]),
  tarAttack("directory member over a symbolic link", UNSAFE, [
    link("x", "/tmp"),
    { name: "x", type: "5" },
    file("x/y"),
  ]),
  tarAttack("directory cache poisoning by case (CVE-2021-37712)", UNSAFE, [
    { name: "FOO", type: "5" },
    link("foo", "/tmp"),
    file("Foo/escaped"),
  ]),
  tarAttack("directory cache poisoning by Unicode form (CVE-2021-37712)", UNSAFE, [
    link("caf\u00e9", "/tmp"),
    file("cafe\u0301/escaped"),
  ]),
  tarAttack("directory cache poisoning by `ß` and `ss` (CVE-2026-23950)", UNSAFE, [
    link("stra\u00dfe", "/tmp"),
    file("strasse/escaped"),
  ]),
  tarAttack("directory member that changes the mode behind a link (CVE-2026-33056)", UNSAFE, [
    link("d", "/tmp"),
    { name: "d", type: "5", mode: 0o777 },
  ]),
  tarAttack("drive-relative link target (CVE-2026-31802)", UNSAFE, [link("x", "C:../../../target.txt")]),
  tarAttack(
    "drive-relative link target on Windows (CVE-2026-31802)",
    UNSAFE,
    [link("lib/x", "C:..\\target.txt")],
    windows,
  ),
  tarAttack("drive-relative hard link (CVE-2026-29786)", UNSAFE, [hard("x", "C:../../canary")]),
  tarAttack("hard link judged from its own directory (CVE-2026-24842)", UNSAFE, [
    file("a/b/c/f"),
    hard("a/b/c/x", "../../../../canary"),
  ]),
  tarAttack("relative link target above the package (CVE-2025-4517)", UNSAFE, [
    link("lib/x", "../../etc/passwd"),
  ]),
  tarAttack("link target above the package at the root", UNSAFE, [link("x", "..")]),
  tarAttack("two links that climb together", UNSAFE, [
    file("a/b/c"),
    link("d", "a/b"),
    link("e", "d/../../../x"),
  ]),
  tarAttack("link chain whose text stays inside (CVE-2025-4330)", UNSAFE, [
    link("a/b/up", "../.."),
    link("t", "a/b/up/../x"),
  ]),
  tarAttack("link chain with the second link first", UNSAFE, [
    link("t", "a/b/up/../x"),
    link("a/b/up", "../.."),
  ]),
  tarAttack("link chain through an absolute link", UNSAFE, [link("abs", "/etc"), link("t", "abs/../x")]),
  tarAttack("symbolic link loop that is climbed through", UNSAFE, [
    link("p", "q"),
    link("q", "p"),
    link("t", "p/../x"),
  ]),
  tarAttack(
    "absolute link target where they are refused (CVE-2026-23745)",
    UNSAFE,
    [link("x", "/etc/passwd")],
    { externalLinks: "refuse" },
  ),
  tarAttack("drive target where external links are refused", UNSAFE, [link("x", "C:\\Windows")], {
    externalLinks: "refuse",
  }),
  tarAttack("metadata as a link to the user's file", UNSAFE, [link("info/paths.json", "../lib/x")]),
  tarAttack("info directory as a link", UNSAFE, [link("INFO", "lib")]),
  tarAttack("external link below info", UNSAFE, [link("info/test/x", "/etc/passwd")]),
  tarAttack("NUL in a PAX link target", BAD, [pax({ linkpath: "lib\0/../../x" }), link("x", "lib")]),
  tarAttack("hard link to an absolute path (CVE-2026-26960)", UNSAFE, [hard("x", "/etc/passwd")]),
  tarAttack("hard link above the package", UNSAFE, [hard("x", "../canary")]),
  tarAttack("hard link to what is not in the archive", UNSAFE, [hard("x", "lib/later"), file("lib/later")]),
  tarAttack("hard link to a symbolic link (CVE-2018-20834)", UNSAFE, [
    link("s", "/etc/passwd"),
    hard("x", "s"),
  ]),
  tarAttack("hard link through a symbolic link", UNSAFE, [link("s", "/etc"), hard("x", "s/passwd")]),
  tarAttack("hard link to a directory", UNSAFE, [{ name: "d", type: "5" }, hard("x", "d")]),
  tarAttack("write through a hard link (CVE-2018-20834)", UNSAFE, [file("a"), hard("b", "a"), file("b")]),
  tarAttack("file over a directory", UNSAFE, [file("d/x"), file("d")]),
  tarAttack("file below a file", UNSAFE, [file("d"), file("d/x")]),
  tarAttack("the same file twice", UNSAFE, [file("bin/x", "good"), file("bin/x", "evil")]),
  tarAttack("the same file twice in two spellings", UNSAFE, [
    file("bin/x", "good"),
    file("./bin//x", "evil"),
  ]),
  tarAttack("metadata again in the package part", UNSAFE, [file("info/about.json"), file("info/about.json")]),
];

const TAR: Attack[] = [
  tarAttack("character device", BAD, [{ name: "dev/null", type: "3" }]),
  tarAttack("block device", BAD, [{ name: "dev/sda", type: "4" }]),
  tarAttack("named pipe that blocks its readers", BAD, [{ name: "pipe", type: "6" }]),
  tarAttack("GNU sparse file", BAD, [{ name: "sparse", type: "S", content: "x" }]),
  tarAttack("PAX sparse file", BAD, [pax({ "GNU.sparse.major": "1" }), file("sparse")]),
  tarAttack("unknown member type", BAD, [{ name: "x", type: "Z" }]),
  tarAttack("PAX size hides members (CVE-2025-62518, TARmageddon)", BAD, [
    pax({ size: "1024" }),
    { name: "outer", size: 0 },
    file("hidden"),
  ]),
  tarAttack("PAX size smaller than the header's", BAD, [pax({ size: "0" }), file("x", "y".repeat(600))]),
  tarAttack("global PAX header renames members", BAD, [pax({ path: "bin/python" }, "g"), file("x")]),
  tarAttack("two PAX headers for one member", BAD, [pax({ path: "a" }), pax({ path: "b" }), file("x")]),
  tarAttack("PAX header with two paths", BAD, [
    { name: "p", type: "x", content: paxRecord("path", "a") + paxRecord("path", "b") },
    file("x"),
  ]),
  tarAttack("PAX path against GNU long name", BAD, [
    pax({ path: "a" }),
    { name: "L", type: "L", content: "b\0" },
    file("x"),
  ]),
  tarAttack("PAX size before a GNU long name (GHSA-3pv8-6f4r-ffg2)", BAD, [
    pax({ size: "1024" }),
    { name: "././@LongLink", type: "L", content: "long\0" },
    { name: "outer", size: 0 },
    ...[rawMember(file("hidden", "y".repeat(512)))],
  ]),
  tarAttack("malformed PAX header that some readers skip (CVE-2026-32766)", BAD, [
    { name: "p", type: "x", content: `${paxRecord("path", "a")}x path=b\n` },
    file("x"),
  ]),
  tarAttack(
    "GNU long link name that is cut (CVE-2024-57970)",
    BAD,
    [],
    {},
    rawMember({
      ...{ name: "././@LongLink", type: "K", content: "x".repeat(600) },
    }).subarray(0, 700),
  ),
  tarAttack("PAX record length beyond its header", BAD, [
    { name: "p", type: "x", content: "99 path=x\n" },
    file("x"),
  ]),
  tarAttack("PAX record without line end", BAD, [{ name: "p", type: "x", content: "9 path=ab" }, file("x")]),
  tarAttack("PAX size that is no number", BAD, [pax({ size: "1e3" }), file("x")]),
  tarAttack("PAX header of 1 GB", BAD, [rawHeader({ name: "p", type: "x", size: 2 ** 30 })]),
  tarAttack("PAX header without a member", BAD, [pax({ path: "a" })]),
  tarAttack("negative size in base 256", BAD, [
    rawHeader({ name: "x", size: Uint8Array.from([0xff, ...Array(11).fill(0xff)]) }),
  ]),
  tarAttack("size beyond what numbers hold", BAD, [
    rawHeader({ name: "x", size: Uint8Array.from([0x80, ...Array(11).fill(0xff)]) }),
  ]),
  tarAttack("size that is not octal", BAD, [rawHeader({ name: "x", size: "0000000009 \0" })]),
  tarAttack("size with text behind a NUL", BAD, [rawHeader({ name: "x", size: "4\x00777777\0" })]),
  tarAttack("link with data", BAD, [{ ...link("x", "lib"), content: "y".repeat(512) }]),
  tarAttack("directory with data", BAD, [{ name: "d", type: "5", content: "y".repeat(512) }]),
  tarAttack("wrong header checksum", BAD, [{ ...file("x"), checksum: 1 }]),
  tarAttack("members behind the end mark", BAD, [file("a"), Buffer.alloc(1024), file("hidden")]),
  tarAttack("member between the two zero blocks", BAD, [file("a"), Buffer.alloc(512), file("hidden")]),
  tarAttack("no end mark", BAD, [file("a")], {}, Buffer.alloc(0)),
  tarAttack(
    "4 GB file declared in a small archive",
    BAD,
    [rawHeader({ name: "x", size: 4 * 2 ** 30 })],
    {},
    Buffer.alloc(0),
  ),
  tarAttack("declared size beyond the limit", BAD, [
    rawHeader({ name: "x", size: Uint8Array.from([0x80, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0]) }),
  ]),
  tarAttack("ends inside a header", BAD, [], {}, rawMember(file("x")).subarray(0, 300)),
  tarAttack("ends inside a file", BAD, [], {}, rawMember(file("x", "y".repeat(600))).subarray(0, 700)),
  tarAttack(
    "more members than the limit",
    BAD,
    Array.from({ length: 200 }, (_, i) => file(`f${i}`)),
    { limits: { entries: 100 } },
  ),
  tarAttack("more bytes than the limit", BAD, [file("x", "y".repeat(5000))], { limits: { bytes: 4000 } }),
  tarAttack("decompression ratio of a bomb", BAD, [file("x", "\0".repeat(4_000_000))], {
    limits: { ratio: 100, ratioFrom: 1_000_000 },
  }),
];

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

const ZIP: Attack[] = [
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

let sandbox = "";
let extracted = 0;

/** Every file outside the destinations: what it is, holds, and when it was changed. */
function snapshot(): string[] {
  const rows: string[] = [];
  const walk = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const full = join(path, name);
      const stat = lstatSync(full);
      if (stat.isDirectory()) {
        rows.push(`${full} ${stat.mode}`);
        if (name !== "destinations") walk(full);
      } else if (stat.isSymbolicLink()) rows.push(`${full} -> ${readlinkSync(full)}`);
      else
        rows.push(
          `${full} ${stat.mode} ${stat.nlink} ${stat.mtimeMs} ${createHash("sha256").update(readFileSync(full)).digest("hex")}`,
        );
    }
  };
  walk(sandbox);
  return rows;
}

beforeAll(() => {
  sandbox = mkdtempSync(join(tmpdir(), "taipan-attacks-"));
  mkdirSync(join(sandbox, "destinations"));
  mkdirSync(join(sandbox, "outside"));
  writeFileSync(join(sandbox, "canary"), "canary");
  writeFileSync(join(sandbox, "outside", "secret"), "secret");
  linkSync(join(sandbox, "canary"), join(sandbox, "outside", "second-name"));
});
afterAll(() => rmSync(sandbox, { recursive: true, force: true }));

async function run(bytes: Uint8Array, options: Partial<ExtractOptions>, piece: number): Promise<unknown> {
  const destination = join(sandbox, "destinations", String(extracted++));
  const extractor = await createExtractor({ kind: "conda", destination, ...options });
  try {
    for (let at = 0; at < bytes.length; at += piece) await extractor.write(bytes.slice(at, at + piece));
    return await extractor.end();
  } catch (error) {
    await extractor.abort();
    return error;
  }
}

for (const [area, attacks] of [
  ["member names", PATHS],
  ["links and collisions", LINKS],
  ["tar structure", TAR],
  ["containers and compression", ZIP],
] as [string, Attack[]][]) {
  describe(area, () => {
    for (const { name, code, archive, options } of attacks) {
      test(name, async () => {
        const bytes = await archive();
        const before = snapshot();
        for (const piece of [bytes.length || 1, 97]) {
          const error = await run(bytes, options ?? {}, piece);
          expect(error).toMatchObject({ name: "ToolError", code });
          // How much of a bomb was out when it was noticed depends on the pieces.
          const message = (error as Error).message.replace(/\d+ bytes from \d+/, "… bytes from …");
          expect(message).toBe(errors[name]);
        }
        expect(snapshot()).toEqual(before);
        expect(readdirSync(join(sandbox, "destinations"))).toEqual([]);
      });
    }
  });
}

test("there are at least 60 attacks, each with a name of its own", () => {
  const names = [...PATHS, ...LINKS, ...TAR, ...ZIP].map((attack) => attack.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.toSorted()).toEqual(Object.keys(errors).toSorted());
  expect(names.length).toBeGreaterThanOrEqual(60);
});

test("setuid, setgid and sticky bits are dropped, and a file without permissions stays readable", async () => {
  const bytes = await condaOf(
    rawTar([
      { ...file("bin/su"), mode: 0o7755 },
      { ...file("bin/none"), mode: 0 },
    ]),
  );
  const destination = join(sandbox, "destinations", "modes");
  const extractor = await createExtractor({ kind: "conda", destination });
  await extractor.write(bytes);
  await extractor.end();
  expect(lstatSync(join(destination, "bin/su")).mode & 0o7700).toBe(0o0700);
  expect(lstatSync(join(destination, "bin/none")).mode & 0o7777).toBe(0o400);
  rmSync(destination, { recursive: true });
});

test("a link with an absolute target is created, reported and not followed", async () => {
  const outside = join(sandbox, "outside", "secret");
  const destination = join(sandbox, "destinations", "external");
  const before = snapshot();
  const extractor = await createExtractor({ kind: "conda", destination });
  await extractor.write(await condaOf(rawTar([link("etc/secret", outside)])));
  expect(await extractor.end()).toMatchObject({ externalLinks: ["etc/secret"], files: 2 });
  expect(readlinkSync(join(destination, "etc/secret"))).toBe(outside);
  expect(snapshot()).toEqual(before);
  rmSync(destination, { recursive: true });
});

/** `count` empty directory members of one name, 1,000 in a zstd frame, as the package part of a `.conda`. */
async function manyMembers(
  count: number,
  frameOf: (from: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < count; from += 1000) frames.push(await frameOf(from));
  const info = await compress(rawTar([INDEX]), 3);
  return createStoredZip([
    { name: "info-a-1-0.tar.zst", bytes: info },
    { name: "pkg-a-1-0.tar.zst", bytes: Buffer.concat([...frames, await compress(END, 3)]) },
  ]);
}

test("the limits that everybody has are far above real packages, and there", () => {
  expect(DEFAULT_LIMITS).toEqual({ entries: 2e6, bytes: 2 ** 37, ratio: 1000, ratioFrom: 2 ** 29 });
});

/** A long run: `TAIPAN_TINY_FILES=1000000 npx vitest run tests/robustness/archive-attacks.test.ts -t tiny`. */
const TINY_FILES = Number(process.env["TAIPAN_TINY_FILES"] ?? 5000);
test(`${TINY_FILES} tiny files are what they are, and can be given up`, { timeout: 600_000 }, async () => {
  const bytes = await manyMembers(TINY_FILES, (from) =>
    compress(
      Buffer.concat(Array.from({ length: 1000 }, (_, i) => rawMember(file(`${from / 1000}/${i}`, "x")))),
      3,
    ),
  );
  const destination = join(sandbox, "destinations", "tiny");
  const extractor = await createExtractor({ kind: "conda", destination });
  for (let at = 0; at < bytes.length; at += 65_536) await extractor.write(bytes.slice(at, at + 65_536));
  expect(await extractor.end()).toMatchObject({
    files: TINY_FILES + 1,
    bytes: TINY_FILES + INDEX.content!.length,
  });
  expect(readdirSync(join(destination, "0")).length).toBe(1000);
  await extractor.abort();
  expect(readdirSync(join(sandbox, "destinations"))).toEqual([]);
});

test("the limits that everybody has stop a bomb of zeros", { timeout: 60_000 }, async () => {
  // 600 MB of zeros from 60 kB.
  const zeros = await compress(Buffer.alloc(4_000_000), 3);
  const head = await compress(rawHeader({ name: "x", size: 700_000_000 }), 3);
  const info = await compress(rawTar([INDEX]), 3);
  const bytes = createStoredZip([
    { name: "info-a-1-0.tar.zst", bytes: info },
    { name: "pkg-a-1-0.tar.zst", bytes: Buffer.concat([head, ...Array(175).fill(zeros)]) },
  ]);
  expect(await run(bytes, {}, 65_536)).toMatchObject({
    code: "archive-invalid",
    message: expect.stringMatching(/more than 1000 times as many/),
  });
});

test("an unfinished archive leaves nothing behind when it is given up", async () => {
  const bytes = await goodConda();
  const destination = join(sandbox, "destinations", "cut");
  const extractor = await createExtractor({ kind: "conda", destination });
  await extractor.write(bytes.slice(0, bytes.length >> 1));
  await extractor.abort();
  expect(readdirSync(join(sandbox, "destinations"))).toEqual([]);
  expect(() => extractor.write(bytes)).toThrow(/given up/);
  expect(END.length).toBe(1024);
});
