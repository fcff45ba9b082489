/** What the file system is like where a path is, or would be: room, rights, device, spelling. Nothing is written. */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { fromSystemError, isMissing } from "../errors.ts";
import { kindAt } from "./tree.ts";

export interface Space {
  /** Bytes and inodes that this user can still use; inodes are 0 where the file system does not count them. */
  bytes: number;
  inodes: number;
  /** Device id: equal for paths on one file system. */
  device: number;
}

/** Free space at a path or its nearest existing parent. */
export function spaceAt(path: string): Space | undefined {
  for (let at = path; ; at = dirname(at)) {
    try {
      const stat = fs.statfsSync(at);
      return {
        bytes: stat.bavail * stat.bsize,
        inodes: stat.files === 0 ? 0 : stat.ffree,
        device: fs.statSync(at).dev,
      };
    } catch (error) {
      if (!isMissing(error) || at === dirname(at)) return undefined;
    }
  }
}

/** Whether files can be created in the directory. */
export function canWrite(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The nearest path at or above this one that exists. */
export function nearestExisting(path: string): string {
  let at = path;
  while (kindAt(at) === undefined && at !== dirname(at)) at = dirname(at);
  return at;
}

/** Device of a path, or undefined when it is not there. */
export function deviceOf(path: string): number | undefined {
  try {
    return fs.statSync(path).dev;
  } catch {
    return undefined;
  }
}

const OVERLAYFS = 0x794c7630;

/**
 * Whether a directory can be renamed here. Not where layers are put together (containers): a directory of a lower layer answers EXDEV,
 * and which ones are of a lower layer cannot be seen. Files can.
 */
export function movesDirectories(path: string): boolean {
  try {
    return fs.statfsSync(path).type !== OVERLAYFS;
  } catch {
    return true;
  }
}

function somethingIn(path: string): string | undefined {
  try {
    const name = fs.readdirSync(path).find((name) => name.toUpperCase() !== name.toLowerCase());
    return name === undefined ? undefined : join(path, name);
  } catch {
    return undefined;
  }
}

/** Whether names that differ in case alone are one file here. Asks with another spelling of a path that exists; nothing is written. */
export function ignoresCase(path: string): boolean {
  // What is inside comes first: the directory itself may be where another file system is mounted.
  for (let at = somethingIn(path) ?? path; at !== dirname(at); at = dirname(at)) {
    const name = basename(at);
    const upper = name.toUpperCase();
    const other = upper === name ? name.toLowerCase() : upper;
    if (other === name) continue;
    try {
      for (const spelling of [name, other]) fs.lstatSync(join(dirname(at), spelling));
      // Two files are listed twice, one is once. Inodes tell less: some drivers number each spelling.
      const listed = new Set(fs.readdirSync(dirname(at)));
      return !(listed.has(name) && listed.has(other));
    } catch (error) {
      if (!isMissing(error)) throw fromSystemError(error, "look at", at);
      return false;
    }
  }
  return false;
}
