import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dependencyName } from "../../src/repodata/closure.ts";
import { fetchRecords } from "../../src/repodata/load.ts";
import { type ChannelServer, type Fault, startServer } from "../support/channel-server.ts";
import {
  fileNames,
  load,
  record,
  repodata,
  shard,
  shardFiles,
  temporaryDirectory,
  under,
} from "./support.ts";

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

async function serve(files: Record<string, Uint8Array | string>): Promise<ChannelServer> {
  const server = await startServer({ files });
  servers.push(server);
  return server;
}

const python = record("python", "3.12", { depends: ["libzlib >=1.3", "__glibc >=2.17"] });
const libzlib = record("libzlib", "1.3.1", { constrains: ["zlib 1.3"] });
const numpy = record("numpy", "2.1", { depends: ["python >=3.10", "conda-forge::libblas[version='>=3']"] });
const libblas = record("libblas", "3.9");
const unrelated = record("unrelated", "1");
const all = {
  python: shard(python),
  libzlib: shard(libzlib),
  numpy: shard(numpy),
  libblas: shard(libblas),
  unrelated: shard(unrelated),
  zlib: shard(record("zlib", "1.3")),
};
const noarch = repodata([record("tzdata", "2024", { subdir: "noarch", depends: ["unrelated"] })]);

