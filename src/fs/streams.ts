import * as fs from "node:fs";
import { codeOf, fromSystemError, isMissing } from "../errors.ts";

export interface OpenedFile {
  size: number;
  /** Milliseconds since the epoch. */
  modified: number;
  /** Bytes from `start` to the end, in pieces of 256 kB. Closes the file at the end or when the loop is left. */
  read(start?: number): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

const PIECE = 256 * 1024;

/** Opens a regular file for streaming, or undefined when there is none. */
export async function openFile(path: string): Promise<OpenedFile | undefined> {
  let handle: fs.promises.FileHandle;
  try {
    handle = await fs.promises.open(path, "r");
  } catch (error) {
    if (isMissing(error) || codeOf(error) === "EISDIR") return undefined;
    throw fromSystemError(error, "read", path);
  }
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    return undefined;
  }
  return {
    size: stat.size,
    modified: stat.mtimeMs,
    close: () => handle.close(),
    read: async function* (start = 0) {
      try {
        for (let at = start; ; ) {
          const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE, at);
          if (bytesRead === 0) return;
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } catch (error) {
        throw fromSystemError(error, "read", path);
      } finally {
        await handle.close();
      }
    },
  };
}
