import { createHash } from "node:crypto";
import { join } from "node:path";
import { createExtractor } from "../archive/extract.ts";
import { interruption, ToolError } from "../errors.ts";
import { readPieces } from "../fs/archive-files.ts";
import { createFileSync, fileFactsSync, writeOwnSync } from "../fs/cache-files.ts";
import type {
  ArchiveFacts,
  ExpectedArchive,
  ExtractInput,
  TaskContext,
  TaskSink,
} from "../workers/protocol.ts";
import { recordPath, recordText, withFacts } from "./record-file.ts";

/** Runs in a worker: hash, archive file and extraction of one download, in one pass over its bytes. */
export async function extractStreamTask(
  input: ExtractInput & { archive: string | undefined },
  context: TaskContext,
): Promise<TaskSink<ArchiveFacts>> {
  const sink = await openArchiveSink(input, context.signal);
  if (input.archive === undefined) return sink;
  const file = createFileSync(input.archive);
  return {
    returnsChunks: true,
    write: (chunk) => {
      file.write(chunk);
      return sink.write(chunk);
    },
    end: () => {
      file.close();
      return sink.end();
    },
    abort: (reason) => {
      file.close();
      return sink.abort(reason);
    },
  };
}

/** Runs in a worker: the same for an archive that is on disk. */
export async function extractFileTask(
  input: ExtractInput & { archive: string },
  context: TaskContext,
): Promise<ArchiveFacts> {
  const sink = await openArchiveSink(input, context.signal);
  try {
    for (const piece of readPieces(input.archive, 512 * 1024)) {
      const busy = sink.write(piece);
      if (busy) await busy;
      if (context.signal.aborted) throw interruption(context.signal);
    }
    return await sink.end();
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
}

/** Hashes and extracts; what the bytes are is judged by their hash before anything the extractor has to say. */
async function openArchiveSink(input: ExtractInput, signal: AbortSignal): Promise<TaskSink<ArchiveFacts>> {
  const { expected, destination } = input;
  const sha256 = createHash("sha256");
  const md5 =
    input.wantMd5 || (expected.sha256 === undefined && expected.md5 !== undefined)
      ? createHash("md5")
      : undefined;
  const extractor =
    destination === undefined ? undefined : await createExtractor({ kind: input.kind, destination, signal });
  const known = expected.sha256 !== undefined || expected.md5 !== undefined || expected.size !== undefined;
  let size = 0;
  let extractError: unknown;

  const extract = (chunk: Uint8Array): void | Promise<void> => {
    if (!extractor || extractError !== undefined) return;
    const failed = (error: unknown): void => {
      // Damaged on the way, or a bad archive? Only the hash of the whole can tell, so read on.
      if (!known || signal.aborted || !isArchiveError(error)) throw named(input.fn, error);
      extractError = error;
    };
    try {
      const busy = extractor.write(chunk);
      return busy ? busy.catch(failed) : undefined;
    } catch (error) {
      failed(error);
    }
  };

  const finish = async (): Promise<{ files: number; bytes: number }> => {
    try {
      return (await extractor?.end()) ?? { files: 0, bytes: 0 };
    } catch (error) {
      throw named(input.fn, error);
    }
  };

  return {
    returnsChunks: true,
    write: (chunk) => {
      size += chunk.byteLength;
      if (expected.size !== undefined && size > expected.size)
        throw mismatch(input.fn, expected, [
          "size",
          `more than ${expected.size} bytes`,
          `${expected.size} bytes`,
        ]);
      sha256.update(chunk);
      md5?.update(chunk);
      return extract(chunk);
    },
    end: async () => {
      const facts = { sha256: sha256.digest("hex"), md5: md5?.digest("hex"), size };
      compare(input.fn, expected, facts);
      if (extractError !== undefined) throw named(input.fn, extractError);
      const summary = await finish();
      if (
        destination !== undefined &&
        fileFactsSync(join(destination, "info", "index.json"))?.kind !== "file"
      ) {
        throw new ToolError(
          "archive-invalid",
          `\`${input.fn}\` is no conda package: it has no info/index.json`,
        );
      }
      if (destination !== undefined && input.record !== undefined)
        writeOwnSync(recordPath(destination), recordText(withFacts(input.record, facts)));
      return { ...facts, files: summary.files, bytes: summary.bytes };
    },
    abort: async () => extractor?.abort(),
  };
}

/** The extractor knows the archive's bytes, not its name. */
function named(fn: string, error: unknown): unknown {
  if (!(error instanceof ToolError) || !isArchiveError(error) || error.message.includes(fn)) return error;
  return new ToolError(error.code, `\`${fn}\`: ${error.message}`, {
    hint: error.hint,
    details: { ...error.details, fn },
  });
}

function isArchiveError(error: unknown): boolean {
  return (
    error instanceof ToolError && (error.code === "archive-invalid" || error.code === "archive-unsafe-path")
  );
}

function compare(
  fn: string,
  expected: ExpectedArchive,
  facts: { sha256: string; md5: string | undefined; size: number },
): void {
  const { size, sha256, md5 } = expected;
  if (size !== undefined && size !== facts.size)
    throw mismatch(fn, expected, ["size", `${facts.size} bytes`, `${size} bytes`]);
  if (sha256 !== undefined && sha256.toLowerCase() !== facts.sha256)
    throw mismatch(fn, expected, ["sha256", facts.sha256, sha256]);
  if (sha256 === undefined && md5 !== undefined && md5.toLowerCase() !== facts.md5)
    throw mismatch(fn, expected, ["md5", facts.md5 ?? "", md5]);
}

function mismatch(
  fn: string,
  { asked }: ExpectedArchive,
  [what, actual, expected]: readonly [what: string, actual: string, expected: string],
): ToolError {
  const promise = asked ? "what was asked for by hash" : "what its channel promises";
  return new ToolError(
    "checksum-mismatch",
    `\`${fn}\` is not ${promise}: ${what} is ${actual}, expected ${expected}`,
    {
      hint: asked
        ? "the hash is from the URL, the `@EXPLICIT` file or the lock: it is wrong there, or the archive is another one than then"
        : "the download was damaged, or the channel's index is out of date (`taipan clean --index-cache`)",
      details: { fn, what, actual, expected },
    },
  );
}
