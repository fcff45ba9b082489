import { ToolError } from "../errors.ts";
import type { HttpResponse } from "./types.ts";

/** Bytes that `HttpResponse.bytes` accepts unless told otherwise. */
const DEFAULT_LIMIT = 1 << 30;

interface Body {
  chunks: AsyncIterable<Uint8Array>;
  discard(): void;
}

/** An HttpResponse over a body that is read at most once; without a body it is empty. */
export function makeResponse(
  head: { status: number; headers: Record<string, string>; url: string },
  body: Body | undefined,
): HttpResponse {
  const chunks = body?.chunks ?? empty();
  return {
    ...head,
    body: chunks,
    bytes: (limit = DEFAULT_LIMIT) => collect(chunks, limit, head.url),
    discard: () => body?.discard(),
  };
}

async function* empty(): AsyncGenerator<Uint8Array> {}

/** All bytes of a body; `url` is for the error when there are more than `limit`. */
export async function collect(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
  url: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > limit)
      throw new ToolError(
        "http-error",
        `\`${url}\` is larger than the ${limit} bytes that are allowed for it`,
      );
    parts.push(chunk);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size);
}
