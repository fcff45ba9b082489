import { fileURLToPath } from "node:url";
import { type ErrorCode, interruption, ToolError } from "../errors.ts";
import { openFile } from "../fs/streams.ts";
import { makeResponse } from "./response.ts";
import type { FetchOptions, HttpResponse } from "./types.ts";

/** Serves `file:` URLs with the statuses and validators of HTTP, so that callers need no second path. */
export async function fetchFile(url: string, options: FetchOptions): Promise<HttpResponse> {
  const file = await openFile(fileUrlPath(url));
  if (!file) return makeResponse({ status: 404, headers: {}, url }, undefined);
  const etag = `"${file.size.toString(16)}-${file.modified.toString(16)}"`;
  const headers: Record<string, string> = {
    etag,
    "last-modified": new Date(file.modified).toUTCString(),
    "content-length": String(file.size),
  };
  if (options.headers?.["if-none-match"] === etag) {
    await file.close();
    return makeResponse({ status: 304, headers, url }, undefined);
  }
  return makeResponse(
    { status: 200, headers, url },
    { chunks: abortable(file.read(), options.signal), discard: () => void file.close().catch(() => {}) },
  );
}

/** The path of a `file:` URL; throws an error of this code for one that names none here. */
export function fileUrlPath(url: string, code: ErrorCode = "channel-invalid"): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new ToolError(code, `\`${url}\` is no path on this machine`, {
      hint: "file URLs look like `file:///path`, with %25 for a `%`",
    });
  }
}

async function* abortable(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (signal?.aborted) throw interruption(signal);
    yield chunk;
  }
}
