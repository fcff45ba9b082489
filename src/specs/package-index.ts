import type { PackageRecord, RepoDataRecord } from "./records.ts";

/**
 * The packages of one channel subdir, read lazily: nothing of a name is parsed before it is asked for.
 * Synchronous, because the solver is; whatever must be fetched (shards) was fetched before.
 */
export interface PackageIndex {
  /** Channel as shown to users and written to records: without subdir and without credentials. */
  readonly channel: string;
  readonly subdir: string;
  /** Position of the channel in the request: 0 is the first named. Subdirs of one channel share it. */
  readonly priority: number;
  /** No two records of a name are one file, or one package as `.conda` and `.tar.bz2`. */
  readonly distinct?: boolean;
  /** Whether the index has records of this name, without parsing them. */
  has(name: string): boolean;
  /** All records of a package name, in no particular order; empty when there are none. The same array on each call. */
  records(name: string): readonly RepoDataRecord[];
  /**
   * As `records`, for readers that look at many and keep few: what orders and matches records is read, the rest when it is
   * asked for. These are no plain objects: pass what is kept on through `completeRecord`.
   */
  outlines?(name: string): readonly RepoDataRecord[];
  /** Every package name; for search, globs and did-you-mean. */
  names(): Iterable<string>;
}

/** An index without the records that `keep` is false for; asked once for each record that somebody looks at. */
export function filterIndex(index: PackageIndex, keep: (record: RepoDataRecord) => boolean): PackageIndex {
  const filtered = (all: (name: string) => readonly RepoDataRecord[]) => {
    const kept = new Map<string, readonly RepoDataRecord[]>();
    return (name: string): readonly RepoDataRecord[] => {
      let records = kept.get(name);
      if (!records) {
        records = all(name).filter(keep);
        kept.set(name, records);
      }
      return records;
    };
  };
  const records = filtered((name) => index.records(name));
  const outlines = index.outlines && filtered((name) => index.outlines!(name));
  return {
    channel: index.channel,
    subdir: index.subdir,
    priority: index.priority,
    ...(index.distinct === undefined ? {} : { distinct: index.distinct }),
    has: (name) => index.has(name) && (outlines ?? records)(name).length > 0,
    records,
    ...(outlines ? { outlines } : {}),
    names: () => index.names(),
  };
}

/** A record of `outlines` as a plain object; any other record as it is. */
export function completeRecord<R extends PackageRecord>(record: R): R {
  const { complete } = record as { complete?: unknown };
  return typeof complete === "function" ? (complete.call(record) as R) : record;
}

/** As `completeRecord`, for a single look: an outline does not keep what was read. */
export function plainRecord<R extends PackageRecord>(record: R): R {
  const { toJSON } = record as { toJSON?: unknown };
  return typeof toJSON === "function" ? (toJSON.call(record) as R) : record;
}

/** A PackageIndex over records at hand: tests, explicit specs, installed packages. */
export class MemoryIndex implements PackageIndex {
  private readonly byName = new Map<string, RepoDataRecord[]>();

  constructor(
    readonly channel: string,
    readonly subdir: string,
    readonly priority: number,
    records: Iterable<RepoDataRecord>,
  ) {
    for (const record of records) {
      const list = this.byName.get(record.name);
      if (list) list.push(record);
      else this.byName.set(record.name, [record]);
    }
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  records(name: string): readonly RepoDataRecord[] {
    return this.byName.get(name) ?? [];
  }

  names(): Iterable<string> {
    return this.byName.keys();
  }
}
