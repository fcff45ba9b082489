import { basename, join } from "node:path";
import { fileFacts, listEntries, tryRename } from "../fs/cache-files.ts";
import { findStale } from "./temporary.ts";

/** Archives that runs which were killed had begun to download, by the sha256 that the whole one must have. */
export type Partials = Map<string, { path: string; size: number }>;

/** Less is as soon fetched again. */
const WORTH_BYTES = 1024 * 1024;
const NAME = /^\d+-([0-9a-f]{64})\.archive$/;

/** Where a download keeps its archive, so that a later run knows what it is the beginning of. */
export function archivePath(target: string, sha256: string | undefined): string {
  const hex = sha256?.toLowerCase() ?? "";
  return /^[0-9a-f]{64}$/.test(hex) ? `${target}-${hex}.archive` : `${target}.archive`;
}

/**
 * Takes what dead processes left into the own private directory, before it is swept away. One rename: only one process gets it. The
 * bytes are not believed: they are hashed and extracted with those that follow, and the hash of the whole decides.
 */
export async function adoptPartials(pkgs: string, scratch: string): Promise<Partials> {
  const found: Partials = new Map();
  for (const directory of await findStale(pkgs)) {
    for (const { path, kind } of await listEntries(directory)) {
      const sha256 = NAME.exec(basename(path))?.[1];
      const size = (kind === "file" && sha256 !== undefined && (await fileFacts(path))?.size) || 0;
      if (sha256 === undefined || size < Math.max(WORTH_BYTES, found.get(sha256)?.size ?? 0)) continue;
      const own = join(scratch, `partial-${sha256}`);
      const outcome = await tryRename(path, own).catch(() => "missing");
      if (outcome === "done") found.set(sha256, { path: own, size });
    }
  }
  return found;
}
