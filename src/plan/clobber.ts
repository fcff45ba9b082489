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
 * the target file system to one key: lower case where it does not distinguish case. There a package may be in its own way, too.
 */
export function findClobbers(
  linked: readonly { dist: string; paths: readonly string[] }[],
  kept: readonly PrefixRecord[],
  fold?: ((path: string) => string) | undefined,
): ClobberPlan {
  const claims = collectClaims(linked, fold);
  const result: ClobberPlan = { clobbers: [], skip: new Map() };
  const found = new Map<string, Clobber>();
  for (const [key, list] of claims.shared) {
    const winner = list.at(-1)!;
    const losers = list.slice(0, -1);
    for (const { dist, path } of losers) {
      const set = result.skip.get(dist);
      if (set) set.add(path);
      else result.skip.set(dist, new Set([path]));
    }
    const others = new Set(losers.map(({ dist }) => dist));
    found.set(key, { path: winner.path, winner: winner.dist, losers: [...others] });
  }
  for (const record of claims.owners.size > 0 ? kept : []) {
    const dist = `${record.name}-${record.version}-${record.build}`;
    for (const path of record.files) {
      const key = fold ? fold(path) : path;
      const winner = claims.owners.get(key);
      if (winner === undefined) continue;
      const known = found.get(key);
      if (known) known.losers.unshift(dist);
      else found.set(key, { path, winner, losers: [dist] });
    }
  }
  result.clobbers.push(...found.values());
  return result;
}

interface Claim {
  dist: string;
  path: string;
}

/** Who has each path last, and everybody who claims one that more than one does, in link order. */
function collectClaims(
  linked: readonly { dist: string; paths: readonly string[] }[],
  fold: ((path: string) => string) | undefined,
): { owners: Map<string, string>; shared: Map<string, Claim[]> } {
  const owners = new Map<string, string>();
  const spelled = fold ? new Map<string, string>() : undefined;
  const shared = new Map<string, Claim[]>();
  for (const { dist, paths } of linked) {
    for (const path of paths) {
      const key = fold ? fold(path) : path;
      const before = owners.get(key);
      owners.set(key, dist);
      const spelling = spelled?.get(key) ?? path;
      spelled?.set(key, path);
      if (before === undefined || (before === dist && spelling === path)) continue;
      const claim = { dist, path };
      const list = shared.get(key);
      if (list) list.push(claim);
      else shared.set(key, [{ dist: before, path: spelling }, claim]);
    }
  }
  return { owners, shared };
}
