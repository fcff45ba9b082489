import { join } from "node:path";
import { isWritable, pathKind } from "../fs/files.ts";
import { hardLinks } from "../fs/link.ts";
import { spaceAt } from "../fs/place.ts";
import { formatBytes } from "../util/format.ts";

/** Bytes below which a download of a few packages fails. */
const LITTLE_ROOM = 1e9;

/** What keeps packages from being linked out of the package cache into an environment, in sentences. */
export async function cacheProblems(prefix: string, pkgsDirs: readonly string[]): Promise<string[]> {
  let cache: string | undefined;
  for (const dir of pkgsDirs) if (cache === undefined && (await isWritable(dir))) cache = dir;
  if (cache === undefined) return [`no package cache can be written: ${pkgsDirs.join(", ")}`];
  const problems: string[] = [];
  const links = (await pathKind(cache)) === undefined ? "work" : hardLinks(cache, join(prefix, "conda-meta"));
  if (links === "other-device")
    problems.push(
      `${cache} is on another file system than ${prefix}: files are copied, and take room in both`,
    );
  if (links === "none")
    problems.push(`there are no hard links from ${cache} into ${prefix}: files are copied`);
  const { bytes } = spaceAt(cache) ?? { bytes: Infinity };
  if (bytes < LITTLE_ROOM) problems.push(`${cache} has only ${formatBytes(bytes)} left`);
  return problems;
}
