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
  const digests = openDigests(input);
  const extraction = await openExtraction(input, signal);
  return {
    returnsChunks: true,
    write: (chunk) => {
      digests.update(chunk);
      return extraction?.write(chunk);
    },
    end: async () => {
      const facts = digests.facts();
      compare(input.fn, input.expected, facts);
      const { files, bytes } = (await extraction?.end(facts)) ?? { files: 0, bytes: 0 };
      return { ...facts, files, bytes };
    },
    abort: async () => extraction?.abort(),
  };
}

interface Digests {
  sha256: string;
  md5: string | undefined;
  size: number;
}

/** `update` throws as soon as there are more bytes than promised. */
function openDigests({ fn, expected, wantMd5 }: ExtractInput): {
  update(chunk: Uint8Array): void;
  facts(): Digests;
} {
  const sha256 = createHash("sha256");
  const md5 =
    wantMd5 || (expected.sha256 === undefined && expected.md5 !== undefined) ? createHash("md5") : undefined;
  let size = 0;
  return {
    update: (chunk) => {
      size += chunk.byteLength;
      if (expected.size !== undefined && size > expected.size)
        throw mismatch(fn, expected, ["size", `more than ${expected.size} bytes`, `${expected.size} bytes`]);
      sha256.update(chunk);
      md5?.update(chunk);
    },
    facts: () => ({ sha256: sha256.digest("hex"), md5: md5?.digest("hex"), size }),
  };
}

interface Extraction {
  write(chunk: Uint8Array): void | Promise<void>;
  /** To be called when the hash is right. */
  end(facts: Digests): Promise<{ files: number; bytes: number }>;
  abort(): Promise<void>;
}

/** Undefined where the archive is only hashed. */
async function openExtraction(
  { fn, kind, destination, expected, record }: ExtractInput,
  signal: AbortSignal,
): Promise<Extraction | undefined> {
  if (destination === undefined) return undefined;
  const extractor = await createExtractor({ kind, destination, signal });
  const known = expected.sha256 !== undefined || expected.md5 !== undefined || expected.size !== undefined;
  let extractError: unknown;
  const failed = (error: unknown): void => {
    // Damaged on the way, or a bad archive? Only the hash of the whole can tell, so read on.
    if (!known || signal.aborted || !isArchiveError(error)) throw named(fn, error);
    extractError = error;
  };
  return {
    write: (chunk) => {
      if (extractError !== undefined) return;
      try {
        const busy = extractor.write(chunk);
        return busy ? busy.catch(failed) : undefined;
      } catch (error) {
        failed(error);
      }
    },
    end: async (facts) => {
      if (extractError !== undefined) throw named(fn, extractError);
      const summary = await extractor.end().catch((error: unknown) => {
        throw named(fn, error);
      });
      if (fileFactsSync(join(destination, "info", "index.json"))?.kind !== "file")
        throw new ToolError("archive-invalid", `\`${fn}\` is no conda package: it has no info/index.json`);
      if (record !== undefined) writeOwnSync(recordPath(destination), recordText(withFacts(record, facts)));
      return summary;
    },
    abort: () => extractor.abort(),
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

function compare(fn: string, expected: ExpectedArchive, facts: Digests): void {
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
