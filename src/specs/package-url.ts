import { parseError } from "../errors.ts";
import { decodePercent } from "../util/percent.ts";
import { isSubdirName } from "./names.ts";

/** What the URL or path of a package archive says about it. */
export interface PackageUrl {
  name: string;
  version: string;
  build: string;
  /** Channel URL without subdir. */
  channel: string;
  subdir?: string | undefined;
  /** File name, percent-decoded. */
  fn: string;
  /** URL without the `#` part. */
  url: string;
  md5?: string | undefined;
  sha256?: string | undefined;
}

export interface ArchiveName {
  name: string;
  version: string;
  build: string;
  extension: ".conda" | ".tar.bz2";
}

const ARCHIVE = /^(.+?)(\.conda|\.tar\.bz2)(?:#(.*))?$/s;

/** Whether the text ends like a package archive (with or without `#hash`). */
export function looksLikeArchive(text: string): boolean {
  return ARCHIVE.test(text);
}

/** Splits `name-version-build.ext`; undefined when it has not this form. */
export function parseArchiveName(fn: string): ArchiveName | undefined {
  const extension = fn.endsWith(".conda") ? ".conda" : fn.endsWith(".tar.bz2") ? ".tar.bz2" : undefined;
  if (extension === undefined) return undefined;
  const stem = fn.slice(0, -extension.length);
  const beforeBuild = stem.lastIndexOf("-");
  const beforeVersion = stem.lastIndexOf("-", beforeBuild - 1);
  if (beforeVersion <= 0 || beforeBuild <= beforeVersion + 1 || beforeBuild === stem.length - 1)
    return undefined;
  return {
    name: stem.slice(0, beforeVersion),
    version: stem.slice(beforeVersion + 1, beforeBuild),
    build: stem.slice(beforeBuild + 1),
    extension,
  };
}

/** Separates `#md5`, `#md5:`, `#sha256:` and a bare SHA-256 (CEP 23) from a location. */
export function splitHash(text: string): { location: string; md5?: string; sha256?: string } {
  const at = text.indexOf("#");
  if (at < 0) return { location: text };
  const location = text.slice(0, at);
  const hash = text
    .slice(at + 1)
    .trim()
    .toLowerCase();
  const md5 = /^(?:md5:)?([0-9a-f]{32})$/.exec(hash)?.[1];
  if (md5 !== undefined) return { location, md5 };
  const sha256 = /^(?:sha256:)?([0-9a-f]{64})$/.exec(hash)?.[1];
  if (sha256 !== undefined) return { location, sha256 };
  throw parseError(
    "package URL",
    text,
    at + 1,
    "the hash is neither an MD5 nor a SHA-256",
    "append #<md5> or #sha256:<hex>",
  );
}

/**
 * Reads the URL or path of an archive, with an optional `#hash`. A relative path is completed with `cwd` (an absolute path).
 * Throws `parse-error`.
 */
export function parsePackageUrl(text: string, options: { cwd?: string } = {}): PackageUrl {
  const { location, ...hashes } = splitHash(text.trim());
  const query = location.indexOf("?");
  if (query >= 0) throw parseError("package URL", text, query, "it has a query part");
  const url = toUrl(location, options.cwd);
  const slash = url.lastIndexOf("/");
  const fn = decodePercent(url.slice(slash + 1));
  const parts = parseArchiveName(fn);
  if (!parts)
    throw parseError("package URL", text, 0, `\`${fn}\` is not name-version-build.conda or .tar.bz2`);
  const base = url.slice(0, slash);
  const last = base.slice(base.lastIndexOf("/") + 1);
  const { name, version, build } = parts;
  const subdir = isSubdirName(last) ? last : undefined;
  const channel = subdir === undefined ? base : base.slice(0, base.lastIndexOf("/"));
  return { name: name.toLowerCase(), version, build, channel, subdir, fn, url, ...hashes };
}

function toUrl(location: string, cwd = ""): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(location)) return location;
  if (location.startsWith("/")) return `file://${location}`;
  if (/^[A-Za-z]:[\\/]/.test(location)) return `file:///${location.replaceAll("\\", "/")}`;
  return `file://${cwd}/${location.replace(/^(?:\.\/)+/, "")}`;
}
