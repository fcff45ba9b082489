import type { LimitFunction } from "p-limit";
import { completeRecord, type PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { LoadContext } from "./context.ts";
import { repodataError } from "./decoder.ts";
import { type DependencyReader, readOutline } from "./message-outlines.ts";
import { MessageReader } from "./message-records.ts";
import type { OutlineOrigin } from "./outline.ts";
import { leftOut, type RecordSource, toRecord, withoutOthers } from "./record.ts";
import { fetchShard, type ShardIndex } from "./shard-index.ts";
import type { VettedTexts } from "./vetted-texts.ts";

const NONE: readonly RepoDataRecord[] = [];

export interface ShardedIndexContext extends RecordSource {
  load: LoadContext;
  /** One for all indexes of a load. */
  texts: VettedTexts;
  /** The same for all indexes of a load: bounds the shards that are in flight. */
  limit: LimitFunction;
  onProblem(message: string): void;
}

/** The packages of a sharded subdir. The records of a name are there once `fetch` was awaited for it. */
export class ShardedIndex implements PackageIndex {
  readonly channel: string;
  readonly subdir: string;
  priority = 0;
  readonly distinct = true;
  readonly limit: LimitFunction;
  readonly #index: ShardIndex;
  readonly #context: ShardedIndexContext;
  readonly #outlined = new Map<string, readonly RepoDataRecord[]>();
  readonly #known = new Map<string, readonly RepoDataRecord[]>();
  #bytes = 0;
  #records = 0;

  constructor(index: ShardIndex, context: ShardedIndexContext) {
    this.#index = index;
    this.#context = context;
    this.#bytes = index.received;
    this.limit = context.limit;
    this.channel = context.channel;
    this.subdir = context.subdir;
  }

  has(name: string): boolean {
    return this.#index.hashes.has(name);
  }

  /** Empty for a name that was not fetched. */
  records(name: string): readonly RepoDataRecord[] {
    let records = this.#known.get(name);
    if (!records) {
      records = this.outlines(name).map(completeRecord);
      if (this.#outlined.has(name)) this.#known.set(name, records);
    }
    return records;
  }

  outlines(name: string): readonly RepoDataRecord[] {
    return this.#outlined.get(name) ?? NONE;
  }

  names(): Iterable<string> {
    return this.#index.hashes.names();
  }

  /** Fetches the shard of a name, unless it is there already; `dependencies` is told what its records depend on. */
  async fetch(name: string, dependencies?: DependencyReader): Promise<void> {
    if (this.#outlined.has(name)) return;
    const { load } = this.#context;
    const shard = await fetchShard(this.#index, name, `${this.channel}/${this.subdir}`, load);
    if (!shard || this.#outlined.has(name)) return;
    this.#outlined.set(name, this.#read(name, shard.message, dependencies));
    this.#bytes += shard.bytes;
    this.#records += this.outlines(name).length;
    this.#tell("progress");
  }

  /** All that the request needs is there: keeps the index for the next command, and says so. */
  async complete(): Promise<void> {
    const { pending } = this.#index;
    this.#index.pending = undefined;
    await pending?.publish();
    this.#tell(this.#bytes > 0 ? "done" : "cached");
  }

  /** Something that the request needs cannot be had. */
  discard(): void {
    this.#index.pending?.discard();
    this.#index.pending = undefined;
  }

  #tell(state: "progress" | "done" | "cached"): void {
    const { channel, subdir } = this;
    const bytes = state === "cached" ? {} : { bytes: this.#bytes };
    const total = state === "done" ? { total: this.#bytes } : {};
    this.#context.load.events({
      type: "repodata",
      channel,
      subdir,
      state,
      ...bytes,
      ...total,
      records: this.#records,
    });
  }

  #read(name: string, shard: Uint8Array, dependencies?: DependencyReader): readonly RepoDataRecord[] {
    // Later members of one file name replace earlier ones.
    const found = new Map<string, RepoDataRecord>();
    const removed = new Set<string>();
    const { texts } = this.#context;
    const label = `${this.channel}/${this.subdir}`;
    const reader = new MessageReader(shard, texts.interner, label, `the shard of \`${name}\``);
    const origin = this.#origin(reader.bytes, name);
    const group = (extension: string): void => {
      eachEntry(reader, (key) => {
        const at = { key, extension, start: reader.position, name, origin };
        const plain = readOutline(reader.bytes, at, { texts, dependencies });
        if (plain) {
          found.set(key + extension, plain.outline);
          reader.continueAt(plain.end);
          return;
        }
        const record = toRecord(reader.record() ?? null, key + extension, name, this.#context);
        if (typeof record === "string") this.#context.onProblem(leftOut(key, this.#context, record));
        else {
          found.set(record.fn, record);
          for (const list of [record.depends, ...Object.values(record.extra_depends ?? {})])
            dependencies?.list(list);
        }
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
    if (!isDictionary) throw repodataError(label, `the shard of \`${name}\` is no dictionary`);
    if (this.#context.onlyTarBz2)
      for (const fn of [...found.keys()]) if (!fn.endsWith(".tar.bz2")) found.delete(fn);
    return withoutOthers(found, removed);
  }

  /** The shard stays in memory for the records that turn out to be needed: it is a third of what all of them would take. */
  #origin(bytes: Buffer, name: string): OutlineOrigin {
    const { texts } = this.#context;
    const label = `${this.channel}/${this.subdir}`;
    const what = `the shard of \`${name}\``;
    return {
      source: this.#context,
      complete: (fn, start, end) => {
        const reader = new MessageReader(bytes.subarray(start, end), texts.interner, label, what);
        const record = toRecord(reader.record() ?? null, fn, name, this.#context);
        if (typeof record === "string") throw repodataError(label, `record \`${fn}\`: ${record}`);
        return record;
      },
    };
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
