import { join } from "node:path";
import type { ArchiveKind } from "../archive/extract.ts";
import { checkFileName } from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";

/** One component of a channel's path, fit to be a directory here. */
const SAFE_COMPONENT = /^[A-Za-z0-9_][A-Za-z0-9_.+!=~-]{0,250}$/;

/** Kind and directory name (conda's dist string) of an archive. Throws `unsafe-name` for what must not become a path. */
export function archiveName(fn: string): { kind: ArchiveKind; dist: string } {
  checkFileName(fn);
  const kind = fn.endsWith(".conda") ? "conda" : "tar.bz2";
  return { kind, dist: fn.slice(0, -kind.length - 1) };
}

/** Directories of one package within a cache directory, in the order in which they are looked at. */
export interface Places {
  /** conda's layout: `<pkgs>/<dist>`. */
  flat: string;
  /**
   * mamba's layout: `<pkgs>/<channel>/<subdir>/<dist>`, the channel being its name below the alias or `scheme/host/path`.
   * It keeps packages of equal names from several channels apart. The first is the one that taipan writes.
   */
  nested: string[];
}

export function placesOf(pkgs: string, record: RepoDataRecord, dist: string): Places {
  return { flat: join(pkgs, dist), nested: nestedPlaces(record).map((parts) => join(pkgs, ...parts, dist)) };
}

function nestedPlaces(record: RepoDataRecord): string[][] {
  const subdir = urlParent(record.url)?.at(-1) ?? record.subdir;
  const channel = urlParent(record.url)?.slice(0, -1);
  const named = /^[a-z]+:/i.test(record.channel) ? undefined : record.channel.split("/");
  const last = channel && channel.length > 2 ? channel.slice(2) : undefined;
  const found = [channel, named, last]
    .filter((parts): parts is string[] => parts !== undefined && parts.length > 0)
    .map((parts) => [...parts, subdir]);
  return found.filter((parts) => parts.every((part) => SAFE_COMPONENT.test(part) && !part.includes("..")));
}

/** `https://host:1/a/linux-64/x.conda` → ["https", "host_1", "a", "linux-64"]. */
function urlParent(url: string): string[] | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, pathname } = new URL(url);
  return [
    protocol.slice(0, -1),
    host.replace(":", "_") || "local",
    ...pathname.split("/").filter(Boolean).slice(0, -1),
  ];
}
