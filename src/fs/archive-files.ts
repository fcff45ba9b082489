import * as fs from "node:fs";
import { join } from "node:path";
import { codeOf, fromSystemError, isMissing, ToolError } from "../errors.ts";
import { type EntryKind, kindOf } from "./entry-kind.ts";

/** The bytes of a file in pieces of `size`, each in a buffer of its own; synchronous: made for worker threads. */
export function* readPieces(path: string, size = 1024 * 1024): Generator<Uint8Array> {
  let file: number | undefined;
  try {
    file = fs.openSync(path, "r");
    for (;;) {
      const buffer = Buffer.allocUnsafeSlow(size);
      const count = fs.readSync(file, buffer, 0, size, null);
      if (count === 0) return;
      yield count === size ? buffer : buffer.subarray(0, count);
    }
  } catch (error) {
    throw fromSystemError(error, "read", path);
  } finally {
    if (file !== undefined) fs.closeSync(file);
  }
}

const NO_FOLLOW = fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
/** The largest info/ files of real packages, paths.json of a million files, stay below. */
const MAX_INFO = 512 * 1024 * 1024;

/**
 * Text of a metadata file of an extracted package, or undefined when it has none. A link, directory or device in its place is
 * `archive-invalid`: a package must not make us read a file of the user's as its own.
 */
export function readInfoFile(directory: string, path: string): string | undefined {
  const full = join(directory, path);
  let file: number | undefined;
  try {
    if (fs.constants.O_NOFOLLOW === undefined && fs.lstatSync(full).isSymbolicLink()) throw notPlain(path);
    file = fs.openSync(full, NO_FOLLOW);
    const stat = fs.fstatSync(file);
    if (!stat.isFile() || stat.size > MAX_INFO) throw notPlain(path);
    return fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    if (isMissing(error)) return undefined;
    const code = codeOf(error);
    if (code === "ELOOP" || code === "EMLINK" || code === "ENXIO") throw notPlain(path);
    throw fromSystemError(error, "read", full);
  } finally {
    if (file !== undefined) fs.closeSync(file);
  }
}

function notPlain(path: string): ToolError {
  return new ToolError("archive-invalid", `invalid package: its ${path} is no plain file`);
}

/** What a path of an extracted package is, without following a link; undefined when it is missing. */
export function memberKind(directory: string, path: string): EntryKind | undefined {
  const stat = fs.lstatSync(join(directory, path), { throwIfNoEntry: false });
  if (!stat) return undefined;
  return kindOf(stat);
}

/** Files and links of an extracted package without its info/, sorted; links are not followed. */
export function listMembers(directory: string, below = ""): string[] {
  const found: string[] = [];
  for (const entry of fs.readdirSync(join(directory, below), { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (path === "info") continue;
    if (entry.isDirectory()) found.push(...listMembers(directory, path));
    else found.push(path);
  }
  return found.sort();
}
