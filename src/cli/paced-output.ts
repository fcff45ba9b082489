import type { Writable } from "node:stream";

const CHUNK = 1 << 16;

/**
 * Writes pieces no faster than they are read, in few writes and never as a text of the whole, which may be longer than a string
 * can be. A pipe takes what it is given into memory (3.4 GB where a channel's million records went to a slow reader), so each
 * write waits for the one before it; for a reader that left (`taipan search "*" | head`) no more is made.
 */
export async function writePaced(
  pieces: Iterable<string>,
  end: string,
  { stream, signal }: { stream: Writable; signal: AbortSignal },
): Promise<void> {
  const write = (text: string) =>
    new Promise<boolean>((resolve) => stream.write(text, (lost) => resolve(!lost)));
  let chunk = "";
  for (const piece of pieces) {
    chunk += piece + end;
    if (chunk.length < CHUNK) continue;
    if (!(await write(chunk))) return;
    signal.throwIfAborted();
    chunk = "";
  }
  await write(chunk);
}
