import { bz2Of, condaOf, pax, paxRecord, type RawMember, rawHeader, rawMember, rawTar } from "../raw-tar.ts";
import { type Attack, type Code, file, link } from "./attack.ts";

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

const UNSAFE = "archive-unsafe-path";
const BAD = "archive-invalid";
const windows = { windows: true };

/** Names that lead out of the package, or mean several things. */
export const PATHS: Attack[] = [
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

/** Links, and names that collide. */
export const LINKS: Attack[] = [
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

/** Headers that readers disagree about, and bombs. */
export const TAR: Attack[] = [
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
