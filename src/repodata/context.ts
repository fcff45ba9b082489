import type { EventSink } from "../events.ts";
import type { HttpClient } from "../net/http.ts";
import type { WorkerPool } from "../workers/protocol.ts";

export interface LoadOptions {
  /** Use sharded repodata (CEP 16) where a channel has it; default true. */
  useShards?: boolean | undefined;
  shards?: ShardOptions | undefined;
  /** Prefer `repodata.json.zst`; default true. */
  useZst?: boolean | undefined;
  /** conda's `local_repodata_ttl`: 0 always asks, 1 follows the server's headers (default), more is seconds. */
  ttl?: number | undefined;
  /** Use whatever is cached, whatever its age. */
  useIndexCache?: boolean | undefined;
  /** As `useIndexCache`, and never open a socket. */
  offline?: boolean | undefined;
  /**
   * Package names that a request can start from: with shards only these and what they depend on are fetched.
   * Undefined: everything is needed, so shards are not used.
   */
  roots?: readonly string[] | undefined;
  /** Also fetch what the roots depend on; default true. */
  recursive?: boolean | undefined;
  /** File name without compression, such as `current_repodata.json`; default `repodata.json`. Others have no shards. */
  repodataFn?: string | undefined;
  /** Leave out packages in the `.conda` format (conda's `use_only_tar_bz2`). */
  onlyTarBz2?: boolean | undefined;
  /** A channel without any subdir is a warning (conda's `allow_non_channel_urls`). */
  allowMissing?: boolean | undefined;
  /** CEP 42; 0 ignores `channel_relations`; default 10. */
  channelRelationsMaxDepth?: number | undefined;
}

export interface ShardOptions {
  /** As `ttl`, for the index of shards; default `ttl`. Shards themselves are named by their hash and never grow old. */
  ttl?: number | undefined;
  /** Most shards in flight at once, over all subdirs; 0 or undefined chooses. */
  inFlight?: number | undefined;
}

export interface LoadContext {
  http: HttpClient;
  pool: WorkerPool;
  events: EventSink;
  /** The `cache` directory of a package cache; created when missing. */
  cacheDir: string;
  /** Those of further package caches: read where `cacheDir` has nothing fresh, never written. */
  otherCacheDirs?: readonly string[] | undefined;
  signal?: AbortSignal | undefined;
  /** Milliseconds since the epoch; the system clock when not given. */
  now?: (() => number) | undefined;
}

/** One subdir to load. */
export interface SubdirRequest {
  /** Channel as shown to users. */
  channel: string;
  subdir: string;
  /** Without credentials and trailing slash. */
  url: string;
}
