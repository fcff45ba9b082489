import { ToolError } from "../errors.ts";
import { redactUrl } from "../specs/credentials.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { decodePercent } from "../util/percent.ts";
import { archiveName } from "./layout.ts";

/**
 * The record of an archive of which only the URL (and perhaps a hash) is known: explicit specs, local archives. Name,
 * version and build are read off the file name; the rest comes from the package itself when its URL is in
 * `FetchPackagesOptions.learn`.
 */
export function recordFromUrl(
  url: string,
  hashes: { md5?: string | undefined; sha256?: string | undefined } = {},
): RepoDataRecord {
  const path = URL.canParse(url) ? decodePercent(new URL(url).pathname) : "";
  const parts = path.split("/").filter(Boolean);
  const fn = parts.at(-1) ?? "";
  const { dist } = archiveName(fn);
  const match = /^(.+)-([^-]+)-([^-]+)$/.exec(dist);
  if (!match)
    throw new ToolError(
      "parse-error",
      `\`${redactUrl(url)}\` is no package URL. Missing name and version in filename "${fn}"`,
    );
  const [, name, version, build] = match as unknown as [string, string, string, string];
  return {
    name,
    version,
    build,
    build_number: Number(/(\d+)$/.exec(build)?.[1] ?? 0),
    subdir: parts.at(-2) ?? "noarch",
    depends: [],
    fn,
    url,
    channel: url.split("/").slice(0, -2).join("/"),
    ...(hashes.md5 === undefined ? {} : { md5: hashes.md5 }),
    ...(hashes.sha256 === undefined ? {} : { sha256: hashes.sha256 }),
  };
}
