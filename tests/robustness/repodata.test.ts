import { readdirSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { compress } from "../../src/archive/zstd.ts";
import { fileNames, load, record, repodata, temporaryDirectory } from "../repodata/support.ts";
import { type ChannelServer, type Fault, startServer } from "../support/channel-server.ts";

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

const many = (count: number): Record<string, unknown>[] =>
  Array.from({ length: count }, (_, i) =>
    record(`p${i % 50}`, `1.${i}`, {
      depends: [`p${(i + 1) % 50} >=1`],
      sha256: i.toString(16).padStart(64, "0"),
    }),
  );
const good = JSON.stringify(repodata(many(2000)));
const zst = await compress(Buffer.from(good), 3);
const halfZst = await compress(Buffer.from(good.slice(0, good.length / 2)), 3);

async function serve(
  files: Record<string, Uint8Array | string>,
  faults: Fault[] = [],
): Promise<{ url: string; server: ChannelServer; files: Record<string, Uint8Array | string> }> {
  const server = await startServer({ files, faults });
  servers.push(server);
  return { url: `${server.url}/ch`, server, files };
}

const litter = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith(".tmp"));

describe("a channel that lacks something", () => {
  it.each(["linux-64", "noarch"])("may have %s alone", async (subdir) => {
    const { url } = await serve({ [`/ch/${subdir}/repodata.json`]: good });
    const { indexes, events } = await load([url], { cacheDir: temporaryDirectory() });
    expect(indexes.map((index) => index.subdir)).toEqual([subdir]);
    expect(events.filter((event) => event.type === "repodata" && event.state === "missing")).toHaveLength(1);
  });

  it("must have one of them", async () => {
    const { url } = await serve({});
    await expect(load([url], { cacheDir: temporaryDirectory() })).rejects.toMatchObject({
      code: "channel-invalid",
      message: `the channel \`${url}\` has neither \`linux-64\` nor \`noarch\` (at ${url})`,
      hint: expect.stringContaining("spelling"),
    });
  });

  it("may be a directory that does not exist: the same error", async () => {
    const url = "file:///nonexistent/channel";
    await expect(load([url], { cacheDir: temporaryDirectory() })).rejects.toMatchObject({
      code: "channel-invalid",
    });
  });

  it("cannot be unreachable", async () => {
    const { url, server } = await serve({});
    await server.close();
    servers.pop();
    await expect(load([url], { cacheDir: temporaryDirectory(), http: { retries: 0 } })).rejects.toMatchObject(
      {
        code: "channel-unreachable",
        message: expect.stringContaining(`${url}/`),
      },
    );
  });

  it("is what the error is about, and not the channels that were cut short by it", async () => {
    const { url } = await serve({ "/slow/noarch/repodata.json": good, "/bad/noarch/repodata.json": "[]" }, [
      { match: /slow\/noarch\/repodata\.json$/, stallAt: 1000 },
    ]);
    const root = url.replace(/\/ch$/, "");
    const cacheDir = temporaryDirectory();
    await expect(load([`${root}/slow`, `${root}/bad`], { cacheDir })).rejects.toMatchObject({
      code: "repodata-invalid",
      message: expect.stringContaining("/bad/noarch"),
    });
    expect(litter(cacheDir)).toEqual([]);
  });

  it("may be empty", async () => {
    const { url } = await serve({ "/ch/noarch/repodata.json": "", "/ch/linux-64/repodata.json": "{}" });
    const { indexes } = await load([url], { cacheDir: temporaryDirectory() });
    expect(fileNames(indexes)).toEqual([]);
    expect(indexes).toHaveLength(2);
  });

  it.each([401, 403])("with HTTP %i is about access", async (status) => {
    const { url } = await serve({ "/ch/noarch/repodata.json": good }, [
      { match: /repodata\.json$/, status, times: 9 },
    ]);
    await expect(load([url], { cacheDir: temporaryDirectory() })).rejects.toMatchObject({
      code: "auth-error",
    });
  });

  it("is asked again after a refusal of its compressed form", async () => {
    const { url } = await serve({ "/ch/noarch/repodata.json": good }, [
      { match: /\.zst$/, status: 403, times: 9 },
    ]);
    const { indexes } = await load([url], { cacheDir: temporaryDirectory() });
    expect(fileNames(indexes)).toHaveLength(2000);
  });
});

