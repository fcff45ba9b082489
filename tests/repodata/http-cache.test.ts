import { createHash } from "node:crypto";
import { readdirSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openIndex } from "../../src/repodata/flat-subdir.ts";
import {
  cacheDirectives,
  conditionalHeaders,
  confirmed,
  isFresh,
  validatorsOf,
} from "../../src/repodata/http-cache.ts";
import { cachePaths } from "../../src/repodata/state.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { fileNames, load, record, repodata, temporaryDirectory } from "./support.ts";

describe("freshness (RFC 9111)", () => {
  const at = 1_700_000_000_000;
  const fresh = (headers: Record<string, string>, seconds: number, ttl = 1): boolean =>
    isFresh(validatorsOf(headers, at), ttl, at + seconds * 1000);

  it.each([
    [{ "cache-control": "public, max-age=60" }, 59, true],
    [{ "cache-control": "public, max-age=60" }, 60, false],
    [{ "cache-control": "max-age=60", age: "30" }, 29, true],
    [{ "cache-control": "max-age=60", age: "30" }, 31, false],
    [{ "cache-control": 'max-age="60"' }, 59, true],
    [{ "cache-control": "max-age=60, no-cache" }, 1, false],
    [{ "cache-control": "no-store, max-age=60" }, 1, false],
    [{ "cache-control": "max-age=x" }, 1, false],
    [{ "cache-control": "s-maxage=60" }, 1, false],
    [{ expires: new Date(at + 60_000).toUTCString(), date: new Date(at).toUTCString() }, 59, true],
    [{ expires: new Date(at + 60_000).toUTCString(), date: new Date(at).toUTCString() }, 61, false],
    [{ expires: "0" }, 1, false],
    [{ "cache-control": "max-age=10", expires: new Date(at + 600_000).toUTCString() }, 11, false],
    [{}, 0, false],
  ])("of %j after %i s is %s", (headers, seconds, expected) => {
    expect(fresh(headers as Record<string, string>, seconds)).toBe(expected);
  });

  it("follows local_repodata_ttl", () => {
    const headers = { "cache-control": "max-age=60" };
    expect(fresh(headers, 1, 0)).toBe(false);
    expect(fresh(headers, 100, 120)).toBe(true);
    expect(fresh(headers, 130, 120)).toBe(false);
    expect(fresh({}, 100, 120)).toBe(true);
  });

  it("trusts nothing from the future", () => {
    expect(fresh({ "cache-control": "max-age=60" }, -1)).toBe(false);
  });

  it("keeps the validators of the stored response when a 304 repeats none", () => {
    const stored = validatorsOf({ etag: '"a"', "cache-control": "max-age=1", age: "7" }, at);
    expect(confirmed(stored, { "cache-control": "max-age=5" }, at + 9)).toMatchObject({
      etag: '"a"',
      cacheControl: "max-age=5",
      age: undefined,
      checkedAt: at + 9,
    });
    expect(conditionalHeaders(stored)).toEqual({ "if-none-match": '"a"' });
    expect(cacheDirectives('Private, Max-Age="3"').get("max-age")).toBe("3");
  });
});

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

const text = JSON.stringify(repodata([record("a", "1")]));

async function serve(
  headers: Record<string, string> = {},
): Promise<{ url: string; server: ChannelServer; files: Record<string, string> }> {
  const files: Record<string, string> = { "/ch/noarch/repodata.json": text };
  const faults = [{ headers, times: Number.POSITIVE_INFINITY }];
  const server = await startServer({ files, faults });
  servers.push(server);
  return { url: `${server.url}/ch`, server, files };
}

const asked = (server: ChannelServer): string[] =>
  server.requests
    .filter(({ path }) => path.endsWith("noarch/repodata.json"))
    .map(({ headers }) => (headers["if-none-match"] ? "conditional" : "plain"));

