import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { openFile } from "../fs/streams.ts";
import { statusError } from "../net/failures.ts";
import type { HttpClient, HttpResponse } from "../net/http.ts";
import { redactUrl } from "../specs/credentials.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { ArchiveFacts, ExtractInput, WorkerPool } from "../workers/protocol.ts";

export interface DownloadContext {
  http: HttpClient;
  pool: WorkerPool;
  events: EventSink;
  signal: AbortSignal;
}

/** Where the package goes, and the archive where it is kept. */
export interface Target {
  destination: string;
  archive: string | undefined;
}

type DownloadInput = Omit<ExtractInput, "destination"> & {
  /** The first bytes of the archive, from a run that was killed. */
  partial?: { path: string; size: number } | undefined;
};

interface Failure {
  url: string;
  error: ToolError;
  /** What an earlier run left was tried with it. */
  begun: boolean;
}

/** Tries beyond one per mirror, for bodies that must start again. */
const EXTRA_TRIES = 2;
/** Wrong bytes that came as often as this, the second time past caches on the way, are what there is. */
const WRONG_BYTES = 2;
/** Progress is told each time this many bytes came. */
const PROGRESS_BYTES = 256 * 1024;

/**
 * Downloads and extracts at once, from one mirror after the other until the bytes are those that the record promises. `newTarget` gives
 * fresh paths for each try: what a failed one left is not trusted.
 */
export async function download(
  record: RepoDataRecord,
  input: DownloadInput,
  newTarget: () => Target,
  context: DownloadContext,
): Promise<{ facts: ArchiveFacts; target: Target }> {
  const { partial, ...plain } = input;
  const failures: Failure[] = [];
  const most = context.http.mirrorsOf(record.url).length + EXTRA_TRIES;
  while (failures.length < most) {
    const url = pickUrl(context.http.mirrorsOf(record.url), failures);
    if (url === undefined) break;
    const last = failures.at(-1)?.error;
    if (last) context.events({ type: "fetch", id: record.fn, state: "retry", reason: last.message });
    const target = newTarget();
    // What an earlier run left is tried once: it may be what makes the hash wrong.
    const begun = failures.length === 0 && isResumable(url, record, partial) ? partial : undefined;
    try {
      const again = failures.length > 0;
      const facts = await attemptDownload(url, { ...plain, ...target }, { again, begun }, context);
      return { facts, target };
    } catch (error) {
      if (context.signal.aborted || !(error instanceof ToolError) || !isWorthAnother(error)) throw error;
      const failure = { url, error, begun: begun !== undefined };
      failures.push(failure);
      if (isDamaged(failure) || error.code === "channel-unreachable") context.http.reportBad(url);
    }
  }
  throw finalError(record.fn, failures);
}

/** The first mirror that has not failed for this package; a damaged or broken-off download may be tried once more where it came from. */
function pickUrl(urls: readonly string[], failures: readonly Failure[]): string | undefined {
  const tries = (url: string): Failure[] => failures.filter((failure) => failure.url === url);
  const fresh = urls.find((url) => tries(url).length === 0);
  if (fresh !== undefined) return fresh;
  if (failures.filter(isDamaged).length >= WRONG_BYTES) return undefined;
  return urls.find((url) =>
    tries(url).every(({ error }) => error.code === "checksum-mismatch" || error.details?.restart === true),
  );
}

/** The address gave wrong bytes; those that an earlier run left do not count. */
function isDamaged({ error, begun }: Failure): boolean {
  return !begun && error.code === "checksum-mismatch";
}

function isWorthAnother(error: ToolError): boolean {
  return ["checksum-mismatch", "http-error", "channel-unreachable", "auth-error", "archive-invalid"].includes(
    error.code,
  );
}

/** Files are at hand anyway. */
function isResumable(url: string, record: RepoDataRecord, partial: DownloadInput["partial"]): boolean {
  return (
    partial !== undefined &&
    record.size !== undefined &&
    partial.size < record.size &&
    /^(https?|s3|oci):/i.test(url)
  );
}

async function attemptDownload(
  url: string,
  input: ExtractInput & Target,
  { again, begun }: { again: boolean; begun: DownloadInput["partial"] },
  context: DownloadContext,
): Promise<ArchiveFacts> {
  const { events, signal } = context;
  const id = input.fn;
  // A damaged file may sit in a cache on the way.
  const headers = again ? { "cache-control": "no-cache" } : undefined;
  const response = await context.http.fetch(url, {
    signal,
    headers,
    noMirrors: true,
    offset: begun?.size,
    onRetry: (retry) => events({ type: "fetch", id, state: "retry", reason: retry.reason }),
  });
  if (response.status !== 200 && !(begun && response.status === 206)) {
    response.discard();
    const error = statusError(response, `\`${id}\``);
    // Nothing follows what an earlier run left, says the server: then that is no part of this file.
    throw begun && response.status === 416
      ? new ToolError(error.code, error.message, { details: { ...error.details, restart: true } })
      : error;
  }
  const stream = context.pool.stream("extract-stream", input, { signal });
  try {
    const file = begun && (await openFile(begun.path));
    if (file) for await (const piece of file.read()) await stream.write(piece);
    await shovel(response, stream.write, { input, from: begun?.size ?? 0 }, events);
    return await stream.end();
  } catch (error) {
    await stream.abort(error);
    throw error;
  }
}

async function shovel(
  response: HttpResponse,
  write: (chunk: Uint8Array) => Promise<void>,
  { input, from }: { input: ExtractInput; from: number },
  events: EventSink,
): Promise<void> {
  const length = Number(response.headers["content-length"] ?? Number.NaN);
  const total = input.expected.size ?? (Number.isFinite(length) ? from + length : undefined);
  const tell = (bytes: number): void =>
    events({
      type: "fetch",
      id: input.fn,
      state: "progress",
      bytes,
      ...(total === undefined ? {} : { total }),
    });
  let bytes = from;
  let told = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    await write(chunk);
    if (bytes - told >= PROGRESS_BYTES) {
      told = bytes;
      tell(bytes);
    }
  }
  if (bytes > told) tell(bytes);
}

function finalError(fn: string, failures: readonly Failure[]): ToolError {
  const last = failures.at(-1)?.error;
  if (last && failures.every((failure) => failure.error.message === last.message)) return last;
  const tries = failures.map(({ url, error }) => `\`${redactUrl(url)}\`: ${error.message}`).join("; ");
  return new ToolError(
    last?.code ?? "http-error",
    `cannot fetch \`${fn}\` from any of its addresses: ${tries}`,
    {
      hint: last?.hint,
      details: {
        attempts: failures.map(({ url, error }) => ({ url: redactUrl(url), outcome: error.message })),
      },
    },
  );
}