describe("sharded repodata", () => {
  it("fetches what the roots reach and nothing else", async () => {
    const server = await serve({
      ...under("/ch/linux-64", await shardFiles(all)),
      "/ch/noarch/repodata.json": JSON.stringify(noarch),
    });
    const { indexes } = await load([`${server.url}/ch`], {
      cacheDir: temporaryDirectory(),
      options: { roots: ["numpy"] },
    });
    const [linux] = indexes;
    expect(linux!.records("numpy")[0]).toMatchObject({
      url: `${server.url}/ch/linux-64/numpy-2.1-0.conda`,
      sha256: "1".repeat(64),
      md5: "0".repeat(32),
      depends: numpy["depends"],
    });
    expect(fileNames([linux!])).toEqual([
      "linux-64/libblas-3.9-0.conda",
      "linux-64/libzlib-1.3.1-0.conda",
      "linux-64/numpy-2.1-0.conda",
      "linux-64/python-3.12-0.conda",
    ]);
    expect([...linux!.names()].sort()).toEqual(Object.keys(all).sort());
    expect(server.requests.filter(({ path }) => path.includes("/shards/"))).toHaveLength(4);
    await fetchRecords(indexes, ["unrelated", "nowhere"]);
    expect(linux!.records("unrelated")).toHaveLength(1);
  });

  it("tells the bytes and records of a subdir when all that is needed is there", async () => {
    const server = await serve(under("/ch/linux-64", await shardFiles(all)));
    const cacheDir = temporaryDirectory();
    const options = { roots: ["numpy"], ttl: 1000 };
    const last = async (): Promise<unknown> => {
      const { events } = await load([`${server.url}/ch`], { cacheDir, options });
      return events.filter((event) => event.type === "repodata" && event.subdir === "linux-64").at(-1);
    };
    const bytes = expect.any(Number);
    expect(await last()).toMatchObject({ state: "done", records: 4, bytes, total: bytes });
    const second = await last();
    expect(second).toMatchObject({ state: "cached", records: 4 });
    expect(second).not.toHaveProperty("bytes");
  });

  it("has a time of its own for which the index of shards is not asked for again", async () => {
    const server = await serve(under("/ch/linux-64", await shardFiles(all)));
    const asked = async (shards: { ttl?: number }): Promise<number> => {
      const cacheDir = temporaryDirectory();
      const before = server.requests.length;
      const options = { roots: ["numpy"], ttl: 1000, shards };
      for (let i = 0; i < 2; i++) await load([`${server.url}/ch`], { cacheDir, options });
      const paths = server.requests.slice(before).map(({ path }) => path);
      return paths.filter((path) => path === "/ch/linux-64/repodata_shards.msgpack.zst").length;
    };
    expect(await asked({})).toBe(1);
    expect(await asked({ ttl: 0 })).toBe(2);
  });

  it("has no more shards in flight than it was told", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `tool${i}`);
    const shards = Object.fromEntries(names.map((name) => [name, shard(record(name, "1"))]));
    const files = under("/ch/linux-64", await shardFiles(shards));
    const most = async (inFlight: number | undefined): Promise<number> => {
      const server = await serve(files);
      server.faults.push({ match: /\/shards\//, latency: 30, times: Number.POSITIVE_INFINITY });
      const options = { roots: names, shards: { inFlight } };
      await load([`${server.url}/ch`], { cacheDir: temporaryDirectory(), options });
      return server.maxConcurrent;
    };
    // One more: the other platform's repodata is asked for meanwhile.
    expect(await most(2)).toBeLessThanOrEqual(3);
    expect(await most(undefined)).toBeGreaterThan(3);
  });

  it("follows dependencies through flat subdirs and other channels", async () => {
    const server = await serve({
      ...under(
        "/one/linux-64",
        await shardFiles({ tool: shard(record("tool", "1", { depends: ["tzdata"] })) }),
      ),
      "/one/noarch/repodata.json": JSON.stringify(noarch),
      ...under(
        "/two/noarch",
        await shardFiles({ unrelated: shard(unrelated), other: shard(record("other", "1")) }),
      ),
    });
    const { indexes } = await load([`${server.url}/one`, `${server.url}/two`], {
      cacheDir: temporaryDirectory(),
      options: { roots: ["tool"] },
    });
    expect(indexes.map(({ subdir, priority }) => [subdir, priority])).toEqual([
      ["linux-64", 0],
      ["noarch", 0],
      ["noarch", 1],
    ]);
    expect(indexes[2]!.records("unrelated")).toHaveLength(1);
    expect(indexes[2]!.records("other")).toHaveLength(0);
  });

  it("uses flat repodata when everything is needed, or when told to", async () => {
    const flat = JSON.stringify(repodata([python]));
    const server = await serve({
      ...under("/ch/noarch", await shardFiles(all)),
      "/ch/noarch/repodata.json": flat,
    });
    for (const options of [{}, { roots: ["python"], useShards: false }]) {
      const { indexes } = await load([`${server.url}/ch`], { cacheDir: temporaryDirectory(), options });
      expect(fileNames(indexes)).toEqual(["noarch/python-3.12-0.conda"]);
    }
  });

  it("asks for no shard twice, and removes those that no index names any more", async () => {
    const files = under("/ch/noarch", await shardFiles(all));
    const server = await serve(files);
    const cacheDir = temporaryDirectory();
    const setup = { cacheDir, options: { roots: ["numpy"] } };
    await load([`${server.url}/ch`], setup);
    server.requests.length = 0;
    await load([`${server.url}/ch`], setup);
    expect(server.requests.filter(({ path }) => path.includes("/shards/"))).toEqual([]);

    const [directory] = readdirSync(cacheDir).filter((name) => name.endsWith(".shards.d"));
    const shardDir = join(cacheDir, directory!);
    expect(readdirSync(shardDir)).toHaveLength(4);
    const old = new Date(Date.now() - 7_200_000);
    for (const name of readdirSync(shardDir)) utimesSync(join(shardDir, name), old, old);
    const newer = await shardFiles({ ...all, numpy: shard({ ...numpy, version: "2.2" }) });
    Object.assign(files, under("/ch/noarch", newer));
    const { indexes } = await load([`${server.url}/ch`], setup);
    expect(indexes[0]!.records("numpy").map(({ version }) => version)).toEqual(["2.2"]);
    expect(readdirSync(shardDir)).toHaveLength(4);
  });

  it("works offline from what is cached, and says what is not", async () => {
    const server = await serve(under("/ch/noarch", await shardFiles(all)));
    const cacheDir = temporaryDirectory();
    await load([`${server.url}/ch`], { cacheDir, options: { roots: ["libblas"] } });
    server.requests.length = 0;
    const offline = { offline: true, roots: ["libblas"] };
    const { indexes } = await load([`${server.url}/ch`], {
      cacheDir,
      options: offline,
      http: { offline: true },
    });
    expect(fileNames(indexes)).toEqual(["noarch/libblas-3.9-0.conda"]);
    await expect(
      load([`${server.url}/ch`], {
        cacheDir,
        options: { ...offline, roots: ["numpy"] },
        http: { offline: true },
      }),
    ).rejects.toMatchObject({ code: "offline-missing", message: expect.stringContaining("`numpy`") });
    expect(server.requests).toEqual([]);
  });

  it("fetches a cached shard again when its bytes were damaged", async () => {
    const server = await serve(under("/ch/noarch", await shardFiles(all)));
    const cacheDir = temporaryDirectory();
    const setup = { cacheDir, options: { roots: ["libblas"] } };
    await load([`${server.url}/ch`], setup);
    const shardDir = join(cacheDir, readdirSync(cacheDir).find((name) => name.endsWith(".shards.d"))!);
    const path = join(shardDir, readdirSync(shardDir)[0]!);
    writeFileSync(path, Buffer.alloc(readFileSync(path).length));
    const { indexes } = await load([`${server.url}/ch`], setup);
    expect(fileNames(indexes)).toEqual(["noarch/libblas-3.9-0.conda"]);
  });

  it.each<[string, (path: string) => Fault]>([
    ["500s", (path) => ({ match: path, status: 500, times: 9 })],
    ["is not there", (path) => ({ match: path, status: 404, times: 9 })],
    ["stalls", (path) => ({ match: path, stallAt: 10, times: 9 })],
    ["is another", (path) => ({ match: path, body: "another", times: 9 })],
  ])("keeps the old index when a shard of the new one %s", async (_, fault) => {
    const files = under("/ch/noarch", await shardFiles(all));
    const server = await serve(files);
    const setup = { cacheDir: temporaryDirectory(), options: { roots: ["numpy"] } };
    await load([`${server.url}/ch`], setup);
    const newer = under("/ch/noarch", await shardFiles({ ...all, libblas: shard(record("libblas", "4.0")) }));
    const path = Object.keys(newer).find((name) => !(name in files))!;
    Object.assign(files, newer);
    server.faults.push(fault(path));
    const http = { retries: 1, retryDelay: 1, lowSpeedTime: 1000 };
    await expect(load([`${server.url}/ch`], { ...setup, http })).rejects.toMatchObject({
      message: expect.stringMatching(/^the shard of `libblas` in `.*\/ch\/noarch`/),
    });
    const { indexes } = await load([`${server.url}/ch`], {
      ...setup,
      options: { ...setup.options, useIndexCache: true },
    });
    expect(fileNames(indexes)).toContain("noarch/libblas-3.9-0.conda");
    expect(readdirSync(setup.cacheDir).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    server.faults.length = 0;
    const { indexes: fresh } = await load([`${server.url}/ch`], setup);
    expect(fileNames(fresh)).toContain("noarch/libblas-4.0-0.conda");
  });

  it("uses flat repodata, with a warning, when the index of shards is damaged", async () => {
    const flat = JSON.stringify(repodata([libzlib]));
    const good = under("/ch/linux-64", { ...(await shardFiles(all)), "repodata.json": flat });
    const broken = { ...good, "/ch/linux-64/repodata_shards.msgpack.zst": "<html>log in</html>" };
    const cacheDir = temporaryDirectory();
    const setup = { cacheDir, options: { roots: ["libzlib"] } };
    const server = await serve(broken);
    const { indexes, warnings } = await load([`${server.url}/ch`], setup);
    expect(fileNames(indexes)).toEqual(["linux-64/libzlib-1.3.1-0.conda"]);
    expect(warnings).toEqual([
      expect.stringMatching(/its shard index is damaged: .*; flat repodata is used in its place$/),
    ]);

    const alone = await serve({
      "/ch/linux-64/repodata_shards.msgpack.zst": "<html>log in</html>",
    });
    await expect(
      load([`${alone.url}/ch`], { ...setup, cacheDir: temporaryDirectory() }),
    ).rejects.toMatchObject({ code: "repodata-invalid" });
  });

  it("refuses a shard whose hash differs, after one more try", async () => {
    const files = under("/ch/noarch", await shardFiles(all));
    const target = (await shardFiles({ libblas: all.libblas })) as Record<string, Uint8Array>;
    const path = `/ch/noarch/${Object.keys(target).find((name) => name.startsWith("shards/"))}`;
    files[path] = Buffer.concat([files[path] as Uint8Array, Buffer.from("x")]);
    const server = await serve(files);
    await expect(
      load([`${server.url}/ch`], { cacheDir: temporaryDirectory(), options: { roots: ["numpy"] } }),
    ).rejects.toMatchObject({
      code: "checksum-mismatch",
      message: expect.stringMatching(/shard of `libblas` in `.*\/ch\/noarch`/),
    });
    expect(server.requests.filter((request) => request.path === path)).toHaveLength(2);
  });

  it.each([
    ["file:///etc/", "scheme"],
    ["https://user:secret@example.org/", "more than"],
    ["javascript:alert(1)", "scheme"],
  ])("refuses the shards_base_url %s", async (base, reason) => {
    const server = await serve(
      under("/ch/noarch", await shardFiles(all, { base_url: "", shards_base_url: base })),
    );
    const failure = load([`${server.url}/ch`], {
      cacheDir: temporaryDirectory(),
      options: { roots: ["numpy"] },
    });
    await expect(failure).rejects.toMatchObject({
      code: "repodata-invalid",
      message: expect.stringContaining(reason),
    });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining("secret") });
  });

  it("leaves out the records that are malformed", async () => {
    const evil = shard(record("libblas", "../../1"), libblas);
    const server = await serve(under("/ch/noarch", await shardFiles({ libblas: evil, "../x": evil })));
    const { indexes, warnings } = await load([`${server.url}/ch`], {
      cacheDir: temporaryDirectory(),
      options: { roots: ["libblas", "../x"] },
    });
    expect(fileNames(indexes)).toEqual(["noarch/libblas-3.9-0.conda"]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("is left out");
  });
});

describe("the name of a dependency", () => {
  it.each([
    ["python >=3.10", "python"],
    ["python", "python"],
    ["  Python==3", "python"],
    ["python>=3", "python"],
    ["conda-forge::libblas[version='>=3']", "libblas"],
    ["conda-forge/linux-64::a", "a"],
    ["a=1.2=b*", "a"],
    ["r-base !=4", "r-base"],
    ["a~=1", "a"],
    ["__glibc >=2.17", undefined],
    ["py* >=3", undefined],
    ["", undefined],
    ["a[version='x::y']", "a"],
  ])("%j is %j", (text, name) => {
    expect(dependencyName(text)).toBe(name);
  });
});
