import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dependentNames, dependentsOf, firstDependents } from "../../src/repodata/dependents.ts";
import { OutlineRecord } from "../../src/repodata/outline.ts";
import { matchingNames, searchIndexes } from "../../src/repodata/search.ts";
import { parseMatchSpec } from "../../src/specs/match-spec.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { load, record, repodata, shard, shardFiles, temporaryDirectory, under } from "./support.ts";

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

const records = [
  record("numpy", "1.26", { depends: ["python >=3.9"] }),
  record("numpy", "2.1", { depends: ["python >=3.10", "libblas"] }),
  record("numpydoc", "1", { depends: ["sphinx", "numpy>=1"] }),
  record("python-numpy-tools", "1", { summary: "mentions numpy only" }),
  record("sphinx", "7"),
];

async function serve(files: Record<string, Uint8Array | string>): Promise<string> {
  const server = await startServer({ files });
  servers.push(server);
  return `${server.url}/ch`;
}

async function indexesOf(files: Record<string, Uint8Array | string>, roots?: string[]) {
  const { indexes } = await load([await serve(files)], {
    cacheDir: temporaryDirectory(),
    options: { roots, recursive: false },
  });
  return indexes;
}

const found = (list: { fn: string }[]): string[] => list.map(({ fn }) => fn);

describe("searching", () => {
  it("finds by name, glob and version in flat repodata", async () => {
    const indexes = await indexesOf({ "/ch/noarch/repodata.json": JSON.stringify(repodata(records)) });
    expect(found(await searchIndexes(indexes, parseMatchSpec("numpy>=2")))).toEqual(["numpy-2.1-0.conda"]);
    expect(found(await searchIndexes(indexes, parseMatchSpec("num*")))).toEqual([
      "numpy-1.26-0.conda",
      "numpy-2.1-0.conda",
      "numpydoc-1-0.conda",
    ]);
    expect(matchingNames(indexes, parseMatchSpec("*numpy*"))).toEqual([
      "numpy",
      "numpydoc",
      "python-numpy-tools",
    ]);
    expect(await searchIndexes(indexes, parseMatchSpec("nothing"))).toEqual([]);
    expect(found(dependentsOf(indexes, "numpy"))).toEqual(["numpydoc-1-0.conda"]);
    expect(found(dependentsOf(indexes, "python"))).toEqual(["numpy-1.26-0.conda", "numpy-2.1-0.conda"]);
  });

  it("finds what depends on a name, among records that only mention it", async () => {
    const needing = [
      record("a", "1", { depends: ["numpy"] }),
      record("a", "2", { depends: ["python", "numpy >=1.2"], constrains: ["scipy >=1"] }),
      record("a", "3", {
        depends: ["numpydoc", "python-numpy"],
        constrains: ["numpy >=1"],
        license: "numpy",
      }),
      record("a", "4", { depends: ["python", "conda-forge::numpy=1", " six >=1"] }),
      record("b", "1", { depends: ["numpy[version='>=2']"] }),
      record("b", "2", { depends: ["a \\ numpy"], license: '] " numpy' }),
      record("c", "1", { depends: ["a"] }),
      record("c", "2", { depends: ["numpy"] }),
    ];
    const document = { ...repodata(needing), removed: ["c-2-0.conda"] };
    const indexes = await indexesOf({ "/ch/noarch/repodata.json": JSON.stringify(document) });
    const expected = ["a-1-0.conda", "a-2-0.conda", "a-4-0.conda", "b-1-0.conda"];
    expect(found(dependentsOf(indexes, "numpy"))).toEqual(expected);
    const names = dependentNames(indexes);
    expect([...names.get("python")!]).toEqual(["a"]);
    expect([...names.get("six")!]).toEqual(["a"]);
    expect([...names.get("a")!].sort()).toEqual(["b", "c"]);
    // Names may be too many: what is removed is not left out of them, nor what escapes hide.
    for (const name of ["a", "b"]) expect([...names.get("numpy")!]).toContain(name);
    expect(names.has("scipy")).toBe(false);
    const last = (a: { version: string }, b: { version: string }) => Number(b.version) - Number(a.version);
    const first = firstDependents(indexes, last);
    expect(first("a", "numpy")?.version).toBe("4");
    expect(first("a", "numpydoc")?.version).toBe("3");
    expect(first("c", "numpy")).toBeUndefined();
  });

  it.each([
    ["record that depends on a name", 'the end"', "the end "],
    ["outline of it", '"1","0",', '"1","0 ,'],
  ])("notices that the %s is damaged", async (_, whole, damaged) => {
    const last = { depends: ["numpy"], summary: "the end" };
    const url = await serve({
      "/ch/linux-64/repodata.json": JSON.stringify(repodata([record("a", "1", last)])),
    });
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    const path = join(cacheDir, readdirSync(cacheDir).find((name) => name.endsWith(".index"))!);
    writeFileSync(path, readFileSync(path, "latin1").replace(whole, damaged), "latin1");
    const { indexes } = await load([url], { cacheDir, options: { useIndexCache: true } });
    expect(() => dependentsOf(indexes, "numpy")).toThrow(/is damaged and was removed/);
  });

  it("fetches only the shards of names that match", async () => {
    const shards = {
      numpy: shard(records[0]!, records[1]!),
      numpydoc: shard(records[2]!),
      sphinx: shard(records[4]!),
    };
    const indexes = await indexesOf(under("/ch/noarch", await shardFiles(shards)), []);
    expect(found(await searchIndexes(indexes, parseMatchSpec("num*"))).sort()).toEqual([
      "numpy-1.26-0.conda",
      "numpy-2.1-0.conda",
      "numpydoc-1-0.conda",
    ]);
    expect(servers.at(-1)!.requests.filter(({ path }) => path.includes("/shards/"))).toHaveLength(2);
  });

  it("reads no whole records of a flat subdir beside shards", async () => {
    const files = under("/ch/linux-64", await shardFiles({ numpy: shard(records[0]!) }));
    const flat = repodata([record("numpy", "3", { subdir: "noarch" })]);
    const indexes = await indexesOf({ ...files, "/ch/noarch/repodata.json": JSON.stringify(flat) }, []);
    const some = await searchIndexes(indexes, parseMatchSpec("numpy"));
    expect(found(some)).toEqual(["numpy-1.26-0.conda", "numpy-3-0.conda"]);
    for (const each of some) expect(each).toBeInstanceOf(OutlineRecord);
  });
});
