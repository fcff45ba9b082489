import { join } from "node:path";
import { fileFacts, listEntries, writeOwnSync } from "../fs/cache-files.ts";
import { readText, removeTree } from "../fs/files.ts";
import { pause } from "../net/retry.ts";
import { findLiving } from "./temporary.ts";

/** Milliseconds between two looks for other processes: a large cache directory takes a few to list. */
const LOOK_EVERY = 200;
/** Milliseconds between two looks at what another process downloads. */
const POLL = 50;
/** Milliseconds without a byte after which a download of another process is waited for no longer. */
const PATIENCE = 5000;

/**
 * Who of the processes that fill a cache directory at once downloads which archive, so that each comes once: a note named by its
 * sha256 in the private directory of whoever does. No lock: a process that cannot see the others' notes (another user's, another
 * machine's) downloads for itself, and a process that died or is stuck holds nobody up.
 */
export class Claims {
  private neighbours: string[] = [];
  private lookedAt = Number.NEGATIVE_INFINITY;
  private met = false;

  constructor(
    private readonly pkgs: string,
    private readonly scratch: string,
  ) {}

  /** Whether there were others: what was not in the cache at first may be there by now. */
  get company(): boolean {
    return this.met;
  }

  /** Whether the archive is ours to download: nobody else said so before us. */
  async take(sha256: string | undefined): Promise<boolean> {
    const name = noteName(sha256);
    if (name === undefined) return true;
    // One clock for all processes of a machine, finer than that of a file system.
    const now = process.hrtime.bigint();
    writeOwnSync(join(this.scratch, name), String(now));
    for (const other of await this.others()) {
      const note = await readText(join(other, name)).catch(() => undefined);
      // A note that is being written now is as good as one.
      if (note === undefined || (/^\d+$/.test(note) && BigInt(note) > now)) continue;
      await this.release(sha256);
      return false;
    }
    return true;
  }

  /** Waits until the archive is ours, or whoever downloads it does not get on. */
  async wait(sha256: string | undefined, signal: AbortSignal): Promise<void> {
    let bytes = -1;
    let grownAt = Date.now();
    while (!(await this.take(sha256))) {
      const now = await this.bytesElsewhere(sha256);
      if (now !== bytes) grownAt = Date.now();
      else if (Date.now() - grownAt > PATIENCE) return;
      bytes = now;
      await pause(POLL, signal);
    }
  }

  async release(sha256: string | undefined): Promise<void> {
    const name = noteName(sha256);
    // One that stays goes with its directory; until then it holds others up for PATIENCE at most.
    if (name !== undefined) await removeTree(join(this.scratch, name)).catch(() => {});
  }

  private async others(): Promise<readonly string[]> {
    if (performance.now() - this.lookedAt > LOOK_EVERY) {
      this.neighbours = await findLiving(this.pkgs, this.scratch);
      this.lookedAt = performance.now();
      this.met ||= this.neighbours.length > 0;
    }
    return this.neighbours;
  }

  private async bytesElsewhere(sha256: string | undefined): Promise<number> {
    let bytes = 0;
    for (const other of await this.others())
      for (const { path } of await listEntries(other))
        if (path.endsWith(`-${sha256?.toLowerCase()}.archive`)) bytes += (await fileFacts(path))?.size ?? 0;
    return bytes;
  }
}

function noteName(sha256: string | undefined): string | undefined {
  const hex = sha256?.toLowerCase() ?? "";
  return /^[0-9a-f]{64}$/.test(hex) ? `${hex}.claim` : undefined;
}