describe("the repodata cache", () => {
  it("revalidates what is stale, and takes a 304 for an answer", async () => {
    const { url, server } = await serve();
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    const { indexes, events } = await load([url], { cacheDir });
    expect(asked(server)).toEqual(["plain", "conditional"]);
    expect(fileNames(indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(events).toContainEqual({
      type: "repodata",
      channel: url,
      subdir: "noarch",
      state: "cached",
      records: 1,
    });
  });

  it("asks nothing while it is fresh, and a 304 makes it fresh again", async () => {
    const { url, server } = await serve({ "cache-control": "max-age=60" });
    const cacheDir = temporaryDirectory();
    let now = 1_700_000_000_000;
    const again = async (): Promise<void> => {
      server.requests.length = 0;
      await load([url], { cacheDir, now: () => now });
    };
    await again();
    now += 59_000;
    await again();
    expect(asked(server)).toEqual([]);
    now += 2_000;
    await again();
    expect(asked(server)).toEqual(["conditional"]);
    now += 59_000;
    await again();
    expect(asked(server)).toEqual([]);
  });

  it("sees a change", async () => {
    const { url, files } = await serve();
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    files["/ch/noarch/repodata.json"] = JSON.stringify(repodata([record("a", "2")]));
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual(["noarch/a-2-0.conda"]);
  });

  it("keeps nothing of a response that says no-store", async () => {
    const { url } = await serve({ "cache-control": "no-store" });
    const cacheDir = temporaryDirectory();
    const { indexes } = await load([url], { cacheDir });
    expect(fileNames(indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(readdirSync(cacheDir).filter((name) => !name.endsWith(".taipan.json"))).toEqual([]);
  });

  it("uses any age with useIndexCache and offline, and opens no socket offline", async () => {
    const { url, server, files } = await serve();
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    files["/ch/noarch/repodata.json"] = "{}";
    server.requests.length = 0;
    const cached = await load([url], { cacheDir, options: { useIndexCache: true } });
    expect(fileNames(cached.indexes)).toEqual(["noarch/a-1-0.conda"]);
    // linux-64 was 404 and is asked for again when online, never offline.
    expect(asked(server)).toEqual([]);
    server.requests.length = 0;
    const offline = await load([url], { cacheDir, options: { offline: true }, http: { offline: true } });
    expect(fileNames(offline.indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(server.requests).toEqual([]);
    await expect(
      load([url], { cacheDir: temporaryDirectory(), options: { offline: true }, http: { offline: true } }),
    ).rejects.toMatchObject({
      code: "offline-missing",
    });
  });

  it.each([
    ["cut short", (path: string) => truncateSync(path, statSync(path).size - 1)],
    ["empty", (path: string) => truncateSync(path, 0)],
    ["something else", (path: string) => writeFileSync(path, "x".repeat(4096))],
  ])("never uses an index that is %s", async (_, damage) => {
    const { url, server } = await serve({ "cache-control": "max-age=60" });
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    const index = readdirSync(cacheDir).find((name) => name.endsWith(".index"))!;
    damage(join(cacheDir, index));
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(asked(server)).toEqual(["plain", "plain"]);
  });

  it("notices data that a loss of power left as zeros", async () => {
    const { url } = await serve({ "cache-control": "max-age=60" });
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    const path = join(cacheDir, readdirSync(cacheDir).find((name) => name.endsWith(".index"))!);
    const { openSync, writeSync, closeSync } = await import("node:fs");
    const fd = openSync(path, "r+");
    writeSync(fd, Buffer.alloc(text.length), 0, text.length, 0);
    closeSync(fd);
    const { indexes } = await load([url], { cacheDir });
    expect(() => indexes[0]!.records("a")).toThrow(/is damaged and was removed/);
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual(["noarch/a-1-0.conda"]);
  });

  it("ignores state of another index or URL", async () => {
    const { url, server } = await serve({ "cache-control": "max-age=60" });
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    const paths = cachePaths(cacheDir, `${url}/noarch`);
    const state = {
      url: `${url}/noarch`,
      absent: {},
      flat: { id: "other", validators: { etag: '"forged"', checkedAt: Date.now() } },
    };
    writeFileSync(paths.state, JSON.stringify(state));
    await load([url], { cacheDir });
    writeFileSync(paths.state, "[1, 2");
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(asked(server)).toEqual(["plain"]);
  });

  it.each([
    ["no validators", null],
    ["a number for a header", { cacheControl: 60, checkedAt: 0 }],
  ])("ignores state that has %s", async (_, validators) => {
    const { url } = await serve();
    const cacheDir = temporaryDirectory();
    await load([url], { cacheDir });
    const paths = cachePaths(cacheDir, `${url}/noarch`);
    const index = openIndex(paths.index, `${url}/noarch`)!;
    const { id } = index.header;
    index.close();
    writeFileSync(
      paths.state,
      JSON.stringify({ url: `${url}/noarch`, absent: {}, flat: { id, validators } }),
    );
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual(["noarch/a-1-0.conda"]);
  });

  it("names its files as conda and mamba do", () => {
    expect(cachePaths("/c", "https://conda.anaconda.org/conda-forge/linux-64").json).toBe(
      join("/c", "497deca9.json"),
    );
    expect(cachePaths("/c", "https://conda.anaconda.org/conda-forge/noarch").json).toBe(
      join("/c", "09cdf8bf.json"),
    );
  });

  it("indexes what conda cached, while that is fresh and unchanged", async () => {
    const { url, server } = await serve();
    const cacheDir = temporaryDirectory();
    const paths = cachePaths(cacheDir, `${url}/noarch`);
    writeFileSync(paths.json, text);
    const { mtimeNs, size } = statSync(paths.json, { bigint: true });
    const state = `{"url": "${url}/noarch/repodata.json", "etag": "x", "cache_control": "max-age=3600", "size": ${size}, "mtime_ns": ${mtimeNs}, "refresh_ns": ${mtimeNs}}`;
    writeFileSync(paths.foreignStates[0]!, state);
    expect(fileNames((await load([url], { cacheDir })).indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(asked(server)).toEqual([]);

    // Not even a state that cannot be read is in the way.
    const unreadable = temporaryDirectory();
    const wrong = cachePaths(unreadable, `${url}/noarch`);
    renameSync(paths.json, wrong.json);
    writeFileSync(wrong.foreignStates[0]!, state.replace(/"refresh_ns": \d+/, '"refresh_ns": "lately"'));
    expect(fileNames((await load([url], { cacheDir: unreadable })).indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(asked(server)).toEqual(["plain"]);

    const other = temporaryDirectory();
    const moved = cachePaths(other, `${url}/noarch`);
    writeFileSync(moved.json, JSON.stringify(repodata([record("forged", "1")])));
    writeFileSync(moved.foreignStates[0]!, state);
    expect(fileNames((await load([url], { cacheDir: other })).indexes)).toEqual(["noarch/a-1-0.conda"]);
    expect(createHash("md5").update(`${url}/noarch/`).digest("hex").slice(0, 8)).toBe(
      moved.json.slice(other.length + 1, -5),
    );
  });

  it("uses what another cache has while that is fresh, or offline, and leaves it as it is", async () => {
    const { url, server } = await serve({ "cache-control": "max-age=60" });
    const shared = temporaryDirectory();
    await load([url], { cacheDir: shared });
    const before = readdirSync(shared).map((name) => [name, statSync(join(shared, name)).mtimeMs]);
    const later = (seconds: number) => () => Date.now() + seconds * 1000;
    const setup = { cacheDir: temporaryDirectory(), otherCacheDirs: [temporaryDirectory(), shared] };
    const names = async (more: object) => fileNames((await load([url], { ...setup, ...more })).indexes);
    expect(await names({})).toEqual(["noarch/a-1-0.conda"]);
    expect(await names({ now: later(100), options: { offline: true } })).toEqual(["noarch/a-1-0.conda"]);
    expect(asked(server)).toEqual(["plain"]);
    expect(await names({ now: later(100) })).toEqual(["noarch/a-1-0.conda"]);
    // The server is asked whether the other cache's is still right.
    expect(asked(server)).toEqual(["plain", "conditional"]);
    expect(await names({ now: later(110) })).toEqual(["noarch/a-1-0.conda"]);
    expect(asked(server)).toEqual(["plain", "conditional"]);
    expect(readdirSync(shared).map((name) => [name, statSync(join(shared, name)).mtimeMs])).toEqual(before);
  });
});
