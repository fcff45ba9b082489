import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { buildPackage } from "../../fixtures/index.ts";
import { fetchPackages } from "../../src/cache/fetch.ts";
import { PackageCache } from "../../src/cache/package-cache.ts";
import { ignoreEvents } from "../../src/events.ts";
import { processSpace } from "../../src/fs/cache-files.ts";
import { createHttpClient } from "../../src/net/http.ts";
import { createPool } from "../../src/workers/pool.ts";
import { bundleForNode } from "../support/bundle.ts";
import { checkVisible, litter, unfinishedBytes } from "../support/cache-checks.ts";
import { type ChannelServer, type Fault, startServer } from "../support/channel-server.ts";
import { startRegistry } from "../support/oci-registry.ts";
import { noise, type ServedPackage, served } from "../support/packages.ts";
import { repoRoot } from "../support/shared.ts";

const pool = createPool({ size: 1, mode: "inline" });
const files: Record<string, Uint8Array> = {};
let server: ChannelServer;
let big: ServedPackage;
let pkgs: string;

beforeAll(async () => {
  server = await startServer({ files });
  const content = noise("big", 3_000_000);
  const built = await buildPackage({
    name: "pkg-9",
    version: "1.9",
    build: "0",
    subdir: "noarch",
    noarch: "generic",
    files: [{ path: "share/big.bin", content }],
  });
  big = served(built, server.url);
  files[big.path] = big.bytes;
});
afterAll(async () => {
  await pool.close();
  await server.close();
});
afterEach(() => {
  rmSync(pkgs, { recursive: true, force: true });
  server.faults.length = 0;
  server.requests.length = 0;
});

async function fetchBig(faults: Fault[] = []): Promise<(string | undefined)[]> {
  server.faults.push(...faults);
  const http = createHttpClient({ retries: 2, retryDelay: 2 }, { events: ignoreEvents });
  const cache = new PackageCache([pkgs], { events: ignoreEvents, pool });
  try {
    await fetchPackages([big.record], {}, { http, pool, cache, events: ignoreEvents });
  } finally {
    await http.close();
  }
  expect(checkVisible(pkgs, [big])).toHaveLength(1);
  expect(litter(pkgs)).toEqual([]);
  expect(readFileSync(join(pkgs, big.record.fn)).equals(big.bytes)).toBe(true);
  return server.requests.map(({ headers }) => headers["range"]);
}

/** What a killed run leaves, with a process id that is beyond every system's. */
function leave(bytes: Uint8Array, name = `1-${big.record.sha256}.archive`): void {
  pkgs = mkdtempSync(join(tmpdir(), "taipan-partial-"));
  const scratch = join(pkgs, `.taipan-${processSpace(hostname())}-999999999-0123456789ab`);
  mkdirSync(scratch);
  writeFileSync(join(scratch, name), bytes);
}

it("goes on where a killed process stopped", async () => {
  pkgs = mkdtempSync(join(tmpdir(), "taipan-partial-"));
  const bundle = await bundleForNode({
    driver: join(repoRoot, "tests/support/fetch-driver.ts"),
    worker: join(repoRoot, "src/worker.ts"),
  });
  const recordsFile = join(pkgs, "records.json");
  writeFileSync(recordsFile, JSON.stringify([big.record]));
  server.faults.push({ stallAt: 2_000_000 });
  const child = spawn(process.execPath, [join(bundle.directory, "driver.js"), recordsFile, pkgs]);
  const ended = new Promise((done) => child.once("exit", done));
  await expect.poll(() => unfinishedBytes(pkgs), { interval: 5 }).toBeGreaterThan(1_500_000);
  child.kill("SIGKILL");
  await ended;
  bundle.remove();
  rmSync(recordsFile);
  const [, range] = await fetchBig();
  expect(Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1])).toBeGreaterThan(1_500_000);
}, 60_000);

it("asks for the rest alone, also over a connection that breaks again", async () => {
  leave(big.bytes.subarray(0, 2_000_000));
  const ranges = await fetchBig([{ cutAt: 2_300_000 }]);
  expect(ranges[0]).toBe("bytes=2000000-");
  expect(Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? "")?.[1])).toBeGreaterThan(2_000_000);
});

it.each<[string, () => Uint8Array, Fault[], (string | undefined)[]]>([
  [
    "the server ignores ranges",
    () => big.bytes.subarray(0, 2_000_000),
    [{ noRange: true }],
    ["bytes=2000000-"],
  ],
  [
    "it is damaged",
    () => big.bytes.map((byte, i) => (i === 5000 ? byte ^ 1 : byte)).subarray(0, 2_000_000),
    [],
    ["bytes=2000000-", undefined],
  ],
  [
    "nothing follows it",
    () => big.bytes.subarray(0, 2_000_000),
    [{ status: 416 }],
    ["bytes=2000000-", undefined],
  ],
  ["it is too small to matter", () => big.bytes.subarray(0, 100_000), [], [undefined]],
  ["it is longer than the package", () => Buffer.concat([big.bytes, big.bytes]), [], [undefined]],
])("ends well when %s", async (_, bytes, faults, ranges) => {
  leave(bytes());
  expect(await fetchBig(faults)).toEqual(ranges);
});

it.each([["none" as const], ["anonymous" as const]])(
  "asks a registry for the rest of a layer: %s tokens",
  async (tokens) => {
    const registry = await startRegistry({ [big.path]: big.bytes }, { tokens });
    leave(big.bytes.subarray(0, 2_000_000));
    const http = createHttpClient({ retries: 0 }, { events: ignoreEvents });
    const cache = new PackageCache([pkgs], { events: ignoreEvents, pool });
    const record = { ...big.record, url: `${registry.channel}${big.path}` };
    await fetchPackages([record], {}, { http, pool, cache, events: ignoreEvents });
    await Promise.all([http.close(), registry.close()]);
    expect(checkVisible(pkgs, [big])).toHaveLength(1);
    const ranges = registry.requests.map(({ headers }) => headers["range"]);
    expect(ranges.filter((range) => range !== undefined)).toEqual(["bytes=2000000-"]);
  },
);

it("takes nothing that has another hash, no link, and nothing of a living process", async () => {
  leave(big.bytes.subarray(0, 2_000_000), `1-${"0".repeat(64)}.archive`);
  const living = join(pkgs, `.taipan-${processSpace(hostname())}-1-0123456789ab`);
  mkdirSync(living);
  const theirs = join(living, `1-${big.record.sha256}.archive`);
  writeFileSync(theirs, big.bytes.subarray(0, 2_000_000));
  server.requests.length = 0;
  const http = createHttpClient({ retries: 0 }, { events: ignoreEvents });
  const cache = new PackageCache([pkgs], { events: ignoreEvents, pool });
  await fetchPackages([big.record], {}, { http, pool, cache, events: ignoreEvents });
  await http.close();
  expect(server.requests.map(({ headers }) => headers["range"])).toEqual([undefined]);
  expect(existsSync(theirs)).toBe(true);
});
