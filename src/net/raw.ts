/** A Node stream, or what stands for one. To be read once, or thrown away. */
export interface RawBody extends AsyncIterable<Uint8Array> {
  /** Reads to the end and forgets: the connection can be used again. */
  resume(): unknown;
  /** Gives up: a connection that has no other use is closed. */
  destroy(): unknown;
}

export interface RawRequest {
  method: string;
  headers: Record<string, string>;
  signal?: AbortSignal | undefined;
}

export interface RawResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: RawBody;
}

export function flattenHeaders(
  headers: Record<string, string | string[] | undefined>,
): Record<string, string> {
  const flat: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  return flat;
}
