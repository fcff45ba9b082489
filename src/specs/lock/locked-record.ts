import { decodePercent } from "../../util/percent.ts";
import { splitCredentials } from "../credentials.ts";
import { checkRecordNames } from "../names.ts";
import { parseArchiveName } from "../package-url.ts";
import { isKnownSubdir } from "../platform.ts";
import type { RepoDataRecord } from "../records.ts";
import { trimTrailingSlashes } from "../slashes.ts";
import type { LockReader } from "./read-values.ts";
import { type LockedCondaPackage, type LockFileOptions, MAIN_CATEGORY } from "./types.ts";

/** What a lock file says of an archive beyond its location; the location fills the gaps. */
export type LockedFields = Partial<Omit<RepoDataRecord, "url">>;

/**
 * A record from a location and the fields beside it. Names are checked (CEP 26): they become directories of the package
 * cache and files of conda-meta. Throws `parse-error` or `unsafe-name`.
 */
export function lockedPackage(
  location: string,
  fields: LockedFields,
  reader: LockReader,
  options: LockFileOptions & { subdir?: string; category?: string },
): LockedCondaPackage {
  const { url, auth } = splitCredentials(absolute(location, options));
  const parts = url.replace(/[?#].*$/, "").split("/");
  const fn = fields.fn ?? decodePercent(parts.at(-1) ?? "");
  const named = parseArchiveName(fn);
  const build = fields.build || named?.build;
  const name = fields.name ?? named?.name;
  const version = fields.version ?? named?.version;
  if (!named || name === undefined || version === undefined || build === undefined) {
    throw reader.error(`\`${url}\` is not the location of a conda package`);
  }
  const inUrl = parts.at(-2);
  const subdir =
    fields.subdir ?? (inUrl !== undefined && isKnownSubdir(inUrl) ? inUrl : (options.subdir ?? "noarch"));
  const noarch = fields.noarch ?? noarchFromBuild(subdir, build);
  const record: RepoDataRecord = {
    ...fields,
    name,
    version,
    build,
    build_number: fields.build_number ?? buildNumberFromBuild(build),
    subdir,
    depends: fields.depends ?? [],
    fn,
    url,
    channel: fields.channel ?? channelOf(parts),
  };
  if (noarch === undefined) delete record.noarch;
  else record.noarch = noarch;
  checkRecordNames(record);
  return { location, record, ...(auth ? { auth } : {}), category: options.category ?? MAIN_CATEGORY };
}

function absolute(location: string, { directoryUrl }: LockFileOptions): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(location) || directoryUrl === undefined) return location;
  try {
    return new URL(location.replaceAll("\\", "/"), `${trimTrailingSlashes(directoryUrl)}/`).href;
  } catch {
    return location;
  }
}

function channelOf(parts: readonly string[]): string {
  const subdir = parts.at(-2);
  return parts.slice(0, subdir !== undefined && isKnownSubdir(subdir) ? -2 : -1).join("/");
}

/** `h1234567_3` → 3; lock files leave the number out when the build string ends in it. */
export function buildNumberFromBuild(build: string): number {
  const last = build.slice(build.lastIndexOf("_") + 1);
  return /^\d{1,9}$/.test(last) ? Number(last) : 0;
}

/** What pixi leaves unsaid: a build string with `py` in `noarch` is `noarch: python`. */
export function noarchFromBuild(subdir: string, build: string): "python" | "generic" | undefined {
  if (subdir !== "noarch") return undefined;
  return build.includes("py") ? "python" : "generic";
}
