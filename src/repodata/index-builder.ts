import { isSafePackageName } from "../specs/names.ts";
import {
  encodeTail,
  FLAG_REMOVED,
  FLAG_REPEATED,
  type IndexHeader,
  type IndexTable,
  type RepodataInfo,
} from "./index-format.ts";
import { readInfo } from "./info.ts";
import { OutlineWriter } from "./outline-rows.ts";
import { KEY_EXTENSIONS, type RecordMember, type ScanSink } from "./scan.ts";
import { repeatedNames } from "./stems.ts";

/** A longer run starts a new one, so that what is parsed at once stays bounded. */
const MAX_RUN = 8 << 20;
/** Reasons that are kept word for word; the rest is counted. */
const MAX_PROBLEMS = 10;

/** Collects the runs of a scan and makes the end of the index file out of them. */
export class IndexBuilder implements ScanSink {
  records = 0;
  skippedRecords = 0;
  readonly problems: string[] = [];
  readonly #label: string;
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #removed: string[] = [];
  #info: RepodataInfo = {};
  #runs = 0;
  #runStart = new Float64Array(1 << 12);
  #runLength = new Uint32Array(1 << 12);
  #runInfo = new Uint32Array(1 << 12);
  #runName = new Uint32Array(1 << 12);
  #runOutlines = new Uint32Array(1 << 12);
  readonly #outlines = new OutlineWriter();
  /** Hash of each record's file name without extension. */
  #stems = new Uint32Array(1 << 12);
  /** Names with a record that was not hashed. */
  readonly #oddNames = new Set<number>();
  readonly #subdir: Buffer;
  /** Bytes of the name of the open run. */
  readonly #current = Buffer.alloc(256);
  #currentLength = -1;
  #currentKind = -1;
  #currentBad: string | undefined;

  /** `label` names channel and subdir in messages. */
  constructor(label: string, subdir: string) {
    this.#label = label;
    this.#subdir = Buffer.from(subdir, "latin1");
  }

