import { dirname } from "node:path";
import { entriesOf } from "../fs/tree.ts";
import type { HttpClient } from "../net/http.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { placesOf } from "./layout.ts";
import type { PackageCache } from "./package-cache.ts";

/**
 * Tells which records can be installed without a connection: a cache directory has an entry or an archive of that name, or the channel is
 * on this machine. What such an entry holds is compared when it is used.
 */
export async function recordsAtHand(
  cache: PackageCache,
  http: Pick<HttpClient, "mirrorsOf">,
): Promise<(record: RepoDataRecord) => boolean> {
  const dirs = await cache.searched();
  const listed = new Map<string, ReadonlyMap<string, unknown>>();
  // Packages of one channel share their few directories, which are listed once: asking for each of its builds would take minutes.
  const has = (directory: string, name: string): boolean => {
    let names = listed.get(directory);
    if (!names) {
      names = entriesOfReadable(directory);
      listed.set(directory, names);
    }
    return names.has(name);
  };
  return (record) => {
    if (http.mirrorsOf(record.url).some((url) => url.startsWith("file:"))) return true;
    const dist = record.fn.replace(/\.(conda|tar\.bz2)$/, "");
    return dirs.some((dir) => {
      const { flat, nested } = placesOf(dir, record, dist);
      return [flat, ...nested].some((place) => has(dirname(place), dist) || has(dirname(place), record.fn));
    });
  };
}

function entriesOfReadable(directory: string): ReadonlyMap<string, unknown> {
  try {
    return entriesOf(directory) ?? new Map<string, never>();
  } catch {
    return new Map<string, never>();
  }
}
