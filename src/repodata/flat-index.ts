import type { PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { FLAG_REMOVED, type IndexFile, type IndexHeader, type Run } from "./index-format.ts";
import { QUOTE } from "./json-bytes.ts";
import { parseOr, readRecords } from "./json-records.ts";
import { ID, recordSpans, spans } from "./json-spans.ts";
import type { OutlineOrigin } from "./outline.ts";
import { type RowReader, readRows } from "./outline-rows.ts";
import { leftOut, mergeRecords, type RecordSource, toRecord } from "./record.ts";
import { FILE_EXTENSIONS, KEY_EXTENSIONS } from "./scan.ts";

const NONE: readonly RepoDataRecord[] = [];
/** What `recordSpans` stops at where a damaged record does not end. */
const SENTINEL = Buffer.of(QUOTE);
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
  readonly distinct = true;
  readonly #file: IndexFile;
  readonly #context: FlatIndexContext;
  readonly #known = new Map<string, readonly RepoDataRecord[]>();
  readonly #outlined = new Map<string, readonly RepoDataRecord[]>();
  readonly #told = new Set<string>();
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
    const known = this.#known.get(name) ?? this.#outlined.get(name);
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

  outlines(name: string): readonly RepoDataRecord[] {
    const known = this.#known.get(name) ?? this.#outlined.get(name);
    if (known) return known;
    const position = this.#file.find(name);
    const outlines = position < 0 ? NONE : this.#outline(name, position);
    this.#outlined.set(name, outlines);
    return outlines;
  }

  *names(): IterableIterator<string> {
    for (let position = 0; position < this.#file.nameCount; position++) yield this.#file.nameAt(position);
  }

  /**
   * Outlines of the records that have a text among their dependencies, or elsewhere as a JSON string that begins with it: a
   * search of the bytes. Of the records that it is found in the dependencies are read, too; parsing the 126,000 that mention
   * numpy in whole took half of the time and 400 MB. A few others may be among them.
   */
  recordsMentioning(text: string): RepoDataRecord[] {
    const found: RepoDataRecord[] = [];
    for (let position = 0; position < this.#file.nameCount; position++) {
      const runs = this.#file.runs(position);
      if (!runs.some((run) => hits(this.#bytesOf(run), text).next().done === false)) continue;
      // What replaces or removes a record need not mention anything.
      const others = this.#file.flags(position) !== 0;
      const choose = (run: Run) =>
        dependenciesAt(Buffer.concat([this.#bytesOf(run), SENTINEL]), run.start, text, others);
      for (const record of this.#outline(this.#file.nameAt(position), position, choose)) found.push(record);
    }
    return found;
  }

  /** Calls back with the bytes of the members of every name, between braces; they hold for the call only. */
  eachRun(each: (name: string, bytes: Buffer) => void): void {
    for (let position = 0; position < this.#file.nameCount; position++) {
      const name = this.#file.nameAt(position);
      for (const run of this.#file.runs(position)) each(name, this.#bytesOf(run));
    }
  }

  /** As `outlines`, for a single look: nothing is kept. */
  peek(name: string): readonly RepoDataRecord[] {
    const position = this.#file.find(name);
    return (
      this.#known.get(name) ??
      this.#outlined.get(name) ??
      (position < 0 ? NONE : this.#outline(name, position))
    );
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
    for (const run of this.#file.runs(position))
      readRecords(this.#bytesOf(run), (key, raw) => this.#add(found, key, raw, name, run));
    return this.#merged(found, position);
  }

  #outline(
    name: string,
    position: number,
    choose?: (run: Run) => RowReader["choose"],
  ): readonly RepoDataRecord[] {
    const found: RepoDataRecord[] = [];
    const origin: OutlineOrigin = {
      source: this.#context,
      complete: (fn, start, end) => this.#complete(name, fn, start, end),
    };
    for (const run of this.#file.runs(position)) {
      const rows = this.#file.readRows(run) ?? this.#context.onDamage(this.#file);
      const extension = FILE_EXTENSIONS[run.kind]!;
      const odd = (start: number, end: number, key?: string): void => {
        const bytes = this.#bytesOf({ start, length: end - start });
        if (key !== undefined) this.#add(found, key + KEY_EXTENSIONS[run.kind], parseInner(bytes), name, run);
        else readRecords(bytes, (fn, raw) => this.#add(found, fn, raw, name, run));
      };
      const place = { name, subdir: this.subdir, extension, start: run.start, origin };
      if (!readRows(rows, place, { found, odd, choose: choose?.(run) })) this.#context.onDamage(this.#file);
    }
    return this.#merged(found, position);
  }

  #bytesOf(run: Pick<Run, "start" | "length">): Buffer {
    return this.#file.readRun(run) ?? this.#context.onDamage(this.#file);
  }

  /** Reads one record again: keeping the bytes of all runs would be 15 MB, and as many pages that are touched first. */
  #complete(name: string, fn: string, start: number, end: number): RepoDataRecord {
    const record = toRecord(
      parseInner(this.#bytesOf({ start, length: end - start })),
      fn,
      name,
      this.#context,
    );
    return typeof record === "string" ? this.#context.onDamage(this.#file) : record;
  }

  #merged(found: readonly RepoDataRecord[], position: number): readonly RepoDataRecord[] {
    const flags = this.#file.flags(position);
    const allowed = this.#context.onlyTarBz2 ? found.filter(({ fn }) => fn.endsWith(".tar.bz2")) : found;
    return flags === 0 ? allowed : mergeRecords(allowed, this.#removedOf(position));
  }

  #removedOf(position: number): ReadonlySet<string> {
    if ((this.#file.flags(position) & FLAG_REMOVED) === 0) return NOTHING_REMOVED;
    this.#removed ??= this.#file.readRemoved() ?? this.#context.onDamage(this.#file);
    return this.#removed;
  }

  #add(found: RepoDataRecord[], key: string, value: unknown, name: string, run: Run): void {
    const fn = KEY_EXTENSIONS[run.kind] === "" ? key + FILE_EXTENSIONS[run.kind] : key;
    const record = value === undefined ? "it is no valid JSON" : toRecord(value, fn, name, this.#context);
    if (typeof record === "string") this.#problem(key, record);
    else found.push(record);
  }

  #problem(key: string, reason: string): void {
    // Both as an outline and in whole a record may be read, and told of once.
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#context.onProblem(leftOut(key, this.#context, reason));
  }
}

/**
 * Reads the dependencies of the records that mention a name, given by their places; equal lists in a row are one. `bytes` are
 * those of a run with SENTINEL behind them, and must stay.
 */
function dependenciesAt(
  bytes: Buffer,
  base: number,
  name: string,
  others: boolean,
): (start: number, end: number) => boolean | string[] {
  const places = hits(bytes, name);
  let place = places.next();
  let list: string[] = [];
  let listStart = 0;
  let listEnd = 0;
  return (start, end) => {
    // The bytes begin with a brace of the index's own.
    const from = start - base + 1;
    const to = end - base + 1;
    while (!place.done && place.value < from) place = places.next();
    if (place.done || place.value >= to) return others;
    if (recordSpans(bytes, from, to) < 0) return true;
    const first = spans[ID.depends]!;
    const last = spans[ID.depends + 1]!;
    if (first === 0) return others;
    if (bytes.compare(bytes, listStart, listEnd, first, last) !== 0)
      list = JSON.parse(bytes.toString("utf8", first, last)) as string[];
    listStart = first;
    listEnd = last;
    return list;
  };
}

/** Positions of a package name where it begins a JSON string or follows a space or a channel's `::`, and ends as names in specs do. */
function* hits(bytes: Buffer, name: string): Generator<number> {
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) {
    const before = bytes[at - 1]!;
    if (before !== QUOTE && before !== 0x3a && before !== 0x20) continue;
    if (!NAME_BYTE[bytes[at + name.length]!]) yield at;
  }
}

/** 1 for the bytes that a package name may go on with. */
const NAME_BYTE = Uint8Array.from({ length: 256 }, (_, byte) =>
  /^[A-Za-z0-9_.-]$/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** The value that is given between braces of the index's own. */
function parseInner(bytes: Buffer): unknown {
  return parseOr(bytes.toString("utf8", 1, bytes.length - 1));
}
