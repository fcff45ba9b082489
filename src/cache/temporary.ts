import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { fileFacts, listEntries, listNames, makePrivateDir, processSpace } from "../fs/cache-files.ts";
import { removeTree } from "../fs/files.ts";
import { processExists } from "../host/system.ts";

/** `.taipan-<process space>-<pid>-<random>`: private directories that live as long as a fetch. */
const NAME = /^\.taipan-([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{12}$/;
/** Temporary directories of another machine (a cache on NFS) are left alone for a day. */
const FOREIGN_AGE = 24 * 3600 * 1000;

let space: string | undefined;
const ownSpace = (): string => {
  space ??= processSpace(hostname());
  return space;
};

/** A private directory in the cache directory itself: renames out of it stay within one file system. */
export async function createTemporary(pkgs: string): Promise<string> {
  const path = join(pkgs, `.taipan-${ownSpace()}-${process.pid}-${randomBytes(6).toString("hex")}`);
  await makePrivateDir(path);
  return path;
}

/** Temporary directories (and files of interrupted writes) whose process is gone. */
export async function findStale(pkgs: string): Promise<string[]> {
  const stale: string[] = [];
  for (const { path } of await listEntries(pkgs)) {
    const name = basename(path);
    const match = NAME.exec(name);
    if (match ? await isStale(path, match[1]!, Number(match[2])) : await isOldScratch(path, name))
      stale.push(path);
  }
  return stale;
}

/** Temporary directories of other fetches of this machine that are at work now. */
export async function findLiving(pkgs: string, own: string): Promise<string[]> {
  const living: string[] = [];
  for (const name of (await listNames(pkgs)) ?? []) {
    const [, owner, pid] = NAME.exec(name) ?? [];
    if (owner === ownSpace() && name !== basename(own) && processExists(Number(pid)))
      living.push(join(pkgs, name));
  }
  return living;
}

/** Removes what dead processes left. Another process may do the same at once, and a foreign owner may forbid it: no errors. */
export async function sweepStale(pkgs: string): Promise<void> {
  for (const path of await findStale(pkgs)) await removeTree(path).catch(() => {});
}

async function isStale(path: string, owner: string, pid: number): Promise<boolean> {
  if (owner === ownSpace()) return pid !== process.pid && !processExists(pid);
  const facts = await fileFacts(path);
  return facts !== undefined && Date.now() - facts.modified > FOREIGN_AGE;
}

/** `.<12 hex>.tmp`, from atomic writes that were cut off. */
async function isOldScratch(path: string, name: string): Promise<boolean> {
  if (!/^\.[0-9a-f]{12}\.tmp$/.test(name)) return false;
  const facts = await fileFacts(path);
  return facts !== undefined && Date.now() - facts.modified > 3600 * 1000;
}
