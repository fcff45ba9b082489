import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildPackage } from "../../fixtures/index.ts";
import { recordFromUrl } from "../../src/cache/explicit.ts";
import { fetchPackages } from "../../src/cache/fetch.ts";
import type { FetchPackagesOptions } from "../../src/cache/fetch-run.ts";
import { PackageCache } from "../../src/cache/package-cache.ts";
import type { ToolError } from "../../src/errors.ts";
import type { Event } from "../../src/events.ts";
import { createHttpClient, type HttpOptions } from "../../src/net/http.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../../src/specs/records.ts";
import { createPool } from "../../src/workers/pool.ts";
import type { WorkerPool } from "../../src/workers/protocol.ts";
import { checkVisible, litter } from "../support/cache-checks.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type ServedPackage, served, somePackages } from "../support/packages.ts";

let pool: WorkerPool;
let server: ChannelServer;
let packages: ServedPackage[];
let sandbox: string;
let pkgs: string;
let events: Event[];
const files: Record<string, Uint8Array> = {};

beforeAll(async () => {
  pool = createPool({ size: 2, mode: "inline" });
  server = await startServer({ files });
  packages = await somePackages(6, server.url);
  for (const { path, bytes } of packages) files[path] = bytes;
});
afterAll(async () => {
  await pool.close();
  await server.close();
});
beforeEach(() => {
  sandbox = mkdtempSync(join(tmpdir(), "taipan-cache-"));
  pkgs = join(sandbox, "pkgs");
  events = [];
  server.faults.length = 0;
  server.requests.length = 0;
});
afterEach(() => rmSync(sandbox, { recursive: true, force: true }));

interface Setting {
  dirs?: string[];
  http?: HttpOptions;
  options?: FetchPackagesOptions;
  signal?: AbortSignal;
}

async function fetchAll(
  records: readonly RepoDataRecord[],
  setting: Setting = {},
): Promise<Map<string, PackageCacheRecord>> {
  const sink = (event: Event): void => void events.push(event);
  const http = createHttpClient({ retryDelay: 2, retries: 2, ...setting.http }, { events: sink });
  const cache = new PackageCache(setting.dirs ?? [pkgs], { events: sink, pool });
  try {
    return await fetchPackages(records, setting.options ?? {}, {
      http,
      pool,
      cache,
      events: sink,
      signal: setting.signal,
    });
  } finally {
    await http.close();
  }
}

const records = (): RepoDataRecord[] => packages.map((item) => item.record);
const failure = (promise: Promise<unknown>): Promise<ToolError> =>
  promise.then(
    () => expect.fail("no error"),
    (error: unknown) => error as ToolError,
  );
const states = (state: string): number =>
  events.filter((event) => event.type === "fetch" && event.state === state).length;

