import { dirname, join } from "node:path";
import { ToolError } from "../errors.ts";
import {
  breakLock,
  processStart,
  readLock,
  refreshLock,
  releaseLock,
  removeGuard,
  sweepTemporaries,
  tryLock,
} from "../fs/lock-file.ts";
import { kindAt, makeDirectory, removeIfEmpty } from "../fs/tree.ts";
import { processExists, systemFacts } from "../host/system.ts";
import { beside } from "./beside.ts";

/** Held while a prefix is changed. `release` may be called more than once. */
export interface PrefixLock {
  readonly path: string;
  /** The lock made conda-meta in a directory that had none; it goes with the lock when nothing else came into it. */
  readonly createdMeta: boolean;
  /** Puts the same lock into the conda-meta of a staged environment, which is about to become `prefix`. */
  copyTo(root: string, prefix: string): void;
  release(): void;
}

export interface LockOptions {
  /** Seconds to wait for another process; 0 waits for as long as it takes. */
  timeout: number;
  /** Called once when the lock has to be waited for. */
  onWait?: ((holder: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

interface Holder {
  host: string;
  pid: number;
  /** Start of the process, in the kernel's ticks; and of the lock, for people. */
  start?: string | undefined;
  since: string;
}

const REFRESH_EVERY = 15_000;
/** A holder on another machine, whose processes cannot be asked for, is dead after this many milliseconds without a refresh. */
const DEAD_AFTER = 180_000;

/** Whether somebody holds, or died holding, the lock. */
export const isLocked = (prefix: string): boolean => kindAt(lockPath(prefix)) !== undefined;

const LOCK_NAME = ".taipan-lock";

/**
 * Where the lock of a prefix is: inside it, or beside it as long as it does not exist. The name does not end in .json, so that no tool
 * takes it for a package record.
 */
export function lockPath(prefix: string): string {
  return kindAt(prefix) !== undefined ? join(prefix, "conda-meta", LOCK_NAME) : besidePath(prefix);
}

const besidePath = (prefix: string): string => beside(prefix, "taipan-lock");

/** Removes what processes left that died: files they were about to lock with, and a lock beside a prefix that has appeared since. */
export function sweepLocks(prefix: string): void {
  for (const directory of [join(prefix, "conda-meta"), dirname(prefix)])
    sweepTemporaries(directory, processExists);
  const beside = besidePath(prefix);
  if (kindAt(prefix) === undefined || kindAt(beside) === undefined) return;
  const held = readLock(beside);
  if (held && isDead(held.content, held.age)) breakLock(beside, held.content);
}

function parseHolder(content: string): Holder | undefined {
  try {
    const value = JSON.parse(content) as Holder;
    return typeof value.pid === "number" && typeof value.host === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDead(content: string, age: number): boolean {
  const holder = parseHolder(content);
  if (!holder || holder.host !== systemFacts().hostname) return age > DEAD_AFTER;
  if (!processExists(holder.pid)) return true;
  const start = processStart(holder.pid);
  return start !== undefined && holder.start !== undefined && start !== holder.start;
}

function describe(content: string): string {
  const holder = parseHolder(content);
  return holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : "another process";
}

/** Locks a prefix, waiting for its holder. Throws `locked`, which names the holder, after the timeout. */
export async function lockPrefix(prefix: string, options: LockOptions): Promise<PrefixLock> {
  const started = performance.now();
  const content = ownContent();
  let told = false;
  let lost = 0;
  for (let wait = 20; ; wait = Math.min(wait * 2, 500)) {
    if (options.signal?.aborted)
      throw new ToolError("interrupted", `stopped waiting for the lock of \`${prefix}\``);
    const found = attempt(prefix, content, lost < 100);
    if (found === undefined) {
      lost++;
      continue;
    }
    if ("release" in found) return found;
    if (!told) options.onWait?.(describe(found.content));
    told = true;
    if (options.timeout > 0 && performance.now() - started > options.timeout * 1000) {
      throw new ToolError("locked", `\`${prefix}\` is being changed by ${describe(found.content)}`, {
        hint: `wait for it to end; if it is stuck, stop it and delete \`${found.path}\``,
        details: { lock: found.path, holder: parseHolder(found.content) },
      });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** What a lock of this process says; no two are alike. */
function ownContent(): string {
  return JSON.stringify({
    host: systemFacts().hostname,
    pid: process.pid,
    start: processStart(process.pid),
    since: new Date().toISOString(),
    id: Math.random(),
  });
}

/** Takes the lock, or says who holds it; undefined when something changed meanwhile, and all of it is to be looked at again. */
function attempt(
  prefix: string,
  content: string,
  mayVanish: boolean,
): PrefixLock | { path: string; content: string } | undefined {
  const path = lockPath(prefix);
  const created = kindAt(dirname(path)) === undefined;
  if (created) makeDirectory(dirname(path));
  const taken = takeLock(path, content, mayVanish);
  if (taken === undefined) return undefined;
  if (taken) {
    removeGuard(path);
    // The environment may have appeared, or gone, between looking for the place of the lock and taking it.
    sweepLocks(prefix);
    if (lockPath(prefix) === path)
      return hold(path, content, created && dirname(path) === join(prefix, "conda-meta"));
    releaseLock(path, content);
    return undefined;
  }
  const held = readLock(path);
  if (!held || (isDead(held.content, held.age) && breakLock(path, held.content))) return undefined;
  return { path, content: held.content };
}

/** As `tryLock`; undefined when its directory may have vanished: another process found conda-meta empty, and removed it. */
function takeLock(path: string, content: string, mayVanish: boolean): boolean | undefined {
  try {
    return tryLock(path, content);
  } catch (error) {
    if (mayVanish && error instanceof ToolError && error.details?.["errno"] === "ENOENT") return undefined;
    throw error;
  }
}

function hold(path: string, content: string, createdMeta: boolean): PrefixLock {
  const paths = [path];
  const timer = setInterval(() => paths.forEach(refreshLock), REFRESH_EVERY);
  timer.unref();
  return {
    path,
    createdMeta,
    copyTo: (root, prefix) => {
      if (tryLock(join(root, "conda-meta", LOCK_NAME), content))
        paths.push(join(prefix, "conda-meta", LOCK_NAME));
    },
    release: () => {
      clearInterval(timer);
      for (const held of paths) releaseLock(held, content);
      if (createdMeta) removeIfEmpty(dirname(path));
    },
  };
}
