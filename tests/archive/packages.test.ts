import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "@msgpack/msgpack";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPackage, type PackageSpec, writeChannel } from "../../fixtures/index.ts";
import { createExtractor, extractFile } from "../../src/archive/extract.ts";
import { parseIndexJson, readInfo } from "../../src/archive/info.ts";
import { parseHasPrefix, parsePathsJson } from "../../src/archive/info-paths.ts";
import { createCondaArchive, createStoredZip, createTarBz2Archive } from "../../src/archive/write.ts";
import { availableBackends, compress, decompress } from "../../src/archive/zstd.ts";
import { condaOf, INDEX, pax, type RawMember, rawTar } from "../support/raw-tar.ts";
import { sharedPath } from "../support/shared.ts";

let root = "";
let count = 0;
beforeAll(() => {
  // 29,000 small files: in memory where there is such a file system, since a slow disk makes this the slowest test of all.
  root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "taipan-archive-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
const fresh = (): string => join(root, String(count++));

/** Every member of a tree: mode and hash, or link target. */
function tree(directory: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(directory, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    const full = join(directory, path);
    const stat = lstatSync(full);
    if (stat.isSymbolicLink()) found[path] = `-> ${readlinkSync(full)}`;
    else if (stat.isDirectory()) Object.assign(found, tree(directory, path));
    else found[path] = createHash("sha256").update(readFileSync(full)).digest("hex").slice(0, 16);
  }
  return found;
}

async function extract(bytes: Uint8Array, kind: "conda" | "tar.bz2", piece = bytes.length): Promise<string> {
  const destination = fresh();
  const extractor = await createExtractor({ kind, destination });
  for (let at = 0; at < bytes.length; at += piece) await extractor.write(bytes.slice(at, at + piece));
  await extractor.end();
  return destination;
}

const PLACEHOLDER = "/opt/build_env_placehold_placehold";
const DEMO: PackageSpec = {
  name: "demo",
  version: "1.2",
  noarch: "python",
  depends: ["python >=3.9"],
  prefixPlaceholder: PLACEHOLDER,
  entryPoints: ["demo = demo.cli:main"],
  timestamp: 1_700_000_000_000,
  extraIndex: { license: "BSD-3-Clause" },
  files: {
    "site-packages/demo/__init__.py": "",
    "site-packages/demo/cli.py": "def main(): pass\n",
    "python-scripts/demo-tool": { content: `#!${PLACEHOLDER}/bin/python\n`, mode: 0o755 },
    "lib/binary": { content: Buffer.from(`\0${PLACEHOLDER}\0tail`) },
    "lib/link": { symlink: "binary" },
    "lib/dangling": { symlink: "nowhere" },
    [`share/${"long-directory-name/".repeat(8)}file`]: "deep",
    "share/caf\u00e9 au lait": "non-ASCII",
  },
};

describe.each(["conda", "tar.bz2"] as const)("a built .%s", (format) => {
  test("extracts to what it was built from, in pieces of any size, with every codec", async () => {
    const built = await buildPackage({ ...DEMO, format });
    expect(built.fn).toBe(`demo-1.2-0.${format}`);
    const whole = tree(await extract(built.bytes, format));
    expect(whole["lib/link"]).toBe("-> binary");
    expect(
      Object.keys(whole)
        .filter((path) => !path.startsWith("info/"))
        .sort(),
    ).toEqual(built.paths.map((entry) => entry._path).sort());
    expect(tree(await extract(built.bytes, format, 1))).toEqual(whole);
    for (const backend of await availableBackends()) {
      const file = join(root, `${backend}.${format}`);
      writeFileSync(file, built.bytes);
      const destination = fresh();
      expect(await extractFile(file, destination, { backend })).toMatchObject({
        files: Object.keys(whole).length,
      });
      expect(tree(destination)).toEqual(whole);
    }
  });

  test("has correct metadata", async () => {
    const built = await buildPackage({ ...DEMO, format });
    const info = await readInfo(await extract(built.bytes, format));
    const { md5, sha256, size, ...index } = built.record;
    expect(info.index).toEqual(index);
    expect(info.paths).toEqual(built.paths);
    expect(info.link).toEqual({
      noarch: { type: "python", entry_points: ["demo = demo.cli:main"] },
      package_metadata_version: 1,
    });
    expect(size).toBe(built.bytes.length);
    expect(sha256).toBe(createHash("sha256").update(built.bytes).digest("hex"));
    expect(md5).toBe(createHash("md5").update(built.bytes).digest("hex"));
    expect(info.paths.find((entry) => entry._path === "lib/binary")).toMatchObject({
      file_mode: "binary",
      prefix_placeholder: PLACEHOLDER,
    });
  });

  test("without paths.json reads the same from info/files, has_prefix and the tree (CEP 34)", async () => {
    const built = await buildPackage({ ...DEMO, format, omitPathsJson: true });
    const directory = await extract(built.bytes, format);
    expect(existsSync(join(directory, "info/paths.json"))).toBe(false);
    const { paths } = await readInfo(directory);
    const essence = built.paths.map(({ sha256: _, size_in_bytes: __, ...rest }) => rest);
    expect(paths).toEqual(essence);
  });
});

test("equal input gives equal bytes", async () => {
  const [a, b] = [await buildPackage(DEMO), await buildPackage(DEMO)];
  expect(Buffer.compare(a.bytes, b.bytes)).toBe(0);
});

test("a channel has archives, repodata and shards that agree", async () => {
  const packages = [
    await buildPackage(DEMO),
    await buildPackage({ name: "old", version: "1", format: "tar.bz2", files: { "bin/old": "x" } }),
  ];
  const directory = fresh();
  await writeChannel(directory, packages, { zst: true, shards: true });
  const text = readFileSync(join(directory, "noarch/repodata.json"));
  expect(
    Buffer.compare(await decompress(readFileSync(join(directory, "noarch/repodata.json.zst"))), text),
  ).toBe(0);
  const repodata = JSON.parse(text.toString()) as { "packages.conda": Record<string, { sha256: string }> };
  expect(repodata["packages.conda"]["demo-1.2-0.conda"]).toEqual(packages[0]!.record);
  const index = decode(
    await decompress(readFileSync(join(directory, "noarch/repodata_shards.msgpack.zst"))),
  ) as { shards: Record<string, Uint8Array> };
  const shardFile = readFileSync(
    join(directory, "noarch", `${Buffer.from(index.shards["demo"]!).toString("hex")}.msgpack.zst`),
  );
  expect(createHash("sha256").update(shardFile).digest()).toEqual(Buffer.from(index.shards["demo"]!));
  const shard = decode(await decompress(shardFile)) as {
    "packages.conda": Record<string, { sha256: Uint8Array }>;
  };
  expect(Buffer.from(shard["packages.conda"]["demo-1.2-0.conda"]!.sha256).toString("hex")).toBe(
    packages[0]!.record.sha256,
  );
  expect(readdirSync(join(directory, "linux-64"))).toContain("old-1-0.tar.bz2");
});

describe("what honest writers do is accepted", () => {
  const accepted: [string, RawMember[]][] = [
    [
      "hard link to an earlier file",
      [
        { name: "a", content: "x" },
        { name: "b/c", type: "1", target: "a" },
      ],
    ],
    [
      "hard link in dot-slash spelling",
      [
        { name: "./a", content: "x" },
        { name: "./b", type: "1", target: "./a" },
      ],
    ],
    [
      "GNU long name and long link",
      [
        { name: "L", type: "L", content: `${"d/".repeat(120)}f\0` },
        { name: "cut", content: "x" },
        { name: "K", type: "K", content: `${"d/".repeat(120)}f\0` },
        { name: "link", type: "2", target: "cut" },
      ],
    ],
    [
      "GNU long names in Latin-1 that differ in one letter",
      [
        { name: "L", type: "L", content: Buffer.from("caf\u00e9\0", "latin1") },
        { name: "cut", content: "x" },
        { name: "L", type: "L", content: Buffer.from("caf\u00e8\0", "latin1") },
        { name: "cut", content: "y" },
      ],
    ],
    [
      "PAX path, link path, size and times",
      [
        pax({ path: `${"d/".repeat(120)}f`, size: "1", mtime: "1.5" }),
        { name: "cut", content: "x" },
        pax({ linkpath: "d/d" }),
        { name: "link", type: "2", target: "cut" },
      ],
    ],
    ["global PAX comment", [{ ...pax({ comment: "made by git" }, "g") }, { name: "a", content: "x" }]],
    [
      "old tar without magic, directory by slash",
      [
        { name: "dir/", type: "\0", magic: "\0\0\0\0\0\0\0\0" },
        { name: "dir/a", type: "\0", magic: "\0\0\0\0\0\0\0\0", content: "x" },
      ],
    ],
    ["ustar prefix", [{ name: "f", prefix: "some/where", content: "x" }]],
    [
      "names that differ in case",
      [
        { name: "Foo", content: "x" },
        { name: "foo", content: "y" },
      ],
    ],
    [
      "colons and backslashes in names",
      [
        { name: "man/App::Prove.3", content: "x" },
        { name: "lib/system-x\\x2dy.slice", content: "x" },
      ],
    ],
    [
      "dots in names",
      [
        { name: "...", content: "x" },
        { name: "a..b/..c", content: "x" },
        { name: ".hidden", content: "x" },
      ],
    ],
    [
      "link with a detour that stays inside",
      [
        { name: "a/b", type: "5" },
        { name: "l", type: "2", target: "a/b/../../x" },
        { name: "a/m", type: "2", target: "../l/../x" },
      ],
    ],
    [
      "directory said twice",
      [
        { name: "./", type: "5" },
        { name: "./d", type: "5" },
        { name: "./", type: "5" },
        { name: "d/f", content: "x" },
      ],
    ],
  ];
  test.each(accepted)("%s", async (name, members) => {
    if (name.includes("case") && process.platform !== "linux") return;
    const directory = await extract(await condaOf(rawTar(members)), "conda", 700);
    expect(Object.keys(tree(directory)).length).toBeGreaterThan(1);
  });

  test("zip64 headers, in the local header only or reserved with zeros", async () => {
    const zip = Buffer.from(
      createStoredZip([{ name: "info-a-1-0.tar.zst", bytes: await compress(rawTar([INDEX]), 3) }]),
    );
    const nameEnd = 30 + zip.readUInt16LE(26);
    const size = zip.readUInt32LE(18);
    const extra = Buffer.alloc(20);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(16, 2);
    extra.writeBigUInt64LE(BigInt(size), 4);
    extra.writeBigUInt64LE(BigInt(size), 12);
    const wide = Buffer.concat([zip.subarray(0, nameEnd), extra, zip.subarray(nameEnd)]);
    wide.writeUInt16LE(20, 28);
    wide.writeUInt32LE(0xffffffff, 18);
    wide.writeUInt32LE(0xffffffff, 22);
    const end = wide.lastIndexOf(Buffer.from("PK\x05\x06"));
    wide.writeUInt32LE(wide.readUInt32LE(end + 16) + 20, end + 16);
    expect(existsSync(join(await extract(wide, "conda", 5), "info/index.json"))).toBe(true);
  });

  test("the info part first, or last, or alone", async () => {
    const tar = await compress(rawTar([{ name: "bin/x", content: "x" }]), 3);
    const info = await compress(rawTar([INDEX]), 3);
    const [i, p] = [
      { name: "info-a-1-0.tar.zst", bytes: info },
      { name: "pkg-a-1-0.tar.zst", bytes: tar },
    ];
    const first = tree(await extract(createStoredZip([i, p]), "conda"));
    expect(tree(await extract(createStoredZip([p, i]), "conda"))).toEqual(first);
    expect(Object.keys(tree(await extract(createStoredZip([i]), "conda")))).toEqual(["info/index.json"]);
  });
});

test("what is on no disk, a link without a target, still has its name", async () => {
  for (const second of [
    { name: "bin/x", content: "x" },
    { name: "bin/x", type: "1", target: "bin/a" },
    { name: "bin/x", type: "2", target: "a" },
  ]) {
    const members = [{ name: "bin/a", content: "a" }, { name: "bin/x", type: "2", target: "" }, second];
    const archive = await condaOf(rawTar(members));
    await expect(extract(archive, "conda")).rejects.toThrow("`bin/x`: it is in the archive twice");
  }
});

test("files have the times that the archive gives them, on which python's byte code depends", async () => {
  const members = [
    { name: "a.py", content: "x", mtime: "14535612000" },
    { name: "old.py", mtime: "0" },
    pax({ mtime: "1600000001.25" }),
    { name: "exact.py", content: "x" },
    { name: "blank.py", mtime: "            " },
    { name: "odd.py", mtime: "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" },
    { name: "no-number.py", mtime: "never" },
  ];
  const before = Date.now() - 1000;
  const directory = await extract(await condaOf(rawTar(members)), "conda");
  const time = (name: string) => lstatSync(join(directory, name)).mtimeMs;
  expect([time("a.py"), time("old.py"), time("exact.py")]).toEqual([1_702_302_720_000, 0, 1_600_000_001_250]);
  for (const name of ["blank.py", "odd.py", "no-number.py"]) expect(time(name)).toBeGreaterThan(before);
});

test("a destination that is not empty is left alone", async () => {
  const destination = await extract((await buildPackage(DEMO)).bytes, "conda");
  const before = tree(destination);
  await expect(createExtractor({ kind: "conda", destination })).rejects.toMatchObject({ code: "io-error" });
  expect(tree(destination)).toEqual(before);
});

test("an aborted signal stops extraction", async () => {
  const controller = new AbortController();
  const { bytes } = await buildPackage(DEMO);
  const extractor = await createExtractor({ kind: "conda", destination: fresh(), signal: controller.signal });
  await extractor.write(bytes.slice(0, 100));
  controller.abort();
  expect(() => extractor.write(bytes.slice(100))).toThrow(/interrupted/);
  await extractor.abort();
});

describe("info/ is checked", () => {
  const bad: [string, unknown, string][] = [
    [
      "path that climbs",
      { paths_version: 1, paths: [{ _path: "../x", path_type: "hardlink" }] },
      "archive-unsafe-path",
    ],
    [
      "absolute path",
      { paths_version: 1, paths: [{ _path: "/etc/passwd", path_type: "hardlink" }] },
      "archive-unsafe-path",
    ],
    [
      "the prefix itself",
      { paths_version: 1, paths: [{ _path: "./", path_type: "directory" }] },
      "archive-unsafe-path",
    ],
    ["unknown type", { paths_version: 1, paths: [{ _path: "x", path_type: "device" }] }, "archive-invalid"],
    [
      "a path twice",
      {
        paths_version: 1,
        paths: [
          { _path: "x", path_type: "hardlink" },
          { _path: "./x", path_type: "hardlink" },
        ],
      },
      "archive-invalid",
    ],
    [
      "negative size",
      { paths_version: 1, paths: [{ _path: "x", path_type: "hardlink", size_in_bytes: -1 }] },
      "archive-invalid",
    ],
    [
      "malformed hash",
      { paths_version: 1, paths: [{ _path: "x", path_type: "hardlink", sha256: "zz" }] },
      "archive-invalid",
    ],
    [
      "unknown file mode",
      {
        paths_version: 1,
        paths: [{ _path: "x", path_type: "hardlink", prefix_placeholder: "/p", file_mode: "evil" }],
      },
      "archive-invalid",
    ],
    ["other version", { paths_version: 2, paths: [] }, "archive-invalid"],
    ["no list", { paths_version: 1, paths: {} }, "archive-invalid"],
    ["no object", [], "archive-invalid"],
  ];
  test.each(bad)("paths.json with %s", (_, value, code) => {
    expect(() => parsePathsJson(JSON.stringify(value))).toThrowError(expect.objectContaining({ code }));
  });

  const indexes: [string, object, string][] = [
    ["a name that climbs", { name: "../x", version: "1", build: "0" }, "unsafe-name"],
    ["a build that climbs", { name: "x", version: "1", build: "../../y" }, "unsafe-name"],
    ["no version", { name: "x", build: "0" }, "archive-invalid"],
    [
      "dependencies that are no texts",
      { name: "x", version: "1", build: "0", depends: [1] },
      "archive-invalid",
    ],
    ["a bad build number", { name: "x", version: "1", build: "0", build_number: -1 }, "archive-invalid"],
    [
      "site-packages outside",
      { name: "x", version: "1", build: "0", python_site_packages_path: "../lib" },
      "archive-unsafe-path",
    ],
  ];
  test.each(indexes)("index.json with %s", (_, value, code) => {
    expect(() => parseIndexJson(JSON.stringify(value))).toThrowError(expect.objectContaining({ code }));
  });

  test("an entry point that is code (CVE-2026-47425)", async () => {
    const { bytes } = await buildPackage({ ...DEMO, entryPoints: ["../../evil = a:b"] });
    await expect(extract(bytes, "conda").then(readInfo)).rejects.toMatchObject({ code: "unsafe-name" });
  });

  test("a metadata file that is a link or a directory is not read", async () => {
    const { symlinkSync, mkdirSync } = await import("node:fs");
    const directory = await extract((await buildPackage({ name: "x", version: "1" })).bytes, "conda");
    rmSync(join(directory, "info/index.json"));
    symlinkSync("/etc/passwd", join(directory, "info/index.json"));
    await expect(readInfo(directory)).rejects.toMatchObject({ code: "archive-invalid" });
    rmSync(join(directory, "info/index.json"));
    mkdirSync(join(directory, "info/index.json"));
    await expect(readInfo(directory)).rejects.toMatchObject({ code: "archive-invalid" });
  });

  test("has_prefix lines in all their forms", () => {
    const found = parseHasPrefix('bin/a\n/opt/p text bin/b\n"/opt/my p" binary "bin/c d"\nbin/e f\n');
    expect(Object.fromEntries(found)).toEqual({
      "bin/a": { prefix_placeholder: "/opt/anaconda1anaconda2anaconda3", file_mode: "text" },
      "bin/b": { prefix_placeholder: "/opt/p", file_mode: "text" },
      "bin/c d": { prefix_placeholder: "/opt/my p", file_mode: "binary" },
      "bin/e f": { prefix_placeholder: "/opt/anaconda1anaconda2anaconda3", file_mode: "text" },
    });
  });

  test("old records get their only possible values", () => {
    const index = {
      name: "x",
      version: 1.5,
      build: "0",
      platform: "linux",
      arch: "x86_64",
      noarch: false,
      track_features: ["a", "b"],
    };
    expect(parseIndexJson(JSON.stringify(index))).toEqual({
      name: "x",
      version: "1.5",
      build: "0",
      build_number: 0,
      subdir: "linux-64",
      depends: [],
      platform: "linux",
      arch: "x86_64",
      track_features: "a b",
    });
  });
});

const PYTHON = `
import bz2, hashlib, io, os, sys, tarfile, zipfile
def read(path):
    if path.endswith(".tar.bz2"): return [tarfile.open(fileobj=io.BytesIO(bz2.decompress(open(path, "rb").read())))]
    return [tarfile.open(fileobj=io.BytesIO(open(p, "rb").read())) for p in sys.argv[2:]]
found = {}
for tar in read(sys.argv[1]):
    for m in tar:
        name = os.path.normpath(m.name)
        if m.issym(): found[name] = "-> " + m.linkname
        elif m.isfile() or m.islnk(): found[name] = hashlib.sha256(tar.extractfile(m).read()).hexdigest()[:16]
for name in sorted(found): print(name + "\\t" + found[name])
`;

/** What python3's tarfile and bz2 read from an archive, or undefined without python3. */
async function pythonTree(
  path: string,
  kind: "conda" | "tar.bz2",
): Promise<Record<string, string> | undefined> {
  const parts: string[] = [];
  if (kind === "conda") {
    const list = execFileSync("python3", [
      "-c",
      `import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nfor n in z.namelist():\n  if n.endswith(".tar.zst"): z.extract(n, sys.argv[2]); print(n)`,
      path,
      `${path}.d`,
    ]);
    for (const name of list.toString().trim().split("\n")) {
      const tar = join(`${path}.d`, name.replace(/\.zst$/, ""));
      writeFileSync(tar, await decompress(readFileSync(join(`${path}.d`, name))));
      parts.push(tar);
    }
  }
  const text = execFileSync("python3", ["-c", PYTHON, path, ...parts], {
    env: { ...process.env, PYTHONIOENCODING: "utf-8" },
  });
  return Object.fromEntries(
    text
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split("\t") as [string, string]),
  );
}

function hasPython(): boolean {
  try {
    execFileSync("python3", ["--version"]);
    return true;
  } catch {
    process.stderr.write("skipped: no python3\n");
    return false;
  }
}

test("python3 reads the same from our archives as we do", async () => {
  if (!hasPython()) return;
  for (const kind of ["conda", "tar.bz2"] as const) {
    const built = await buildPackage({ ...DEMO, format: kind });
    const path = join(root, built.fn);
    writeFileSync(path, built.bytes);
    expect(await pythonTree(path, kind)).toEqual(tree(await extract(built.bytes, kind)));
  }
  const plain = { path: "f", content: "x" };
  expect((await createCondaArchive({ dist: "a-1-0", info: [plain], pkg: [] })).length).toBeGreaterThan(100);
  expect((await createTarBz2Archive([plain])).length).toBeGreaterThan(20);
});

describe("real packages", () => {
  const corpus = sharedPath("data", "packages");
  interface Item {
    path: string;
    format: ".conda" | ".tar.bz2";
    name: string;
    version: string;
    build: string;
    n_paths?: number;
    features: string[];
  }
  const index = corpus ? (JSON.parse(readFileSync(join(corpus, "INDEX.json"), "utf8")) as Item[]) : [];

  test.skipIf(!corpus)("every one extracts, or is refused for a reason that its index names", async () => {
    const extracted = fresh();
    for (const [i, item] of index.entries()) {
      const destination = join(extracted, String(i));
      const unreadable = item.features.find((feature) => feature.startsWith("UNREADABLE"));
      const result = await extractFile(join(corpus!, item.path), destination).catch(
        (error: unknown) => error,
      );
      if (unreadable) {
        const reason = unreadable.includes("BadZipFile") ? /^invalid \.conda archive/ : /^invalid bzip2 data/;
        expect(result, item.path).toMatchObject({
          code: "archive-invalid",
          message: expect.stringMatching(reason),
        });
        continue;
      }
      expect(result, item.path).toMatchObject({ externalLinks: [] });
      if (item.features.includes("no-index.json")) {
        await expect(readInfo(destination), item.path).rejects.toMatchObject({
          code: "archive-invalid",
          message: expect.stringContaining("info/index.json"),
        });
      } else {
        const info = await readInfo(destination);
        expect(info.index, item.path).toMatchObject({
          name: item.name,
          version: item.version,
          build: item.build,
        });
        // The index counts nothing where an old package has info/files only.
        if (item.n_paths) expect(info.paths.length, item.path).toBe(item.n_paths);
      }
      rmSync(destination, { recursive: true });
    }
    expect(index.length).toBeGreaterThan(600);
  });

  test.skipIf(!corpus)("python3 reads the same from a sample of them", async () => {
    if (!hasPython()) return;
    const odd = index.filter((item) =>
      item.features.some((feature) =>
        /^(tar-hardlink|dot-slash-paths|symlink-chain|path>100|non-ascii-path)$/.test(feature),
      ),
    );
    for (const item of odd.filter((_, i) => i % 3 === 0)) {
      const copy = join(root, `copy${count++}${item.format}`);
      writeFileSync(copy, readFileSync(join(corpus!, item.path)));
      const destination = fresh();
      await extractFile(copy, destination);
      expect(tree(destination), item.path).toEqual(
        await pythonTree(copy, item.format === ".conda" ? "conda" : "tar.bz2"),
      );
    }
    expect(odd.length).toBeGreaterThan(5);
  });
});
