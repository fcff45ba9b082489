/**
 * The index file of one subdir, little-endian:
 *
 *   data     the decompressed repodata.json, byte for byte
 *   removed  JSON list of removed file names whose package name has records
 *   outlines what orders and matches records, by run (outline-rows.ts)
 *   table    f64 runStart[R] · u32 runLength[R] · u32 runInfo[R] (records << 2 | kind) ·
 *            u32 rowsStart[R] · u32 rowsLength[R] (in outlines) ·
 *            u32 firstRun[N + 1] · u32 nameEnd[N] · u8 flags[N] · names, sorted, concatenated
 *   header   JSON: IndexHeader
 *   footer   48 bytes: magic, sizes; written last
 *
 * A run is a stretch of data that holds consecutive members of one dictionary with the same package name, so that all of
 * it parses at once between braces. Files sorted by file name, as all are, have two or three runs a name.
 */
import type { RandomAccessFile } from "../fs/index-files.ts";
import type { Validators } from "../workers/protocol.ts";

const MAGIC = 0x786469_6e617074n; // "tpanidx"
const FORMAT_VERSION = 3;
/** Bytes of the table for each run. */
const RUN_SIZE = 24;
const FOOTER_SIZE = 48;
/** Flag of a name: some of its files are listed in `removed`. */
export const FLAG_REMOVED = 1;
/** Flag of a name: two of its records may be one package, as `.conda` and `.tar.bz2` or listed twice. */
export const FLAG_REPEATED = 2;

export interface IndexHeader {
  /** Random: ties a state file to the index that it speaks of. */
  id: string;
  /** Subdir URL without credentials. */
  url: string;
  /** File name that was fetched, such as `repodata.json.zst`. */
  source: string;
  validators: Validators;
  /** What is used of the file's `info`. */
  info: RepodataInfo;
  records: number;
  /** Records left out because they are malformed. */
  skipped: number;
  /** First few reasons, one sentence each. */
  problems: string[];
  dataLength: number;
  removedLength: number;
  outlinesLength: number;
}

/** The keys of `info` that mean something here. */
export interface RepodataInfo {
  subdir?: string | undefined;
  base_url?: string | undefined;
  channel_relations?: { base?: string | undefined; overrides?: string | undefined } | undefined;
  /** Newest repodata revision that the file has (CEP 48), when it is beyond 3. */
  newest_revision?: number | undefined;
  revision_message?: string | undefined;
}

/** What a builder hands over for the table. */
export interface IndexTable {
  /** In the order that run name ids refer to. */
  names: string[];
  runs: number;
  runStart: Float64Array;
  runLength: Uint32Array;
  runInfo: Uint32Array;
  runName: Uint32Array;
  /** Where the rows of each run begin in the outlines; they end where those of the next begin. */
  runOutlines: Uint32Array;
  outlinesLength: number;
  /** Of each name, in the order of `names`. */
  flags: Uint8Array;
}