  record(kind: number, window: Buffer, base: number, member: RecordMember): void {
    const { keyStart, end, nameStart, nameEnd } = member;
    const start = base + keyStart;
    const run = this.#runs - 1;
    if (kind === this.#currentKind && this.#sameName(window, nameStart, nameEnd)) {
      if (this.#currentBad !== undefined) {
        this.#skip(keyOf(window, keyStart), this.#currentBad);
        return;
      }
      this.records++;
      if (base + end - this.#runStart[run]! <= MAX_RUN) {
        this.#runLength[run] = base + end - this.#runStart[run]!;
        this.#runInfo[run]! += 4;
      } else this.#addRun(this.#runName[run]!, start, base + end, kind);
      this.#outline(kind, window, base, member);
      return;
    }
    this.#remember(kind, window, nameStart, nameEnd);
    const name = window.toString("latin1", nameStart, Math.min(nameEnd, nameStart + 256));
    if (nameEnd === nameStart) this.#currentBad = "it has no name";
    else if (!isSafePackageName(name))
      this.#currentBad = `its name ${JSON.stringify(shorten(name))} is no package name`;
    else this.#currentBad = undefined;
    if (this.#currentBad !== undefined) {
      const reason = this.#currentBad;
      this.#skip(keyOf(window, keyStart), reason);
      return;
    }
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#names.length;
      this.#ids.set(name, id);
      this.#names.push(name);
    }
    this.records++;
    this.#addRun(id, start, base + end, kind);
    this.#outline(kind, window, base, member);
  }

  #outline(kind: number, window: Buffer, base: number, member: RecordMember): void {
    const expected = { extension: KEY_EXTENSIONS[kind]!, subdir: this.#subdir };
    if (this.records > this.#stems.length)
      this.#stems = enlarge(this.#stems, new Uint32Array(this.records * 2));
    if (member.plain && this.#outlines.add(window, base, member, expected)) {
      this.#stems[this.records - 1] = this.#outlines.stem;
      return;
    }
    this.#oddNames.add(this.#runName[this.#runs - 1]!);
    this.#outlines.addOdd(base + member.keyStart, base + member.end);
  }

  #sameName(window: Buffer, start: number, end: number): boolean {
    const length = end - start;
    if (length !== this.#currentLength) return false;
    for (let i = 0; i < length; i++) if (window[start + i] !== this.#current[i]) return false;
    return true;
  }

  #remember(kind: number, window: Buffer, start: number, end: number): void {
    this.#currentKind = kind;
    this.#currentLength = end - start <= this.#current.length ? end - start : -1;
    if (this.#currentLength > 0) window.copy(this.#current, 0, start, end);
  }

  #addRun(name: number, start: number, end: number, kind: number): void {
    if (this.#runs === this.#runStart.length) this.#grow();
    this.#runStart[this.#runs] = start;
    this.#runLength[this.#runs] = end - start;
    this.#runInfo[this.#runs] = 4 | kind;
    this.#runName[this.#runs] = name;
    this.#runOutlines[this.#runs] = this.#outlines.length;
    this.#outlines.beginRun(start);
    this.#runs++;
  }

  #grow(): void {
    const size = this.#runs * 2;
    this.#runStart = enlarge(this.#runStart, new Float64Array(size));
    this.#runLength = enlarge(this.#runLength, new Uint32Array(size));
    this.#runInfo = enlarge(this.#runInfo, new Uint32Array(size));
    this.#runName = enlarge(this.#runName, new Uint32Array(size));
    this.#runOutlines = enlarge(this.#runOutlines, new Uint32Array(size));
  }

  #skip(key: string, reason: string): void {
    this.skippedRecords++;
    if (this.problems.length < MAX_PROBLEMS)
      this.problems.push(`record \`${shorten(key)}\` of \`${this.#label}\` is left out: ${reason}`);
  }

  skipped(key: string, reason: string): void {
    // The next record must not continue a run across this one.
    this.#currentKind = -1;
    this.#skip(key, reason);
  }

  removed(fn: string): void {
    if (fn.length <= 512) this.#removed.push(fn);
  }

  info(value: Record<string, unknown>): void {
    this.#info = readInfo(value);
  }

  #flags(removed: readonly string[]): Uint8Array {
    const flags = repeatedNames({
      names: this.#names.length,
      runs: this.#runs,
      runName: this.#runName,
      runInfo: this.#runInfo,
      stems: this.#stems,
    }).map((repeated) => (repeated === 1 ? FLAG_REPEATED : 0));
    for (const id of this.#oddNames) flags[id]! |= FLAG_REPEATED;
    for (const fn of removed) flags[this.#ids.get(nameOfFile(fn))!]! |= FLAG_REMOVED;
    return flags;
  }

  /** Ends the index: the sections after the data and the tail, to be appended to `dataLength` bytes of data. */
  finish(
    header: Pick<IndexHeader, "id" | "url" | "source" | "validators">,
    dataLength: number,
  ): { bytes: Buffer[]; header: IndexHeader } {
    const removed = this.#removed.filter((fn) => this.#ids.has(nameOfFile(fn)));
    const removedBytes = Buffer.from(removed.length === 0 ? "" : JSON.stringify(removed), "utf8");
    const outlinesLength = this.#outlines.length;
    const table: IndexTable = {
      names: this.#names,
      runs: this.#runs,
      runStart: this.#runStart,
      runLength: this.#runLength,
      runInfo: this.#runInfo,
      runName: this.#runName,
      runOutlines: this.#runOutlines,
      outlinesLength,
      flags: this.#flags(removed),
    };
    const full: IndexHeader = {
      ...header,
      info: this.#info,
      records: this.records,
      skipped: this.skippedRecords,
      problems: this.problems,
      dataLength,
      removedLength: removedBytes.length,
      outlinesLength,
    };
    return { bytes: [removedBytes, ...this.#outlines.finish(), encodeTail(table, full)], header: full };
  }
}

function enlarge<A extends Float64Array | Uint32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

function keyOf(window: Buffer, keyStart: number): string {
  const end = window.indexOf(0x22, keyStart + 1);
  return window.toString("utf8", keyStart + 1, Math.min(end < 0 ? keyStart + 201 : end, keyStart + 201));
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Package name of `name-version-build.ext`; neither version nor build has a dash (CEP 26). */
function nameOfFile(fn: string): string {
  const build = fn.lastIndexOf("-");
  const version = build > 0 ? fn.lastIndexOf("-", build - 1) : -1;
  return version > 0 ? fn.slice(0, version) : "";
}
