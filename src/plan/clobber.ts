import type { PrefixRecord } from "../specs/records.ts";

/** A path that two packages want. The last linked wins, as in conda. */
export interface Clobber {
  path: string;
  /** Dist string of the package whose file is there afterwards. */
  winner: string;
  losers: string[];
}

export interface ClobberPlan {
  clobbers: Clobber[];
  /** Paths that a package must not link, because a later one does, by dist string. */
  skip: Map<string, Set<string>>;
}

/**
 * Finds paths wanted twice, among the packages to link (in link order) and those that stay. `fold` maps paths that are one file on
 * the target file system to one key: lower case where it does not distinguish case.
 */
export function findClobbers(
  linked: readonly { dist: string; paths: readonly string[] }[],
  kept: readonly PrefixRecord[],
  fold: (path: string) => string = (path) => path,
): ClobberPlan {
  const owners = new Map<string, string>();
  const shared = new Map<string, string[]>();
  for (const { dist, paths } of linked) {
    for (const path of paths) {
      const key = fold(path);
      const before = owners.get(key);
      if (before === undefined) owners.set(key, dist);
      else if (before !== dist) {
        const list = shared.get(key);
        if (list) list.push(dist);
        else shared.set(key, [before, dist]);
        owners.set(key, dist);
      }
    }
  }
  const result: ClobberPlan = { clobbers: [], skip: new Map() };
  const lose = (dist: string, path: string): void => {
    const set = result.skip.get(dist);
    if (set) set.add(path);
    else result.skip.set(dist, new Set([path]));
  };
  for (const [key, dists] of shared) {
    const losers = dists.slice(0, -1);
    for (const dist of losers) lose(dist, key);
    result.clobbers.push({ path: key, winner: dists.at(-1)!, losers });
  }
  for (const record of kept) {
    const dist = `${record.name}-${record.version}-${record.build}`;
    for (const path of record.files) {
      const winner = owners.get(fold(path));
      if (winner === undefined) continue;
      const known = result.clobbers.find((clobber) => clobber.path === fold(path));
      if (known) known.losers.unshift(dist);
      else result.clobbers.push({ path: fold(path), winner, losers: [dist] });
    }
  }
  return result;
}
