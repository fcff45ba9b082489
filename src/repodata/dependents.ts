import { completeRecord, type PackageIndex } from "../specs/package-index.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { dependencyName } from "./closure.ts";
import { FlatIndex } from "./flat-index.ts";
import { QUOTE, stringEnd } from "./json-bytes.ts";

const dependsOn = ({ depends }: RepoDataRecord, name: string): boolean =>
  depends.some((dependency) => dependencyName(dependency) === name);

/**
 * All records that depend on a name. The bytes of flat indexes are searched for it, and records that mention it are outlined.
 * Shards cannot be searched without fetching them all: load with `useShards: false`.
 */
export function dependentsOf(indexes: readonly PackageIndex[], name: string): RepoDataRecord[] {
  const found: RepoDataRecord[] = [];
  for (const index of indexes) {
    if (index instanceof FlatIndex) {
      for (const record of index.recordsMentioning(name)) if (dependsOn(record, name)) found.push(record);
      continue;
    }
    for (const candidate of index.names())
      for (const record of index.records(candidate)) if (dependsOn(record, name)) found.push(record);
  }
  return found;
}

/** By name, the names of the packages that have a record which depends on it: one pass over the bytes of all records. */
export function dependentNames(indexes: readonly PackageIndex[]): Map<string, Set<string>> {
  const needed = new Map<string, Set<string>>();
  const note = (text: string, by: string): void => {
    const name = dependencyName(text);
    if (name === undefined) return;
    const known = needed.get(name);
    if (known) known.add(by);
    else needed.set(name, new Set([by]));
  };
  for (const index of indexes) {
    if (index instanceof FlatIndex) {
      index.eachRun((by, bytes) => {
        for (const text of dependencyHeads(bytes)) note(text, by);
      });
      continue;
    }
    for (const by of index.names())
      for (const record of index.records(by)) for (const text of record.depends) note(text, by);
  }
  return needed;
}

const KEY = Buffer.from('"depends"');
const OPEN = 0x5b;
const CLOSE = 0x5d;
const SPACE = 0x20;

/**
 * The distinct dependencies in the lists of a run, up to their first space. The builds of a version mostly have the same list
 * or nearly: a list is only looked at where it differs from the one before.
 */
function dependencyHeads(bytes: Buffer): Set<string> {
  const heads = new Set<string>();
  let before = bytes.subarray(0, 0);
  for (let key = bytes.indexOf(KEY); key >= 0; ) {
    const start = bytes.indexOf(OPEN, key + KEY.length);
    if (start < 0) break;
    const end = listEnd(bytes, start);
    const list = bytes.subarray(start, end);
    if (!list.equals(before)) addHeads(list, heads);
    before = list;
    key = bytes.indexOf(KEY, end);
  }
  return heads;
}

/** Past the bracket that closes a list of texts. */
function listEnd(bytes: Buffer, start: number): number {
  for (let i = start + 1; i < bytes.length; ) {
    const byte = bytes[i];
    if (byte === CLOSE) return i + 1;
    i = byte === QUOTE ? stringEnd(bytes, i, bytes.length) : i + 1;
    if (i < 0) break;
  }
  return bytes.length;
}

function addHeads(list: Buffer, heads: Set<string>): void {
  for (let i = 1; i < list.length; i++) {
    if (list[i] !== QUOTE) continue;
    const start = i + 1;
    const end = stringEnd(list, i, list.length);
    if (end < 0) return;
    let head = start;
    while (list[head] === SPACE) head++;
    while (head < end - 1 && list[head] !== SPACE) head++;
    heads.add(list.toString("latin1", start, head));
    i = end - 1;
  }
}

/**
 * Answers which of the records of a name that depend on another is the first in an order, for many questions. The first of all
 * nearly always does, so it is kept: sorting 900,000 records again and again took most of the time.
 */
export function firstDependents(
  indexes: readonly PackageIndex[],
  order: (a: RepoDataRecord, b: RepoDataRecord) => number,
): (name: string, on: string) => RepoDataRecord | undefined {
  const firsts = new Map<string, RepoDataRecord | undefined>();
  const recordsOf = (name: string): readonly RepoDataRecord[] =>
    indexes.flatMap((index) => (index instanceof FlatIndex ? index.peek(name) : index.records(name)));
  const firstOf = (name: string): RepoDataRecord | undefined => {
    let first: RepoDataRecord | undefined;
    for (const record of recordsOf(name)) if (!first || order(record, first) < 0) first = record;
    return first && completeRecord(first);
  };
  return (name, on) => {
    let first = firsts.get(name);
    if (!first && !firsts.has(name)) {
      first = firstOf(name);
      firsts.set(name, first);
    }
    if (!first || dependsOn(first, on)) return first;
    const other = [...recordsOf(name)].sort(order).find((record) => dependsOn(record, on));
    return other && completeRecord(other);
  };
}
