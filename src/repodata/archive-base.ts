import { repodataError } from "./decoder.ts";

const REMOTE = new Set(["http:", "https:", "s3:", "oci:"]);

/**
 * A `base_url` or `shards_base_url` (CEP 15, 16), absolute or relative to the subdir, as a URL with a trailing slash.
 * A server must not point into this machine's files or hand out credentials: such a base makes the subdir malformed.
 */
export function resolveBase(base: string | undefined, subdirUrl: string, label: string, key: string): string {
  const own = `${subdirUrl}/`;
  if (base === undefined) return own;
  let url: URL;
  try {
    url = new URL(base, own);
  } catch {
    throw repodataError(label, `\`${key}\` is no URL`);
  }
  const local = url.protocol === "file:" && subdirUrl.startsWith("file:");
  if (!local && !REMOTE.has(url.protocol))
    throw repodataError(
      label,
      `\`${key}\` has the scheme \`${url.protocol}\`, which a channel may not point to`,
    );
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw repodataError(label, `\`${key}\` has more than a scheme, a host and a path`);
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}
