import { ToolError } from "../errors.ts";
import { discardFile, openForReading, publishFile, removeOldFiles } from "../fs/index-files.ts";
import type { IndexRepodataOutput, Validators } from "../workers/protocol.ts";
import type { LoadContext, SubdirRequest } from "./context.ts";
import type { RepodataCompression } from "./decoder.ts";
import { mustNotStore } from "./http-cache.ts";
import { IndexFile } from "./index-format.ts";

/** A repodata file to index: where its bytes come from and what is known of it. */
export interface FlatSource {
  /** File name, such as `repodata.json.zst`. */
  name: string;
  body: AsyncIterable<Uint8Array>;
  /** Bytes to come, when known. */
  total?: number | undefined;
  validators: Validators;
}

/** Temporary files of runs that were killed are removed after this time. */
const LITTER_AGE = 86_400_000;

/** The cached index of a subdir, or undefined when there is none that is whole and of this URL. */
export function openIndex(path: string, url: string): IndexFile | undefined {
  const file = openForReading(path);
  if (!file) return undefined;
  const index = IndexFile.open(file);
  if (index?.header.url === url) return index;
  file.close();
  return undefined;
}

/**
 * Indexes a repodata file while it arrives and publishes the index by renaming it: whoever reads the old one keeps it, and
 * of several processes that refresh a subdir at once the last one wins.
 */
export async function indexFlat(
  request: SubdirRequest,
  source: FlatSource,
  path: string,
  context: LoadContext,
): Promise<IndexFile> {
  const label = `${request.channel}/${request.subdir}`;
  const compression: RepodataCompression = source.name.endsWith(".zst")
    ? "zst"
    : source.name.endsWith(".bz2")
      ? "bz2"
      : "none";
  const { url } = request;
  const { name, validators } = source;
  const result = await runPass(
    request,
    source,
    { label, path, compression, url, source: name, validators },
    context,
  );
  const kept = !mustNotStore(validators.cacheControl) && publishFile(result.temporary, path);
  const file = openForReading(kept ? path : result.temporary);
  // Deleted while it is open: gone for everybody else, and for this process once it is closed.
  if (!kept) discardFile(result.temporary);
  const index = file && IndexFile.open(file);
  if (!index) throw new ToolError("io-error", `the index of \`${label}\` vanished from \`${path}\``);
  for (const message of index.header.problems)
    context.events({ type: "warning", code: "repodata-invalid", message });
  const more = index.header.skipped - index.header.problems.length;
  if (more > 0) {
    const message = `${more} more malformed records of \`${label}\` are left out`;
    context.events({ type: "warning", code: "repodata-invalid", message });
  }
  await removeOldFiles(context.cacheDir, (file) => /^\..+\.tmp$/.test(file), Date.now() - LITTER_AGE);
  return index;
}

type PassInput = Parameters<LoadContext["pool"]["stream"]>[1];

async function runPass(
  request: SubdirRequest,
  source: FlatSource,
  input: PassInput,
  context: LoadContext,
): Promise<IndexRepodataOutput> {
  const { channel, subdir } = request;
  let bytes = 0;
  let records = 0;
  const stream = context.pool.stream("index-repodata", input as never, {
    signal: context.signal,
    onProgress: (value) => {
      records = (value as { records: number }).records;
    },
  });
  try {
    for await (const chunk of source.body) {
      bytes += chunk.byteLength;
      await stream.write(chunk);
      context.events({
        type: "repodata",
        channel,
        subdir,
        state: "progress",
        bytes,
        total: source.total,
        records,
      });
    }
    const result = await stream.end();
    context.events({
      type: "repodata",
      channel,
      subdir,
      state: "done",
      bytes,
      total: bytes,
      records: result.records,
    });
    return result;
  } catch (error) {
    await stream.abort(error);
    throw error;
  }
}
