import { afterAll, describe, expect, it } from "vitest";
import { dependentsOf, matchingNames, searchIndexes } from "../../src/repodata/search.ts";
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

async function indexesOf(files: Record<string, Uint8Array | string>, roots?: string[]) {
  const server = await startServer({ files });
  servers.push(server);
  const { indexes } = await load([`${server.url}/ch`], {
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
});
