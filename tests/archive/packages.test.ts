import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createExtractor, extractFile } from "../../src/archive/extract.ts";
import { readInfo } from "../../src/archive/info.ts";
import { createStoredZip } from "../../src/archive/write.ts";
import { availableBackends, compress, decompress } from "../../src/archive/zstd.ts";
import { DEMO, extract, fresh, PLACEHOLDER, tree } from "../support/archives.ts";
import { condaOf, INDEX, pax, type RawMember, rawTar } from "../support/raw-tar.ts";

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
      const file = `${fresh()}.${format}`;
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
