import { createDecompressor } from "../archive/zstd.ts";
import { ToolError } from "../errors.ts";

export type RepodataCompression = "none" | "zst" | "bz2";

export interface Decoder {
  write(chunk: Uint8Array): void | Promise<void>;
  /** Fails when the compressed data stops early. */
  end(): void | Promise<void>;
  abort(): void;
}

/**
 * Most bytes that a repodata file may decode to: eight times the largest subdir there is (conda-forge linux-64, 0.5 GB).
 * It stops a bomb before it fills the disk.
 */
const MAX_DECODED = 4 * 2 ** 30;

/** A decoder that hands the bytes of a repodata file to `sink` in order; `label` names channel and subdir in errors. */
export async function createDecoder(
  compression: RepodataCompression,
  label: string,
  sink: (bytes: Uint8Array) => void,
): Promise<Decoder> {
  if (compression === "none") return plainDecoder(label, sink);
  const { createDecompressor: create } =
    compression === "zst" ? { createDecompressor } : await import("../archive/bzip2.ts");
  // The sink has copied or written what it got when it returns.
  const decoder = await create(sink, { maxOutput: MAX_DECODED, transient: true });
  let received = 0;
  const attempt = async (action: () => void | Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      throw decodeError(error, label);
    }
  };
  return {
    write(chunk) {
      received += chunk.byteLength;
      return attempt(() => decoder.write(chunk));
    },
    // An empty file is an empty dictionary, compressed or not.
    end: () => (received === 0 ? undefined : attempt(() => decoder.end())),
    abort: () => decoder.abort(),
  };
}

function plainDecoder(label: string, sink: (bytes: Uint8Array) => void): Decoder {
  let length = 0;
  return {
    write(chunk) {
      length += chunk.byteLength;
      if (length > MAX_DECODED) throw repodataError(label, `it is larger than ${MAX_DECODED / 2 ** 30} GB`);
      sink(chunk);
    },
    end() {},
    abort() {},
  };
}

function decodeError(error: unknown, label: string): unknown {
  return error instanceof ToolError && error.code === "archive-invalid"
    ? repodataError(label, error.message, error)
    : error;
}

/** A malformed subdir as one error, whatever part of it is to blame. */
export function repodataError(label: string, reason: string, cause?: unknown): ToolError {
  return new ToolError("repodata-invalid", `repodata of \`${label}\` is malformed: ${reason}`, {
    cause,
    hint: "the file is damaged, or a proxy or login page answered in its place; try again, or tell the owner of the channel",
  });
}