describe("a cold cache", () => {
  it("gets every package, in conda's layout, and nothing else", async () => {
    const result = await fetchAll(records());
    expect(checkVisible(pkgs, packages)).toHaveLength(6);
    expect(litter(pkgs)).toEqual([]);
    for (const { record } of packages) {
      const got = result.get(record.url)!;
      expect(got).toMatchObject({
        ...record,
        extracted_package_dir: join(pkgs, record.fn.replace(/\.(conda|tar\.bz2)$/, "")),
        package_tarball_full_path: join(pkgs, record.fn),
      });
      expect(existsSync(got.package_tarball_full_path)).toBe(true);
    }
    expect(readFileSync(join(pkgs, "urls.txt"), "utf8").trim().split("\n").sort()).toEqual(
      records()
        .map((record) => record.url)
        .sort(),
    );
    expect(events[0]).toEqual({
      type: "totals",
      phase: "fetch",
      items: 6,
      bytes: packages.reduce((sum, item) => sum + item.bytes.length, 0),
    });
    expect(states("done")).toBe(6);
  });

  it("asks for the largest first, no more at once than told", async () => {
    await fetchAll(records(), { options: { downloadThreads: 1 } });
    const sizes = server.requests.map((request) => files[request.path]!.length);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(server.maxConcurrent).toBeLessThanOrEqual(2);
  });

  it("keeps one of several lanes for the smallest", async () => {
    const requests: string[] = [];
    const slow = await startServer({
      handler: async (request, response) => {
        requests.push(request.url ?? "");
        // Nothing is answered before every lane has asked.
        while (requests.length < 3) await new Promise((go) => setTimeout(go, 5));
        response.end(files[request.url ?? ""]);
        return true;
      },
    });
    const moved = records().map((record) => ({ ...record, url: record.url.replace(server.url, slow.url) }));
    await fetchAll(moved, { options: { downloadThreads: 3 } });
    await slow.close();
    const sizes = Object.entries(files)
      .filter(([path]) => path.includes("/pkg-"))
      .sort((a, b) => b[1].length - a[1].length)
      .map(([path]) => path);
    expect(requests.slice(0, 3).sort()).toEqual([sizes[0], sizes[1], sizes.at(-1)].sort());
    expect(requests).toHaveLength(6);
  });

  it("keeps no archives when told", async () => {
    await fetchAll(records(), { options: { keepArchives: false } });
    expect(checkVisible(pkgs, packages)).toHaveLength(6);
    expect(readdirSync(pkgs).filter((name) => /\.(conda|bz2)$/.test(name))).toEqual([]);
  });

  it("writes no secrets to disk", async () => {
    const { record } = packages[0]!;
    const url = record.url.replace("://", "://user:hunter2@");
    await fetchAll([{ ...record, url, channel: `${server.url}/t/hunter2` }]);
    const place = join(pkgs, record.fn.replace(/\.conda$/, ""));
    for (const file of [join(place, "info/repodata_record.json"), join(pkgs, "urls.txt")])
      expect(readFileSync(file, "utf8")).not.toContain("hunter2");
  });
});

