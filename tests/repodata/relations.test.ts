import { afterAll, describe, expect, it } from "vitest";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { load, record, repodata, shard, shardFiles, temporaryDirectory, under } from "./support.ts";

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
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
