/** An archive, an extracted package or kept byte code in a cache directory. */
export interface CacheEntry {
  /** The cache directory. */
  dir: string;
  path: string;
  bytes: number;
  /**
   * Milliseconds since the epoch: when it came, or its record was last written. Nobody notes when a package is linked, but while one is
   * by hard links, that can be seen.
   */
  used: number;
  /** A file of it is hard-linked into an environment. Links by symlink or copy cannot be seen. */
  linked: boolean;
}

/** Which entries may stay; without a limit none does. */
export interface CacheLimits {
  /** Milliseconds since the epoch: what was used since then may. */
  usedSince?: number | undefined;
  /** Bytes that all entries together may take; those that are linked count. */
  maxBytes?: number | undefined;
}

/** Entries that go: none that is linked, all that are too old, and then the least recently used until the rest fits. */
export function expendable(
  entries: readonly CacheEntry[],
  { usedSince, maxBytes }: CacheLimits,
): CacheEntry[] {
  const free = entries.filter(({ linked }) => !linked).sort((a, b) => a.used - b.used);
  if (usedSince === undefined && maxBytes === undefined) return free;
  let left = totalOf(entries);
  return free.filter(({ bytes, used }) => {
    const goes = (usedSince !== undefined && used < usedSince) || (maxBytes !== undefined && left > maxBytes);
    if (goes) left -= bytes;
    return goes;
  });
}

export function totalOf(entries: readonly CacheEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