describe("a warm cache", () => {
  it("is used without a request", async () => {
    await fetchAll(records());
    server.requests.length = 0;
    events.length = 0;
    const result = await fetchAll(records(), { http: { offline: true } });
    expect(server.requests).toEqual([]);
    expect(states("cached")).toBe(6);
    expect(result.size).toBe(6);
  });

  it.each<[string, (place: string) => void, boolean]>([
    ["a file is missing", (place) => rmSync(join(place, "share/pkg-0/small.txt")), true],
    ["a file is cut", (place) => truncateSync(join(place, "share/pkg-0/data.bin"), 5), true],
    ["info/index.json is missing", (place) => rmSync(join(place, "info/index.json")), true],
    ["repodata_record.json is missing", (place) => rmSync(join(place, "info/repodata_record.json")), true],
    [
      "repodata_record.json is cut",
      (place) => truncateSync(join(place, "info/repodata_record.json"), 40),
      true,
    ],
    ["paths.json is no JSON", (place) => writeFileSync(join(place, "info/paths.json"), "{"), true],
    [
      "the directory is a file",
      (place) => {
        rmSync(place, { recursive: true });
        writeFileSync(place, "");
      },
      true,
    ],
    [
      "the archive is gone too",
      (place) => {
        rmSync(place, { recursive: true });
        rmSync(`${place}.conda`);
      },
      false,
    ],
    [
      "the archive is damaged too",
      (place) => {
        rmSync(place, { recursive: true });
        const bytes = readFileSync(`${place}.conda`);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(`${place}.conda`, bytes);
      },
      false,
    ],
  ])("is repaired when %s", async (_, damage, fromArchive) => {
    await fetchAll(records().slice(0, 2));
    damage(join(pkgs, "pkg-0-1.0-0"));
    server.requests.length = 0;
    await fetchAll(records().slice(0, 2));
    expect(checkVisible(pkgs, packages)).toHaveLength(2);
    expect(litter(pkgs)).toEqual([]);
    expect(server.requests.length).toBe(fromArchive ? 0 : 1);
  });

  it("trusts sizes when safety checks are off, and hashes when asked", async () => {
    await fetchAll(records().slice(0, 1));
    const file = join(pkgs, "pkg-0-1.0-0/share/pkg-0/small.txt");
    const good = readFileSync(file);
    const flipped = Buffer.from(good);
    flipped[0]! ^= 1;
    writeFileSync(file, flipped);
    await fetchAll(records().slice(0, 1));
    expect(readFileSync(file).equals(flipped)).toBe(true);
    await fetchAll(records().slice(0, 1), { options: { extraSafetyChecks: true } });
    expect(readFileSync(file).equals(good)).toBe(true);
    truncateSync(file, 1);
    await fetchAll(records().slice(0, 1), { options: { safetyChecks: "disabled" } });
    expect(statSync(file).size).toBe(1);
  });

  it("a package whose own list of files is wrong: refused, told or taken, as safety checks say", async () => {
    const odd = served(
      await buildPackage({
        name: "odd",
        version: "1.0",
        build: "0",
        subdir: "noarch",
        noarch: "generic",
        files: { "share/odd": "four" },
        editPaths: (paths) => paths.map((entry) => ({ ...entry, sha256: "0".repeat(64) })),
      }),
      server.url,
    );
    files[odd.path] = odd.bytes;
    const fetchOdd = (options: FetchPackagesOptions) => {
      rmSync(pkgs, { recursive: true, force: true });
      events = [];
      return fetchAll([odd.record], { options });
    };
    await expect(fetchOdd({ safetyChecks: "enabled", extraSafetyChecks: true })).rejects.toMatchObject({
      code: "archive-invalid",
      message: expect.stringMatching(
        /`odd-1\.0-0\.conda` does not hold.*`share\/odd` has another sha256/,
      ) as string,
    });
    expect(litter(pkgs)).toEqual([]);
    expect(existsSync(join(pkgs, "odd-1.0-0"))).toBe(false);
    const warnings = (): string[] =>
      events.flatMap((event) => (event.type === "warning" ? [event.code] : []));
    await fetchOdd({ safetyChecks: "warn", extraSafetyChecks: true });
    expect(warnings()).toEqual(["package-contents"]);
    for (const options of [
      { safetyChecks: "warn" },
      { safetyChecks: "disabled", extraSafetyChecks: true },
    ] as const) {
      await fetchOdd(options);
      expect(warnings()).toEqual([]);
    }
  });

  it("another package of the same name keeps its place", async () => {
    const twin = served(
      await buildPackage({
        name: "pkg-0",
        version: "1.0",
        build: "0",
        subdir: "noarch",
        files: [{ path: "share/other", content: "other channel" }],
      }),
      `${server.url}/other`,
    );
    files[`/other${twin.path}`] = twin.bytes;
    const [first] = (await fetchAll([packages[0]!.record])).values();
    const [second] = (await fetchAll([twin.record])).values();
    expect(second!.extracted_package_dir).not.toBe(first!.extracted_package_dir);
    expect(readFileSync(join(second!.extracted_package_dir, "share/other"), "utf8")).toBe("other channel");
    expect(checkVisible(pkgs, packages)).toEqual(["pkg-0-1.0-0"]);
    server.requests.length = 0;
    await fetchAll([twin.record, packages[0]!.record].slice(0, 1));
    expect(server.requests).toEqual([]);
  });

  it("reads mamba's per-channel layout", async () => {
    await fetchAll(records().slice(0, 1));
    mkdirSync(join(pkgs, "conda-forge/noarch"), { recursive: true });
    cpSync(join(pkgs, "pkg-0-1.0-0"), join(pkgs, "conda-forge/noarch/pkg-0-1.0-0"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    rmSync(join(pkgs, "pkg-0-1.0-0"), { recursive: true });
    rmSync(join(pkgs, packages[0]!.record.fn));
    const result = await fetchAll([{ ...packages[0]!.record, channel: "conda-forge" }], {
      http: { offline: true },
    });
    expect([...result.values()][0]!.extracted_package_dir).toBe(join(pkgs, "conda-forge/noarch/pkg-0-1.0-0"));
  });

  it("an entry found in a later directory is used where it is", async () => {
    const second = join(sandbox, "second");
    await fetchAll(records(), { dirs: [second] });
    const result = await fetchAll(records(), { dirs: [pkgs, second], http: { offline: true } });
    for (const entry of result.values()) expect(entry.extracted_package_dir.startsWith(second)).toBe(true);
    expect(existsSync(pkgs)).toBe(false);
  });
});

describe("failures", () => {
  it("offline names everything that is missing", async () => {
    const error = await failure(fetchAll(records(), { http: { offline: true } }));
    expect(error.code).toBe("offline-missing");
    expect([...((error.details?.urls ?? []) as string[])].sort()).toEqual(
      records()
        .map((record) => record.url)
        .sort(),
    );
    for (const record of records()) expect(error.message).toContain(record.url);
    expect(server.requests).toEqual([]);
    expect(existsSync(pkgs)).toBe(false);
  });

  it.each([
    ["a name with ..", { fn: "..-1-0.conda" }, "unsafe-name"],
    ["a path as name", { fn: "../../etc/x-1-0.conda" }, "unsafe-name"],
    ["an unknown extension", { fn: "x-1-0.zip" }, "unsafe-name"],
    ["a hostile package name", { name: "../../x" }, "unsafe-name"],
    ["a hostile version", { version: "1/../../x" }, "unsafe-name"],
    ["a hostile build", { build: "../../x" }, "unsafe-name"],
  ])("%s never becomes a path (GHSA-h672-p7h7-97v9)", async (_, change, code) => {
    const error = await failure(fetchAll([{ ...packages[0]!.record, ...change }]));
    expect(error.code).toBe(code);
    expect(existsSync(pkgs)).toBe(false);
  });

  it("a wrong hash is refused after one more try, and leaves nothing", async () => {
    const { record } = packages[1]!;
    const error = await failure(fetchAll([...records().slice(2), { ...record, sha256: "0".repeat(64) }]));
    expect(error.code).toBe("checksum-mismatch");
    expect(error.message).toContain(record.fn);
    expect(server.requests.filter((request) => request.path.endsWith(record.fn)).length).toBe(2);
    expect(error.hint).toContain("channel's index");
    expect(states("retry")).toBe(1);
    expect(litter(pkgs)).toEqual([]);
    expect(checkVisible(pkgs, packages)).not.toContain("pkg-1-1.1-0");
  });

  it("bytes damaged once are fetched again, past caches on the way", async () => {
    server.faults.push({ match: packages[0]!.record.fn, corruptAt: 1000 });
    await fetchAll(records().slice(0, 1));
    expect(checkVisible(pkgs, packages)).toHaveLength(1);
    expect(server.requests.map((request) => request.headers["cache-control"])).toEqual([
      undefined,
      "no-cache",
    ]);
  });

  it("damaged at one mirror, taken from the next, and the mirror is left alone", async () => {
    const bad = await startServer({ files, faults: [{ corruptAt: 500, times: Infinity }] });
    const list = records().slice(0, 3);
    await fetchAll(list, {
      http: { mirrors: { [server.url]: [bad.url, server.url] } },
      options: { downloadThreads: 1 },
    });
    expect(checkVisible(pkgs, packages)).toHaveLength(3);
    expect(bad.requests.length).toBe(1);
    await bad.close();
  });

  it("a mirror that lacks one package is still asked for the others", async () => {
    const list = records().slice(0, 3);
    const first = await startServer({ files, faults: [{ status: 404 }] });
    await fetchAll(list, {
      http: { mirrors: { [server.url]: [first.url, server.url] } },
      options: { downloadThreads: 1 },
    });
    expect(checkVisible(pkgs, packages)).toHaveLength(3);
    expect(first.requests.length).toBe(3);
    await first.close();
  });

  it("more bytes than promised are not read to the end", async () => {
    const { record } = packages[0]!;
    const error = await failure(fetchAll([{ ...record, size: 1000 }]));
    expect(error.code).toBe("checksum-mismatch");
    // The whole would be told with its size.
    expect(error.message).toContain("more than 1000 bytes");
    expect(litter(pkgs)).toEqual([]);
  });

  it.each([
    [404, "http-error"],
    [403, "auth-error"],
    [500, "http-error"],
  ])("HTTP %d is %s and names the package", async (status, code) => {
    server.faults.push({ match: packages[0]!.record.fn, status, times: Infinity });
    const error = await failure(fetchAll(records()));
    expect(error.code).toBe(code);
    expect(error.message).toContain(packages[0]!.record.fn);
    expect(litter(pkgs)).toEqual([]);
  });

  it("an archive that is no package is told as such, not as damaged", async () => {
    const bytes = Buffer.from("this is no archive at all, and long enough to be looked at ".repeat(20));
    files["/noarch/junk-1-0.conda"] = bytes;
    const url = `${server.url}/noarch/junk-1-0.conda`;
    const error = await failure(fetchAll([recordFromUrl(url)], { options: { learn: new Set([url]) } }));
    expect(error.code).toBe("archive-invalid");
    expect(litter(pkgs)).toEqual([]);
  });

  it("an interrupt stops everything and cleans up", async () => {
    server.faults.push({ stallAt: 2000, times: Infinity });
    const controller = new AbortController();
    const running = failure(fetchAll(records(), { signal: controller.signal }));
    await expect.poll(() => server.requests.length).toBeGreaterThan(2);
    controller.abort();
    expect((await running).code).toBe("interrupted");
    expect(litter(pkgs)).toEqual([]);
    expect(checkVisible(pkgs, packages)).toEqual([]);
  });

  it("says which directories cannot be written", async () => {
    const file = join(sandbox, "file");
    writeFileSync(file, "");
    const error = await failure(fetchAll(records().slice(0, 1), { dirs: [join(file, "pkgs")] }));
    expect(["permission-denied", "io-error"]).toContain(error.code);
    expect(error.message).toContain(join(file, "pkgs"));
  });
});

describe("explicit archives", () => {
  it("from a path: everything is learnt from the package", async () => {
    const path = join(sandbox, packages[0]!.record.fn);
    writeFileSync(path, packages[0]!.bytes);
    const url = pathToFileURL(path).href;
    const result = await fetchAll([recordFromUrl(url)], { options: { learn: new Set([url]) } });
    const { md5, sha256, size, name, version, noarch } = packages[0]!.record;
    expect(result.get(url)).toMatchObject({ md5, sha256, size, name, version, noarch, url });
    expect(litter(pkgs)).toEqual([]);
  });

  it("built anew under the old name, is not taken from the cache", async () => {
    const path = join(sandbox, "local-1.0-0.conda");
    const url = pathToFileURL(path).href;
    const contents: string[] = [];
    for (const text of ["one", "two", "two"]) {
      const built = await buildPackage({
        name: "local",
        version: "1.0",
        build: "0",
        subdir: "noarch",
        files: [{ path: "share/text", content: text }],
      });
      writeFileSync(path, built.bytes);
      const [entry] = (await fetchAll([recordFromUrl(url)], { options: { learn: new Set([url]) } })).values();
      contents.push(readFileSync(join(entry!.extracted_package_dir, "share/text"), "utf8"));
    }
    expect(contents).toEqual(["one", "two", "two"]);
    expect(states("cached")).toBe(1);
  });

  it("from a URL, with the hash it names", async () => {
    const { record } = packages[2]!;
    const learn = new Set([record.url]);
    const good = await fetchAll([recordFromUrl(record.url, { md5: record.md5 })], { options: { learn } });
    expect(good.get(record.url)).toMatchObject({ name: "pkg-2", version: "1.2", sha256: record.sha256 });
    rmSync(pkgs, { recursive: true });
    const error = await failure(
      fetchAll([recordFromUrl(record.url, { md5: "0".repeat(32) })], { options: { learn } }),
    );
    expect(error.code).toBe("checksum-mismatch");
    expect(`${error.message} ${error.hint}`).toContain("lock");
    expect(`${error.message} ${error.hint}`).not.toContain("channel");
  });

  it.each(["https://h/noarch/x.conda", "https://h/noarch/x-1.conda"])("%s is no package URL", (url) => {
    expect(() => recordFromUrl(url)).toThrow(/name/);
  });
});

describe("rights", () => {
  it("modes of what was there are never changed", async () => {
    mkdirSync(pkgs, { mode: 0o751 });
    await fetchAll(records().slice(0, 1));
    expect(lstatSync(pkgs).mode & 0o777).toBe(0o751);
    expect(lstatSync(join(pkgs, "pkg-0-1.0-0")).mode & 0o777).toBe(0o777 & ~process.umask());
  });
});
