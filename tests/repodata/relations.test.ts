import { afterAll, describe, expect, it } from "vitest";
import { orderChannels, readRelation, resolveReference } from "../../src/repodata/relations.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { load, record, repodata, shard, shardFiles, temporaryDirectory, under } from "./support.ts";

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

describe("references to channels (CEP 42)", () => {
  it.each([
    ["../conda-forge", "https://h/bioconda", "https://h/conda-forge"],
    ["../..", "https://h/conda-forge/label/rc", "https://h/conda-forge"],
    ["../../", "https://h/conda-forge/label/rc", "https://h/conda-forge"],
    ["../x", "file:///srv/channels/y", "file:///srv/channels/x"],
  ])("%s from %s is %s", (reference, base, url) => {
    expect(resolveReference(reference, base)).toBe(url);
  });

  it.each([
    "conda-forge",
    "https://evil/x",
    "//evil/x",
    "../\\evil",
    "../a?b",
    "../a#b",
    "..//evil/x",
    "/x",
    "../a b",
    "",
  ])("refuses %j", (reference) => {
    expect(() => resolveReference(reference, "https://h/c")).toThrow(/no path that starts with/);
  });

  it("refuses one channel as both, and a channel that names itself", () => {
    expect(() => readRelation("https://h/c", { base: "../x", overrides: "../x" })).toThrow(/both/);
    expect(() => readRelation("https://h/c", { base: "../c" })).toThrow(/itself/);
  });
});

describe("the order of related channels", () => {
  const order = (
    user: string[],
    ...relations: [from: string, kind: "base" | "overrides", to: string][]
  ): string[] =>
    orderChannels(
      user,
      relations.map(([from, kind, to]) => ({ from, [kind]: to })),
    );

  it("follows the examples of CEP 42", () => {
    expect(order(["bioconda"], ["bioconda", "base", "conda-forge"])).toEqual(["conda-forge", "bioconda"]);
    expect(order(["rc"], ["rc", "overrides", "main"])).toEqual(["rc", "main"]);
    expect(order(["my"], ["my", "base", "bioconda"], ["bioconda", "base", "cf"])).toEqual([
      "cf",
      "bioconda",
      "my",
    ]);
    expect(order(["my"], ["my", "base", "cf"], ["my", "overrides", "hot"])).toEqual(["cf", "my", "hot"]);
    expect(order(["cf", "bio"], ["bio", "base", "cf"])).toEqual(["cf", "bio"]);
    expect(order(["bio", "cf"], ["bio", "base", "cf"])).toEqual(["bio", "cf"]);
  });

  it("keeps the user's order and puts related channels beside theirs", () => {
    expect(order(["a", "b", "c"])).toEqual(["a", "b", "c"]);
    expect(order(["a", "b"], ["b", "base", "x"])).toEqual(["a", "x", "b"]);
    expect(order(["a", "b"], ["a", "overrides", "x"])).toEqual(["a", "x", "b"]);
  });

  it("takes cycles through channels that the user did not name for errors", () => {
    expect(() => order(["a"], ["a", "base", "x"], ["x", "base", "a"])).toThrow(/cycle/);
    expect(() => order(["a"], ["a", "base", "x"], ["x", "base", "y"], ["y", "base", "x"])).toThrow(/cycle/);
  });
});

describe("loading related channels", () => {
  const withRelations = (relations: Record<string, string>): string =>
    JSON.stringify(
      repodata([record("a", "1")], { info: { subdir: "noarch", channel_relations: relations } }),
    );

  async function serve(files: Record<string, Uint8Array | string>): Promise<string> {
    const server = await startServer({ files });
    servers.push(server);
    return server.url;
  }

  it("brings in the base before the channel, through flat files and shards", async () => {
    const info = { base_url: "", shards_base_url: "./shards/", channel_relations: { base: "../forge" } };
    const url = await serve({
      "/my/noarch/repodata.json": withRelations({ base: "../bio" }),
      ...under("/bio/noarch", await shardFiles({ a: shard(record("a", "2")) }, info)),
      "/forge/noarch/repodata.json": JSON.stringify(repodata([record("a", "3")])),
    });
    const { indexes } = await load([`${url}/my`], {
      cacheDir: temporaryDirectory(),
      options: { roots: ["a"] },
    });
    expect(indexes.map((index) => [index.channel, index.priority, index.records("a")[0]?.version])).toEqual([
      [`${url}/forge`, 0, "3"],
      [`${url}/bio`, 1, "2"],
      [`${url}/my`, 2, "1"],
    ]);
  });

  it("can be turned off, and stops at the depth limit", async () => {
    const files: Record<string, string> = {};
    for (let i = 0; i < 12; i++)
      files[`/c${i}/noarch/repodata.json`] = withRelations({ base: `../c${i + 1}` });
    const url = await serve(files);
    const off = await load([`${url}/c0`], {
      cacheDir: temporaryDirectory(),
      options: { channelRelationsMaxDepth: 0 },
    });
    expect(off.indexes).toHaveLength(1);
    await expect(load([`${url}/c0`], { cacheDir: temporaryDirectory() })).rejects.toMatchObject({
      code: "channel-invalid",
      message: expect.stringContaining("more than 10 deep"),
    });
  });
});
