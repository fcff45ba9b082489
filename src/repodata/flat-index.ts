import type { PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { FLAG_REMOVED, type IndexFile, type IndexHeader, type Run } from "./index-format.ts";
import { readRecords } from "./json-records.ts";
import { mergeRecords, type RecordSource, toRecord } from "./record.ts";
import { RECORD_KINDS } from "./scan.ts";

const NONE: readonly RepoDataRecord[] = [];
const NOTHING_REMOVED: ReadonlySet<string> = new Set();

export interface FlatIndexContext extends RecordSource {
  /** Called once for a record that has to be left out. */
  onProblem(message: string): void;
  /** Called when the file on disk is not what was written; must throw. */
  onDamage(file: IndexFile): never;
}

/** The packages of a subdir in an index file: the records of a name are read and parsed when they are first asked for. */
export class FlatIndex implements PackageIndex {
  readonly channel: string;
  readonly subdir: string;
  priority = 0;
  readonly #file: IndexFile;
  readonly #context: FlatIndexContext;
  readonly #known = new Map<string, readonly RepoDataRecord[]>();
  #removed: ReadonlySet<string> | undefined;

  constructor(file: IndexFile, context: FlatIndexContext) {
    this.#file = file;
    this.#context = context;
    this.channel = context.channel;
    this.subdir = context.subdir;
  }

  get header(): IndexHeader {
    return this.#file.header;
  }

  has(name: string): boolean {
    const known = this.#known.get(name);
    return known ? known.length > 0 : this.#file.find(name) >= 0;
  }

  records(name: string): readonly RepoDataRecord[] {
    let records = this.#known.get(name);
    if (records === undefined) {
      const position = this.#file.find(name);
      records = position < 0 ? NONE : this.#read(name, position);
      this.#known.set(name, records);
    }
    return records;
  }

  *names(): IterableIterator<string> {
    for (let position = 0; position < this.#file.nameCount; position++) yield this.#file.nameAt(position);
  }

  /** Names with a record that has this text somewhere: a search of the bytes, without parsing. */
  *namesMentioning(text: string): IterableIterator<string> {
    const needle = Buffer.from(text, "utf8");
    for (let position = 0; position < this.#file.nameCount; position++)
      if (this.#file.runs(position).some((run) => this.#file.runIncludes(run, needle)))
        yield this.#file.nameAt(position);
  }

  /** How many records a name has, without parsing them; malformed and removed ones count. */
  count(name: string): number {
    const position = this.#file.find(name);
    return position < 0 ? 0 : this.#file.runs(position).reduce((sum, run) => sum + run.records, 0);
  }

  close(): void {
    this.#file.close();
  }

  #read(name: string, position: number): readonly RepoDataRecord[] {
    const found: RepoDataRecord[] = [];
    for (const run of this.#file.runs(position)) {
      const bytes = this.#file.readRun(run);
      if (bytes === undefined) this.#context.onDamage(this.#file);
      readRecords(bytes, (key, raw) => this.#add(found, key, raw, name, run));
    }
    const flagged = (this.#file.flags(position) & FLAG_REMOVED) !== 0;
    if (flagged) this.#removed ??= this.#file.readRemoved();
    return mergeRecords(found, flagged ? (this.#removed ?? NOTHING_REMOVED) : NOTHING_REMOVED);
  }

  #add(found: RepoDataRecord[], key: string, value: unknown, name: string, run: Run): void {
    const kind = RECORD_KINDS[run.kind]!;
    // Keys of v3 dictionaries have no extension (CEP 48).
    const fn = kind === "v3.conda" ? `${key}.conda` : kind === "v3.tar.bz2" ? `${key}.tar.bz2` : key;
    const record = value === undefined ? "it is no valid JSON" : toRecord(value, fn, name, this.#context);
    if (typeof record === "string") this.#problem(key, record);
    else found.push(record);
  }

  #problem(key: string, reason: string): void {
    const shown = key.length > 100 ? `${key.slice(0, 100)}…` : key;
    this.#context.onProblem(
      `record ${JSON.stringify(shown)} of \`${this.channel}/${this.subdir}\` is left out: ${reason}`,
    );
  }
}
