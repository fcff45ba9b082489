import type { PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { LoadContext } from "./context.ts";
import { mergeRecords, type RecordSource, toRecord } from "./record.ts";
import { fetchShard, type ShardIndex } from "./shard-index.ts";

const NONE: readonly RepoDataRecord[] = [];

export interface ShardedIndexContext extends RecordSource {
  load: LoadContext;
  onProblem(message: string): void;
}

/** The packages of a sharded subdir. The records of a name are there once `fetch` was awaited for it. */
export class ShardedIndex implements PackageIndex {
  readonly channel: string;
  readonly subdir: string;
  priority = 0;
  readonly #index: ShardIndex;
  readonly #context: ShardedIndexContext;
  readonly #known = new Map<string, readonly RepoDataRecord[]>();
  #bytes = 0;

  constructor(index: ShardIndex, context: ShardedIndexContext) {
    this.#index = index;
    this.#context = context;
    this.channel = context.channel;
    this.subdir = context.subdir;
  }

  has(name: string): boolean {
    return this.#index.hashes.has(name);
  }

  /** Empty for a name that was not fetched. */
  records(name: string): readonly RepoDataRecord[] {
    return this.#known.get(name) ?? NONE;
  }

  names(): Iterable<string> {
    return this.#index.hashes.keys();
  }

  isFetched(name: string): boolean {
    return this.#known.has(name) || !this.has(name);
  }

  /** Fetches the shard of a name, unless it is there already. */
  async fetch(name: string, context: LoadContext = this.#context.load): Promise<readonly RepoDataRecord[]> {
    const known = this.#known.get(name);
    if (known) return known;
    const label = `${this.channel}/${this.subdir}`;
    const shard = await fetchShard(this.#index, name, label, context);
    if (!shard) return NONE;
    const records = this.#read(name, shard.value);
    this.#known.set(name, records);
    if (shard.bytes > 0) {
      this.#bytes += shard.bytes;
      const { channel, subdir } = this;
      context.events({ type: "repodata", channel, subdir, state: "progress", bytes: this.#bytes });
    }
    return records;
  }

  #read(name: string, shard: Record<string, unknown>): readonly RepoDataRecord[] {
    const found: RepoDataRecord[] = [];
    const v3 = dictionary(shard["v3"]);
    const groups: [group: unknown, extension: string][] = [
      [shard["packages"], ""],
      [shard["packages.conda"], ""],
      [v3?.["tar.bz2"], ".tar.bz2"],
      [v3?.["conda"], ".conda"],
    ];
    for (const [group, extension] of groups) {
      for (const [key, value] of Object.entries(dictionary(group) ?? {})) {
        const record = toRecord(withHexHashes(value), key + extension, name, this.#context);
        if (typeof record === "string") this.#problem(key, record);
        else found.push(record);
      }
    }
    const removed = Array.isArray(shard["removed"]) ? shard["removed"] : [];
    return mergeRecords(found, new Set(removed.filter((fn): fn is string => typeof fn === "string")));
  }

  #problem(key: string, reason: string): void {
    const shown = key.length > 100 ? `${key.slice(0, 100)}…` : key;
    this.#context.onProblem(
      `record ${JSON.stringify(shown)} of \`${this.channel}/${this.subdir}\` is left out: ${reason}`,
    );
  }
}

function dictionary(value: unknown): Record<string, unknown> | undefined {
  return value !== null && typeof value === "object" && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** Shards hold hashes as bytes (CEP 16). */
function withHexHashes(value: unknown): unknown {
  const raw = dictionary(value);
  if (!raw) return value;
  for (const key of ["md5", "sha256", "legacy_bz2_md5"]) {
    const hash = raw[key];
    if (hash instanceof Uint8Array) raw[key] = Buffer.from(hash).toString("hex");
  }
  return raw;
}
