import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { compress } from "../../src/archive/zstd.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { fileNames, load, record, repodata, temporaryDirectory } from "./support.ts";

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

async function serve(files: Record<string, Uint8Array | string>): Promise<ChannelServer> {
  const server = await startServer({ files });
  servers.push(server);
  return server;
}

const linux = repodata([record("a", "1.0"), record("a", "1.1"), record("b", "2.0", { depends: ["a >=1"] })]);
const noarch = repodata([record("c", "1.0", { subdir: "noarch", noarch: "generic" })], {
  info: { subdir: "noarch" },
});

describe("loading flat repodata", () => {
  it("reads repodata.json over HTTP, both subdirs, arch first", async () => {
    const server = await serve({
      "/ch/linux-64/repodata.json": JSON.stringify(linux, null, 2),
      "/ch/noarch/repodata.json": JSON.stringify(noarch),
    });
    const { indexes } = await load([`${server.url}/ch`], { cacheDir: temporaryDirectory() });
    expect(indexes.map((index) => index.subdir)).toEqual(["linux-64", "noarch"]);
    expect(indexes.map((index) => index.priority)).toEqual([0, 0]);
    expect(fileNames(indexes)).toEqual([
      "linux-64/a-1.0-0.conda",
      "linux-64/a-1.1-0.conda",
      "linux-64/b-2.0-0.conda",
      "noarch/c-1.0-0.conda",
    ]);
    const [b] = indexes[0]!.records("b");
    expect(b).toMatchObject({
      name: "b",
      depends: ["a >=1"],
      fn: "b-2.0-0.conda",
      url: `${server.url}/ch/linux-64/b-2.0-0.conda`,
      channel: `${server.url}/ch`,
    });
    expect(indexes[0]!.records("b")).toBe(indexes[0]!.records("b"));
    expect(indexes[0]!.has("zlib")).toBe(false);
    expect(indexes[0]!.records("zlib")).toEqual([]);
  });

  it("prefers repodata.json.zst, and remembers that a channel has none", async () => {
    const zst = await compress(Buffer.from(JSON.stringify(linux)), 3);
    const server = await serve({
      "/ch/linux-64/repodata.json.zst": zst,
      "/ch/noarch/repodata.json": JSON.stringify(noarch),
    });
    const cacheDir = temporaryDirectory();
    const { indexes } = await load([`${server.url}/ch`], { cacheDir });
    expect(fileNames(indexes)).toHaveLength(4);
    expect(server.requests.map((request) => request.path).sort()).toEqual([
      "/ch/linux-64/repodata.json.zst",
      "/ch/noarch/repodata.json",
      "/ch/noarch/repodata.json.zst",
    ]);
    server.requests.length = 0;
    await load([`${server.url}/ch`], { cacheDir });
    expect(server.requests.map((request) => request.path).sort()).toEqual([
      "/ch/linux-64/repodata.json.zst",
      "/ch/noarch/repodata.json",
    ]);
  });

  it("reads file:// channels and sees their changes", async () => {
    const root = temporaryDirectory();
    mkdirSync(join(root, "noarch"));
    writeFileSync(join(root, "noarch", "repodata.json"), JSON.stringify(noarch));
    const cacheDir = temporaryDirectory();
    const url = pathToFileURL(root).href;
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual(["noarch/c-1.0-0.conda"]);
    const two = repodata([record("c", "1.0"), record("d", "1.0")]);
    writeFileSync(join(root, "noarch", "repodata.json"), JSON.stringify(two));
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual([
      "noarch/c-1.0-0.conda",
      "noarch/d-1.0-0.conda",
    ]);
    expect(readdirSync(cacheDir).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
