import { createHash } from "node:crypto";
import { join } from "node:path";
import { readTextSync, writeAtomic } from "../fs/files.ts";
import { objectOf } from "../util/json.ts";
import type { Validators } from "../workers/protocol.ts";

/** Forms of a subdir's repodata, best first. */
export const SOURCES = ["shards", "zst", "json", "bz2"] as const;
export type SourceKind = (typeof SOURCES)[number];

/** What is remembered of a subdir beside its cached data. Times are milliseconds since the epoch. */
export interface SubdirState {
  /** Subdir URL without credentials: the file name is only 32 bits of its hash. */
  url: string;
  /** Forms that the server did not have, and when it said so. */
  absent: Partial<Record<SourceKind, number>>;
  /** Facts newer than those in the cached files themselves, by the id of the file that they are about. */
  flat?: { id: string; validators: Validators } | undefined;
  shards?: { id: string; validators: Validators } | undefined;
}

/** A form that was absent is asked for again after this time; conda does the same. */
const ABSENT_FOR = 7 * 86_400_000;

export interface CachePaths {
  /** Index of a flat repodata file. */
  index: string;
  /** Shard index. */
  shards: string;
  state: string;
  /** What conda and mamba write: the plain file and what they know of it. */
  json: string;
  foreignStates: string[];
}

/** Where a subdir's files are. The first eight digits of the md5 are the name that conda and mamba use too. */
export function cachePaths(cacheDir: string, url: string): CachePaths {
  const key = createHash("md5").update(`${url}/`).digest("hex").slice(0, 8);
  const at = (extension: string): string => join(cacheDir, `${key}.${extension}`);
  return {
    index: at("index"),
    shards: at("shards"),
    state: at("taipan.json"),
    json: at("json"),
    foreignStates: [at("info.json"), at("state.json")],
  };
}

/** The state of a subdir; empty when there is none, it is damaged, or it is another URL's. */
export function readState(paths: CachePaths, url: string): SubdirState {
  const empty: SubdirState = { url, absent: {} };
  try {
    const state = JSON.parse(readTextSync(paths.state) ?? "null") as SubdirState | null;
    if (state?.url !== url || typeof state.absent !== "object" || state.absent === null) return empty;
    return [state.flat, state.shards].every(isFacts) ? state : empty;
  } catch {
    return empty;
  }
}

function isFacts(value: unknown): boolean {
  if (value === undefined) return true;
  const validators = objectOf(objectOf(value)?.["validators"]);
  if (typeof validators?.["checkedAt"] !== "number") return false;
  const { checkedAt: _, ...headers } = validators;
  return Object.values(headers).every((header) => typeof header === "string");
}

/** Two processes may write it at once: the last one wins, and an id that no longer fits its file is ignored. */
export async function writeState(paths: CachePaths, state: SubdirState): Promise<void> {
  await writeAtomic(paths.state, JSON.stringify(state));
}

export function isKnownAbsent(state: SubdirState, kind: SourceKind, now: number): boolean {
  const since = state.absent[kind];
  return since !== undefined && now >= since && now - since < ABSENT_FOR;
}