describe("damaged repodata", () => {
  const cases: [string, Record<string, Uint8Array | string>][] = [
    ["zst cut short", { "repodata.json.zst": zst.slice(0, zst.length - 40) }],
    ["zst of half a document", { "repodata.json.zst": halfZst }],
    ["JSON that ends in the middle", { "repodata.json": good.slice(0, 100_000) }],
    ["a page of HTML", { "repodata.json": "<html><body>Welcome to the hotel</body></html>" }],
    ["a list", { "repodata.json": "[]" }],
    ["no zst at all", { "repodata.json.zst": "hello" }],
    ["a wrong type", { "repodata.json": '{"packages": "none"}' }],
  ];
  it.each(cases)(
    "%s is an error that names channel and subdir, and leaves nothing behind",
    async (_, bad) => {
      const files = Object.fromEntries(
        Object.entries(bad).map(([name, content]) => [`/ch/noarch/${name}`, content]),
      );
      const { url } = await serve(files);
      const cacheDir = temporaryDirectory();
      await expect(load([url], { cacheDir })).rejects.toMatchObject({
        code: "repodata-invalid",
        message: expect.stringContaining(`repodata of \`${url}/noarch\` is malformed`),
        hint: expect.any(String),
      });
      expect(litter(cacheDir)).toEqual([]);
      expect(readdirSync(cacheDir).filter((name) => name.endsWith(".index"))).toEqual([]);
    },
  );

  it("does not spoil the cached copy", async () => {
    const { url, files } = await serve({ "/ch/noarch/repodata.json": good });
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    files["/ch/noarch/repodata.json"] = good.slice(0, 50_000);
    await expect(load([url], { cacheDir })).rejects.toMatchObject({ code: "repodata-invalid" });
    const { indexes } = await load([url], { cacheDir, options: { useIndexCache: true } });
    expect(fileNames(indexes)).toHaveLength(2000);
  });
});

describe("a network that fails half-way", () => {
  it.each<[string, Fault]>([
    ["a reset", { match: /repodata\.json$/, resetAt: 100_000 }],
    ["a body cut short", { match: /repodata\.json$/, cutAt: 100_000 }],
    ["one 500", { match: /repodata\.json$/, status: 500 }],
    ["one 429", { match: /repodata\.json$/, status: 429, retryAfter: "0" }],
    ["a reset where ranges are unknown", { match: /repodata\.json$/, resetAt: 100_000, noRange: true }],
  ])("%s is got over", async (_, fault) => {
    const { url } = await serve({ "/ch/noarch/repodata.json": good }, [fault]);
    const cacheDir = temporaryDirectory();
    const { indexes } = await load([url], { cacheDir });
    expect(fileNames(indexes)).toHaveLength(2000);
    expect(litter(cacheDir)).toEqual([]);
  });

  it("for good is an error that points to the cached copy", async () => {
    const { url, server } = await serve({ "/ch/noarch/repodata.json": good });
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    server.faults.push({ match: /noarch/, status: 500, times: 99 });
    await expect(load([url], { cacheDir, http: { retries: 1 } })).rejects.toMatchObject({
      code: "http-error",
      message: expect.stringContaining(`${url}/noarch`),
      hint: expect.stringContaining("--use-index-cache"),
    });
  });

  it("ends when the caller gives up", async () => {
    const { url } = await serve({ "/ch/noarch/repodata.json": good }, [
      { match: /repodata\.json$/, stallAt: 1000, times: 9 },
    ]);
    const cacheDir = temporaryDirectory();
    const giveUp = new AbortController();
    setTimeout(() => giveUp.abort(), 200);
    await expect(load([url], { cacheDir, signal: giveUp.signal })).rejects.toMatchObject({
      code: "interrupted",
    });
    expect(litter(cacheDir)).toEqual([]);
  });
});

describe("base_url (CEP 15)", () => {
  const withBase = (base_url: unknown): string =>
    JSON.stringify(repodata([record("a", "1")], { info: { base_url } }));

  it.each([
    ["https://cdn.example.org/x/noarch", "https://cdn.example.org/x/noarch/a-1-0.conda"],
    ["../../other/noarch/", "other/noarch/a-1-0.conda"],
    ["/root", "root/a-1-0.conda"],
    [7, "ch/noarch/a-1-0.conda"],
  ])("%j gives %s", async (base, expected) => {
    const { url, server } = await serve({ "/ch/noarch/repodata.json": withBase(base) });
    const { indexes } = await load([url], { cacheDir: temporaryDirectory() });
    expect(indexes[0]!.records("a")[0]!.url).toBe(
      expected.startsWith("https") ? expected : `${server.url}/${expected}`,
    );
  });

  it.each([
    "file:///etc/",
    "ftp://h/x",
    "https://user:pw@h/x",
    "https://h/x?token=1",
    "data:text/plain,x",
    "http://[",
  ])("%s is refused", async (base) => {
    const { url } = await serve({ "/ch/noarch/repodata.json": withBase(base) });
    await expect(load([url], { cacheDir: temporaryDirectory() })).rejects.toMatchObject({
      code: "repodata-invalid",
    });
  });
});

describe("several processes", () => {
  it("refresh one subdir at once, and each has a whole index", async () => {
    const { url, files } = await serve({ "/ch/noarch/repodata.json": good });
    const cacheDir = temporaryDirectory();
    const runs = Array.from({ length: 8 }, async (_, i) => {
      files["/ch/noarch/repodata.json"] = JSON.stringify(repodata(many(1000 + i)));
      const { indexes } = await load([url], { cacheDir, options: { ttl: 0 } });
      return fileNames(indexes).length;
    });
    for (const count of await Promise.all(runs)) {
      expect(count).toBeGreaterThanOrEqual(1000);
      expect(count).toBeLessThan(1008);
    }
    expect(litter(cacheDir)).toEqual([]);
  });
});
