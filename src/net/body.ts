import { createHash } from "node:crypto";
import { createGunzip } from "node:zlib";
import { interruption, ToolError } from "../errors.ts";
import { type Attempt, describeAttempts, describeFailure } from "./failures.ts";
import type { RawBody, RawResponse } from "./raw.ts";

/** What the body of one resource needs to go on after its connection broke. */
export interface BodySource {
  /** Redacted, for errors. */
  url: string;
  first: RawResponse;
  /** Bytes that the reader has already. */
  offset: number;
  /** Every failed try of this fetch so far; the body adds its own. */
  attempts: Attempt[];
  /** Asks again with these headers, with the retries of a fetch; throws when there is no more hope. */
  reopen(headers: Record<string, string>): Promise<RawResponse>;
  /** Waits before try `failures + 1`; throws `giveUp` when there were too many in a row. */
  beforeRetry(failures: number, reason: string, giveUp: () => ToolError): Promise<void>;
  lowSpeedLimit: number;
  lowSpeedTime: number;
  signal: AbortSignal | undefined;
}

/** A connection that got this far before it broke starts the count of failures anew. */
const PROGRESS = 256 * 1024;

/** Yields the bytes of a body, resuming with Range and If-Range where a connection breaks (RFC 9110 §13.1.5, §14). */
export async function* resumingBody(source: BodySource): AsyncGenerator<Uint8Array> {
  const validator = strongValidator(source.first.headers);
  const { attempts } = source;
  let response = source.first;
  let received = source.offset;
  let skip = response.status === 206 ? 0 : received;
  if (response.status === 206 && received > 0)
    bytesToSkip(response, received, validator, () => brokenOff(source.url, attempts, true));
  for (let failures = 0, progress = 0; ; ) {
    try {
      for await (const chunk of paced(response.body, source)) {
        const fresh = skip > 0 ? chunk.subarray(Math.min(skip, chunk.byteLength)) : chunk;
        skip -= chunk.byteLength - fresh.byteLength;
        if (fresh.byteLength === 0) continue;
        received += fresh.byteLength;
        progress += fresh.byteLength;
        if (progress > PROGRESS) failures = 0;
        yield fresh;
      }
      return;
    } catch (error) {
      if (source.signal?.aborted) throw interruption(source.signal);
      const { reason } = describeFailure(error);
      attempts.push({ url: source.url, outcome: `${reason} after ${received} bytes` });
      failures += 1;
      progress = 0;
      await source.beforeRetry(failures, reason, () => brokenOff(source.url, attempts, false));
      // Nothing delivered yet: a plain new start is as good.
      if (received > 0 && validator === undefined) throw brokenOff(source.url, attempts, true);
      response = await source.reopen(
        received > 0 ? { range: `bytes=${received}-`, "if-range": validator! } : {},
      );
      skip = bytesToSkip(response, received, validator, () => brokenOff(source.url, attempts, true));
    }
  }
}

/** How much of the new response was delivered already; throws when it is not the same file any more. */
function bytesToSkip(
  response: RawResponse,
  received: number,
  validator: string | undefined,
  changed: () => ToolError,
): number {
  const { status, headers } = response;
  if (received === 0 && status === 200) return 0;
  if (status === 206) {
    const range = /^bytes (\d+)-/.exec(headers["content-range"] ?? "");
    if (
      range &&
      Number(range[1]) === received &&
      (!headers.etag || !validator?.includes('"') || headers.etag === validator)
    )
      return 0;
  } else if (status === 200 && strongValidator(headers) === validator) return received;
  response.body.destroy();
  throw changed();
}

/** A strong ETag, or Last-Modified: what If-Range accepts. */
function strongValidator(headers: Record<string, string>): string | undefined {
  const { etag } = headers;
  if (etag?.startsWith('"')) return etag;
  return headers["last-modified"];
}

/** The error of a body that did not come whole; `restart` when a new start may still help. */
export function brokenOff(url: string, attempts: readonly Attempt[], restart: boolean): ToolError {
  const why = restart ? ", and it cannot be resumed" : "";
  return new ToolError(
    "http-error",
    `the download of \`${url}\` broke off${why}: ${describeAttempts(attempts)}`,
    {
      hint: "check your network, then run the command again",
      details: { restart, attempts },
    },
  );
}

class TooSlow extends Error {}

/** Fails when fewer than `lowSpeedLimit` bytes a second arrive over `lowSpeedTime` of waiting; time that the reader takes does not count. */
async function* paced(
  body: RawBody,
  source: Pick<BodySource, "lowSpeedLimit" | "lowSpeedTime">,
): AsyncGenerator<Uint8Array> {
  let waited = 0;
  let bytes = 0;
  let since = performance.now();
  for await (const chunk of body) {
    waited += performance.now() - since;
    bytes += chunk.byteLength;
    if (waited > source.lowSpeedTime) {
      if ((bytes * 1000) / waited < source.lowSpeedLimit) {
        throw new TooSlow(`slower than ${source.lowSpeedLimit} bytes/s for ${Math.round(waited / 1000)} s`);
      }
      waited = 0;
      bytes = 0;
    }
    yield chunk;
    since = performance.now();
  }
}

/**
 * Decodes a body that says it is gzip and begins as one, though nobody asked for that: some proxies do so with every file. What only
 * says so is left alone.
 */
export async function* gunzipIfSo(
  chunks: AsyncIterable<Uint8Array>,
  url: string,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  const all = (async function* () {
    if (!first.done) yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
  const isGzip = !first.done && first.value[0] === 0x1f && first.value[1] === 0x8b;
  yield* isGzip ? gunzip(all, url) : all;
}

/** Decodes a gzip body that was asked for. The reader bounds the size of what comes out. */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>, url: string): AsyncGenerator<Uint8Array> {
  const decoder = createGunzip();
  let failure: unknown;
  const feeding = (async () => {
    for await (const chunk of chunks) {
      if (decoder.destroyed) return;
      if (!decoder.write(chunk)) await new Promise<void>((go) => decoder.once("drain", go).once("close", go));
    }
    decoder.end();
  })().catch((error: unknown) => {
    failure = error;
    decoder.destroy();
  });
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (failure === undefined)
      throw new ToolError(
        "http-error",
        `\`${url}\` sent a body that is not valid gzip: ${(error as Error).message}`,
      );
  } finally {
    decoder.destroy();
    await feeding;
  }
  if (failure !== undefined) throw failure;
}

/** Fails at the end of a body that is not the one of the digest (`sha256:<hex>`). */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  digest: string,
  url: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest("hex")}` !== digest) {
    throw new ToolError("http-error", `\`${url}\` is not what its registry's manifest promises (${digest})`, {
      hint: "the download was damaged; run the command again",
      details: { restart: true },
    });
  }
}