/** Table, header and footer as the bytes that end an index file. */
export function encodeTail(table: IndexTable, header: IndexHeader): Buffer {
  const order = table.names.map((_, id) => id);
  order.sort((a, b) => (table.names[a]! < table.names[b]! ? -1 : 1));
  const nameCount = order.length;
  const blobLength = table.names.reduce((sum, name) => sum + name.length, 0);
  const headerBytes = Buffer.from(JSON.stringify(header), "utf8");
  const tableLength = table.runs * RUN_SIZE + (nameCount + 1) * 4 + nameCount * 5 + blobLength;
  const tail = Buffer.alloc(tableLength + headerBytes.length + FOOTER_SIZE);

  // Runs grouped by name, in stream order within a name, so that later members win.
  const counts = new Uint32Array(nameCount);
  for (let run = 0; run < table.runs; run++) counts[table.runName[run]!]!++;
  const next = new Uint32Array(nameCount);
  const lengths = table.runs * 8;
  const infos = table.runs * 12;
  const rowStarts = table.runs * 16;
  const rowLengths = table.runs * 20;
  const firstRuns = table.runs * RUN_SIZE;
  const nameEnds = firstRuns + (nameCount + 1) * 4;
  const flags = nameEnds + nameCount * 4;
  const blob = flags + nameCount;
  let run = 0;
  let end = 0;
  order.forEach((id, position) => {
    const name = table.names[id]!;
    next[id] = run;
    tail.writeUInt32LE(run, firstRuns + position * 4);
    run += counts[id]!;
    tail.write(name, blob + end, "latin1");
    end += name.length;
    tail.writeUInt32LE(end, nameEnds + position * 4);
    tail[flags + position] = table.flags[id]!;
  });
  tail.writeUInt32LE(run, firstRuns + nameCount * 4);
  for (let i = 0; i < table.runs; i++) {
    const at = next[table.runName[i]!]!++;
    tail.writeDoubleLE(table.runStart[i]!, at * 8);
    tail.writeUInt32LE(table.runLength[i]!, lengths + at * 4);
    tail.writeUInt32LE(table.runInfo[i]!, infos + at * 4);
    const rows = table.runOutlines[i]!;
    const rowsEnd = i + 1 < table.runs ? table.runOutlines[i + 1]! : table.outlinesLength;
    tail.writeUInt32LE(rows, rowStarts + at * 4);
    tail.writeUInt32LE(rowsEnd - rows, rowLengths + at * 4);
  }

  headerBytes.copy(tail, tableLength);
  const footer = tableLength + headerBytes.length;
  tail.writeBigUInt64LE(MAGIC, footer);
  tail.writeUInt32LE(FORMAT_VERSION, footer + 8);
  tail.writeUInt32LE(nameCount, footer + 12);
  tail.writeUInt32LE(table.runs, footer + 16);
  tail.writeUInt32LE(blobLength, footer + 20);
  tail.writeUInt32LE(headerBytes.length, footer + 24);
  const tableStart = header.dataLength + header.removedLength + header.outlinesLength;
  tail.writeDoubleLE(tableStart, footer + 32);
  tail.writeDoubleLE(tableStart + tail.length, footer + 40);
  return tail;
}

/** One run of a name. */
export interface Run {
  start: number;
  length: number;
  kind: number;
  records: number;
  rowsStart: number;
  rowsLength: number;
}

/** An open index file. The table stays in memory: about 80 bytes a name. */
export class IndexFile {
  readonly header: IndexHeader;
  readonly nameCount: number;
  readonly #file: RandomAccessFile;
  readonly #tail: Buffer;
  readonly #runs: number;
  #scratch = Buffer.allocUnsafeSlow(1 << 16);

  private constructor(
    file: RandomAccessFile,
    tail: Buffer,
    sizes: { names: number; runs: number },
    header: IndexHeader,
  ) {
    this.#file = file;
    this.#tail = tail;
    this.nameCount = sizes.names;
    this.#runs = sizes.runs;
    this.header = header;
  }

