import type { PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { LoadContext } from "./context.ts";
import { repodataError } from "./decoder.ts";
import { MessageReader } from "./message-records.ts";
import { mergeRecords, type RecordSource, toRecord } from "./record.ts";
import { fetchShard, type ShardIndex } from "./shard-index.ts";
import type { VettedTexts } from "./vetted-texts.ts";

const NONE: readonly RepoDataRecord[] = [];

export interface ShardedIndexContext extends RecordSource {
  load: LoadContext;
  /** One for all indexes of a load. */
  texts: VettedTexts;
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
    const records = this.#read(name, shard.message);
    this.#known.set(name, records);
    if (shard.bytes > 0) {
      this.#bytes += shard.bytes;
      const { channel, subdir } = this;
      context.events({ type: "repodata", channel, subdir, state: "progress", bytes: this.#bytes });
    }
    return records;
  }

  #read(name: string, shard: Uint8Array): readonly RepoDataRecord[] {
    const found: RepoDataRecord[] = [];
    const removed = new Set<string>();
    const reader = new MessageReader(
      shard,
      this.#context.texts.interner,
      `${this.channel}/${this.subdir}`,
      `the shard of \`${name}\``,
    );
    const group = (extension: string): void => {
      eachEntry(reader, (key) => {
        const record = toRecord(reader.record() ?? null, key + extension, name, this.#context);
        if (typeof record === "string") this.#problem(key, record);
        else found.push(record);
      });
    };
    const isDictionary = eachEntry(reader, (key) => {
      if (key === "packages" || key === "packages.conda") group("");
      else if (key === "v3")
        eachEntry(reader, (kind) =>
          kind === "conda" || kind === "tar.bz2" ? group(`.${kind}`) : reader.skip(),
        );
      else if (key === "removed") readTexts(reader, removed);
      else reader.skip();
    });
    if (!isDictionary)
      throw repodataError(`${this.channel}/${this.subdir}`, `the shard of \`${name}\` is no dictionary`);
    return mergeRecords(found, removed);
  }

  #problem(key: string, reason: string): void {
    const shown = key.length > 100 ? `${key.slice(0, 100)}…` : key;
    this.#context.onProblem(
      `record ${JSON.stringify(shown)} of \`${this.channel}/${this.subdir}\` is left out: ${reason}`,
    );
  }
}

/** Calls back at the value of each entry, which must be consumed. False when there is no dictionary; it is stepped over. */
function eachEntry(reader: MessageReader, each: (key: string) => void): boolean {
  const entries = reader.mapSize();
  if (entries < 0) {
    reader.skip();
    return false;
  }
  for (let i = 0; i < entries; i++) {
    const key = reader.text(false);
    if (key === undefined) reader.skip();
    else each(key);
  }
  return true;
}

function readTexts(reader: MessageReader, into: Set<string>): void {
  const items = reader.listSize();
  if (items < 0) reader.skip();
  for (let i = 0; i < items; i++) {
    const text = reader.text(false);
    if (text !== undefined) into.add(text);
  }
}
