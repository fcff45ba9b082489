import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf, fromSystemError, isMissing } from "../errors.ts";
import { makeDirectory } from "./tree.ts";

/** A file that is written front to back under a temporary name; nobody sees it before `publish`. */
export interface FileWriter {
  readonly temporary: string;
  write(bytes: Uint8Array): void;
  /** Closes the file; it keeps its temporary name. */
  close(): void;
  /** Closes and removes it. Never throws. */
  discard(): void;
}

/** Creates `.<name>.<random>.tmp` beside `path`. Synchronous: made for worker threads. */
export function createWriter(path: string): FileWriter {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  let fd: number | undefined;
  try {
    makeDirectory(dirname(path));
    fd = fs.openSync(temporary, "wx", 0o666);
  } catch (error) {
    throw fromSystemError(error, "write", path);
  }
  const close = (): void => {
    if (fd === undefined) return;
    const open = fd;
    fd = undefined;
    fs.closeSync(open);
  };
  return {
    temporary,
    write(bytes) {
      try {
        for (let at = 0; at < bytes.byteLength; ) at += fs.writeSync(fd as number, bytes, at);
      } catch (error) {
        throw fromSystemError(error, "write", path);
      }
    },
    close,
    discard() {
      try {
        close();
      } catch {
        // The descriptor is gone either way.
      }
      fs.rmSync(temporary, { force: true });
    },
  };
}

/**
 * Renames a finished file into place. Readers that have the old one open keep it.
 * Windows refuses to replace a file that another process has open: false then, and the file keeps its temporary name.
 */
export function publishFile(temporary: string, path: string): boolean {
  try {
    fs.renameSync(temporary, path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EPERM" || code === "EACCES" || code === "EBUSY") return false;
    throw fromSystemError(error, "write", path);
  }
}

/** A file open for reads at any offset. */
export interface RandomAccessFile {
  readonly path: string;
  readonly size: number;
  /** Fills `target` from `position`; false when the file ends before. */
  read(target: Uint8Array, position: number): boolean;
  close(): void;
}

const UNREADABLE: ReadonlySet<string> = new Set(["EISDIR", "EACCES", "EPERM"]);

/** Opens for reading; undefined when there is no such file, or another user of a shared cache keeps it to themselves. */
export function openForReading(path: string): RandomAccessFile | undefined {
  let fd: number;
  let size: number;
  try {
    fd = fs.openSync(path, "r");
    size = fs.fstatSync(fd).size;
  } catch (error) {
    if (isMissing(error) || UNREADABLE.has(codeOf(error) ?? "")) return undefined;
    throw fromSystemError(error, "read", path);
  }
  let open = true;
  return {
    path,
    size,
    read(target, position) {
      try {
        for (let at = 0; at < target.byteLength; ) {
          const count = fs.readSync(fd, target, at, target.byteLength - at, position + at);
          if (count === 0) return false;
          at += count;
        }
        return true;
      } catch (error) {
        throw fromSystemError(error, "read", path);
      }
    },
    close() {
      if (!open) return;
      open = false;
      fs.closeSync(fd);
    },
  };
}

/** Identity of a file's content for caches: changes whenever the file is replaced or rewritten. Undefined when absent. */
export async function fileStamp(path: string): Promise<{ size: number; mtimeNs: string } | undefined> {
  try {
    const stat = await fs.promises.stat(path, { bigint: true });
    return stat.isFile() ? { size: Number(stat.size), mtimeNs: String(stat.mtimeNs) } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fromSystemError(error, "look at", path);
  }
}

/** Bytes of a file in pieces of `size`; each piece is a fresh buffer. */
export async function* readChunks(path: string, size = 1 << 20): AsyncGenerator<Uint8Array> {
  try {
    yield* fs.createReadStream(path, { highWaterMark: size }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw fromSystemError(error, "read", path);
  }
}

/** Removes files of `directory` that `doomed` names, if they are older than `olderThan` (milliseconds since the epoch). */
export async function removeOldFiles(
  directory: string,
  doomed: (name: string) => boolean,
  olderThan: number,
): Promise<number> {
  let removed = 0;
  const names = await fs.promises.readdir(directory).catch(() => [] as string[]);
  for (const name of names) {
    if (!doomed(name)) continue;
    const path = join(directory, name);
    // Another process may remove it first, and the directory may be read-only: neither matters here.
    const stat = await fs.promises.stat(path).catch(() => undefined);
    if (!stat || stat.mtimeMs >= olderThan) continue;
    await fs.promises.rm(path, { force: true }).then(
      () => removed++,
      () => {},
    );
  }
  return removed;
}

/** Removes a file if that is possible. Never throws. */
export function discardFile(path: string): void {
  try {
    fs.rmSync(path, { force: true });
  } catch {
    // It is litter; the next run that indexes something removes it.
  }
}