  /**
   * Reads the footer, table and header: two reads, whatever the size of the subdir.
   * Undefined when the file is not a whole index of this format version; the caller closes it then.
   */
  static open(file: RandomAccessFile): IndexFile | undefined {
    const footer = Buffer.alloc(FOOTER_SIZE);
    if (file.size < FOOTER_SIZE || !file.read(footer, file.size - FOOTER_SIZE)) return undefined;
    if (footer.readBigUInt64LE(0) !== MAGIC || footer.readUInt32LE(8) !== FORMAT_VERSION) return undefined;
    const names = footer.readUInt32LE(12);
    const runs = footer.readUInt32LE(16);
    const tableLength = runs * RUN_SIZE + (names + 1) * 4 + names * 5 + footer.readUInt32LE(20);
    const headerLength = footer.readUInt32LE(24);
    const tableStart = footer.readDoubleLE(32);
    if (footer.readDoubleLE(40) !== file.size) return undefined;
    if (tableStart + tableLength + headerLength + FOOTER_SIZE !== file.size) return undefined;
    const tail = Buffer.allocUnsafeSlow(tableLength + headerLength);
    if (!file.read(tail, tableStart)) return undefined;
    try {
      const header = JSON.parse(tail.toString("utf8", tableLength)) as IndexHeader;
      return new IndexFile(file, tail, { names, runs }, header);
    } catch {
      return undefined;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  close(): void {
    this.#file.close();
  }

  #nameBounds(position: number): [start: number, end: number] {
    const nameEnds = this.#runs * RUN_SIZE + (this.nameCount + 1) * 4;
    const blob = nameEnds + this.nameCount * 5;
    const start = position === 0 ? 0 : this.#tail.readUInt32LE(nameEnds + (position - 1) * 4);
    return [blob + start, blob + this.#tail.readUInt32LE(nameEnds + position * 4)];
  }

  nameAt(position: number): string {
    const [start, end] = this.#nameBounds(position);
    return this.#tail.toString("latin1", start, end);
  }

  /** Position of a name in the sorted table, or -1. */
  find(name: string): number {
    let low = 0;
    let high = this.nameCount - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(name, middle);
      if (order === 0) return middle;
      if (order < 0) high = middle - 1;
      else low = middle + 1;
    }
    return -1;
  }

  #compare(name: string, position: number): number {
    const [start, end] = this.#nameBounds(position);
    const length = Math.min(name.length, end - start);
    for (let i = 0; i < length; i++) {
      const difference = name.charCodeAt(i) - this.#tail[start + i]!;
      if (difference !== 0) return difference;
    }
    return name.length - (end - start);
  }

  flags(position: number): number {
    return this.#tail[this.#runs * RUN_SIZE + (this.nameCount + 1) * 4 + this.nameCount * 4 + position] ?? 0;
  }

  runs(position: number): Run[] {
    const firstRuns = this.#runs * RUN_SIZE;
    const last = this.#tail.readUInt32LE(firstRuns + (position + 1) * 4);
    const runs: Run[] = [];
    for (let run = this.#tail.readUInt32LE(firstRuns + position * 4); run < last; run++) {
      const info = this.#tail.readUInt32LE(this.#runs * 12 + run * 4);
      runs.push({
        start: this.#tail.readDoubleLE(run * 8),
        length: this.#tail.readUInt32LE(this.#runs * 8 + run * 4),
        kind: info & 3,
        records: info >>> 2,
        rowsStart: this.#tail.readUInt32LE(this.#runs * 16 + run * 4),
        rowsLength: this.#tail.readUInt32LE(this.#runs * 20 + run * 4),
      });
    }
    return runs;
  }

  /**
   * A run's members between braces, in a buffer that the next call uses again. Undefined when the bytes are not those that
   * were written: after a loss of power a file can have its length but not yet its data, and reads as zeros, which JSON
   * never contains.
   */
  readRun(run: Pick<Run, "start" | "length">): Buffer | undefined {
    const bytes = this.#runBytes(run);
    return bytes?.includes(0) ? undefined : bytes;
  }

  /** The rows of a run's outlines; undefined as for readRun. */
  readRows(run: Run): string | undefined {
    const start = this.header.dataLength + this.header.removedLength + run.rowsStart;
    const bytes = this.#runBytes({ start, length: run.rowsLength });
    return bytes?.includes(0) ? undefined : bytes?.toString("utf8", 1, bytes.length - 1);
  }

  #runBytes(run: Pick<Run, "start" | "length">): Buffer | undefined {
    const length = run.length + 2;
    if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(length * 2);
    const bytes = this.#scratch.subarray(0, length);
    bytes[0] = 0x7b;
    if (!this.#file.read(bytes.subarray(1, length - 1), run.start)) return undefined;
    bytes[length - 1] = 0x7d;
    return bytes;
  }

  /** File names listed in `removed`, of names that have records. */
  /** Undefined when the file is damaged. */
  readRemoved(): Set<string> | undefined {
    const { removedLength, dataLength } = this.header;
    if (removedLength === 0) return new Set();
    const bytes = Buffer.allocUnsafeSlow(removedLength);
    if (!this.#file.read(bytes, dataLength)) return undefined;
    try {
      const names: unknown = JSON.parse(bytes.toString("utf8"));
      return Array.isArray(names) ? new Set(names as string[]) : undefined;
    } catch {
      return undefined;
    }
  }
}
