/** What was found of the records of a subdir, run by run. */
export interface StemTable {
  names: number;
  runs: number;
  /** Name of each run, and its records << 2. */
  runName: Uint32Array;
  runInfo: Uint32Array;
  /** A hash of each record's file name without extension, in the order of the runs. */
  stems: Uint32Array;
}

/**
 * 1 for each name that has two records of one hash. Where there are none no reader has to compare file names: making
 * those of 25,000 records took a solve as long as reading the records did.
 */
export function repeatedNames({ names, runs, runName, runInfo, stems }: StemTable): Uint8Array {
  const ends = new Uint32Array(names + 1);
  for (let run = 0; run < runs; run++) ends[runName[run]! + 1]! += runInfo[run]! >>> 2;
  for (let name = 0; name < names; name++) ends[name + 1]! += ends[name]!;
  const grouped = new Uint32Array(ends[names]!);
  const next = ends.slice();
  let from = 0;
  for (let run = 0; run < runs; run++) {
    const to = from + (runInfo[run]! >>> 2);
    grouped.set(stems.subarray(from, to), next[runName[run]!]);
    next[runName[run]!]! += to - from;
    from = to;
  }
  const repeated = new Uint8Array(names);
  for (let name = 0; name < names; name++)
    if (hasRepeated(grouped, ends[name]!, ends[name + 1]!)) repeated[name] = 1;
  return repeated;
}

function hasRepeated(all: Uint32Array, start: number, end: number): boolean {
  if (end - start < 2) return false;
  const hashes = all.subarray(start, end).sort();
  for (let i = 1; i < hashes.length; i++) if (hashes[i] === hashes[i - 1]) return true;
  return false;
}
