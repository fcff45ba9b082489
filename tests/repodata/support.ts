import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";
import { afterAll } from "vitest";
import { compress } from "../../src/archive/zstd.ts";
import type { Event } from "../../src/events.ts";
import { createHttpClient, type HttpOptions } from "../../src/net/http.ts";
import { closeIndexes, type LoadOptions, loadChannels } from "../../src/repodata/load.ts";
import { type Channel, DEFAULT_CHANNEL_CONFIG, resolveChannels } from "../../src/specs/channel.ts";
import type { PackageIndex } from "../../src/specs/package-index.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import type { WorkerPool } from "../../src/workers/protocol.ts";

const made: string[] = [];
const opened: PackageIndex[][] = [];
let pool: WorkerPool | undefined;

afterAll(async () => {
  for (const indexes of opened) closeIndexes(indexes);
  await pool?.close();
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), "taipan-repodata-"));
  made.push(dir);
  return dir;
}

export function inlinePool(): WorkerPool {
  pool ??= createPool({ size: 2, mode: "inline", handlers });
  return pool;
}

export interface Loaded {
  indexes: PackageIndex[];
  events: Event[];
  warnings: string[];
}

export interface LoadSetup {
  cacheDir: string;
  otherCacheDirs?: string[];
  platform?: string;
  options?: LoadOptions;
  http?: HttpOptions;
  now?: () => number;
  events?: Event[];
  signal?: AbortSignal;
}

export function channelsOf(urls: readonly string[], platform = "linux-64"): Channel[] {
  return resolveChannels(urls, DEFAULT_CHANNEL_CONFIG, {
    platform,
    home: "/nonexistent",
    cwd: "/nonexistent",
  });
}

/** Loads channels by URL with a real client and an inline pool. */
export async function load(urls: readonly string[], setup: LoadSetup): Promise<Loaded> {
  const events: Event[] = setup.events ?? [];
  const sink = (event: Event): void => void events.push(event);
  const http = createHttpClient({ retries: 1, retryDelay: 1, ...setup.http }, { events: sink });
  const platform = setup.platform ?? "linux-64";
  try {
    const indexes = await loadChannels(channelsOf(urls, platform), platform, setup.options ?? {}, {
      http,
      pool: inlinePool(),
      events: sink,
      cacheDir: setup.cacheDir,
      otherCacheDirs: setup.otherCacheDirs,
      now: setup.now,
      signal: setup.signal,
    });
    opened.push(indexes);
    const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
    return { indexes, events, warnings };
  } finally {
    await http.close();
  }
}

/** A record with everything that repodata must have. */
export function record(
  name: string,
  version: string,
  extra: Record<string, unknown> = {},
): Record<string, unknown> {
  const build = (extra["build"] as string | undefined) ?? "0";
  return {
    name,
    version,
    build,
    build_number: 0,
    depends: [],
    subdir: "linux-64",
    md5: "0".repeat(32),
    sha256: "1".repeat(64),
    size: 1000,
    ...extra,
  };
}

/** Repodata of records in `packages.conda`. */
export function repodata(
  records: Record<string, unknown>[],
  extra: Record<string, unknown> = {},
): Record<string, unknown> {
  const packages: Record<string, unknown> = {};
  for (const item of records) packages[`${item["name"]}-${item["version"]}-${item["build"]}.conda`] = item;
  return {
    info: { subdir: "linux-64" },
    packages: {},
    "packages.conda": packages,
    removed: [],
    repodata_version: 1,
    ...extra,
  };
}

/** Every record of the indexes as `subdir/fn`, sorted. */
export function fileNames(indexes: readonly PackageIndex[]): string[] {
  const found: string[] = [];
  for (const index of indexes)
    for (const name of index.names())
      for (const item of index.records(name)) found.push(`${index.subdir}/${item.fn}`);
  return found.sort();
}

export type Shards = Record<string, Record<string, unknown>>;

/** Files of a sharded subdir (CEP 16) by path below the subdir: the index and one shard a name. */
export async function shardFiles(
  shards: Shards,
  info: Record<string, unknown> = { base_url: "", shards_base_url: "./shards/", subdir: "linux-64" },
): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  const hashes: Record<string, Uint8Array> = {};
  for (const [name, shard] of Object.entries(shards)) {
    const bytes = await compress(encode(shard), 3);
    const hash = createHash("sha256").update(bytes).digest();
    hashes[name] = new Uint8Array(hash);
    files[`shards/${hash.toString("hex")}.msgpack.zst`] = bytes;
  }
  files["repodata_shards.msgpack.zst"] = await compress(encode({ version: 1, info, shards: hashes }), 3);
  return files;
}

/** A shard as servers write it: hashes as bytes. */
export function shard(...records: Record<string, unknown>[]): Record<string, unknown> {
  const packages: Record<string, unknown> = {};
  for (const item of records) {
    const md5 = new Uint8Array(Buffer.from(String(item["md5"]), "hex"));
    const sha256 = new Uint8Array(Buffer.from(String(item["sha256"]), "hex"));
    packages[`${item["name"]}-${item["version"]}-${item["build"]}.conda`] = { ...item, md5, sha256 };
  }
  return { packages: {}, "packages.conda": packages, removed: [] };
}

export function under(
  prefix: string,
  files: Record<string, Uint8Array | string>,
): Record<string, Uint8Array | string> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [`${prefix}/${path}`, content]));
}
