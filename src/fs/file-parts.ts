/** Parts of a file: a long one is not read whole for what stands at its ends. */
import * as fs from "node:fs";
import { fromSystemError, isMissing } from "../errors.ts";

export interface FileEnds {
  /** The first bytes: the whole file when `end` is missing. */
  start: Buffer;
  end: Buffer | undefined;
  size: number;
  /** Changes when the file is written anew or replaced. */
  identity: string;
}

/** The first and the last bytes of a file, or undefined when there is none; the rest of a long file is not read. */
export function readEnds(path: string, first: number, last: number): FileEnds | undefined {
  return withFile(path, (fd, { size, ino, mtimeMs }) => {
    const whole = size <= first + last;
    const start = readRange(fd, 0, whole ? size : first);
    const end = whole ? undefined : readRange(fd, size - last, last);
    return { start, end, size, identity: `${ino}-${size}-${mtimeMs}` };
  });
}

/** Bytes from the middle of a file that is still the one with this identity; undefined when it is another one, or gone. */
export function readMiddle(path: string, identity: string, from: number, bytes: number): Buffer | undefined {
  return withFile(path, (fd, { size, ino, mtimeMs }) =>
    identity === `${ino}-${size}-${mtimeMs}`
      ? readRange(fd, from, Math.max(0, Math.min(bytes, size - from)))
      : undefined,
  );
}

function withFile<T>(path: string, read: (fd: number, stat: fs.Stats) => T): T | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "read", path);
  }
  try {
    return read(fd, fs.fstatSync(fd));
  } catch (error) {
    throw fromSystemError(error, "read", path);
  } finally {
    fs.closeSync(fd);
  }
}

function readRange(fd: number, position: number, bytes: number): Buffer {
  const into = Buffer.allocUnsafe(bytes);
  let at = 0;
  while (at < bytes) {
    const read = fs.readSync(fd, into, at, bytes - at, position + at);
    if (read === 0) break;
    at += read;
  }
  return into.subarray(0, at);
}
