import { type ErrorCode, ToolError } from "../errors.ts";

/*
 * CEP 26 identity rules. Names reach paths (package cache, conda-meta, site-packages), so a record, lock file or spec that breaks
 * them is refused: `../../x`, a NUL or `C:` must never get that far. The patterns have no nested repetition over the same
 * characters, so hostile text costs linear time.
 */

const PACKAGE_NAME = /^_{0,2}[a-z0-9]+(?:[._-][a-z0-9]+)*[._-]?$/i;
const VERSION = /^[0-9a-z_][0-9a-z._+!]*$/i;
const BUILD = /^[a-z0-9_.+]+$/i;
const SUBDIR = /^(?:noarch|[a-z0-9]+-[a-z0-9]+)$/;
const KNOWN_SUBDIR =
  /^(?:noarch|(?:linux|osx|win|freebsd|netbsd|openbsd|zos|emscripten|wasi|android|ios)-[a-z0-9]+)$/;
const LABEL = /^[a-z][0-9a-z_\-./ ]*$/i;
const CHANNEL_PART = /^[a-z0-9_][a-z0-9_.-]*$/i;
const ARCHIVE_EXTENSION = /\.(?:conda|tar\.bz2)$/;

const LIMIT = {
  name: 64,
  version: 64,
  build: 64,
  fn: 211,
  subdir: 32,
  label: 128,
  channelPart: 128,
} as const;

export function isSafePackageName(name: string): boolean {
  return name.length <= LIMIT.name && PACKAGE_NAME.test(name);
}

export function isSafeVersionString(version: string): boolean {
  return version.length <= LIMIT.version && VERSION.test(version) && !version.includes("..");
}

export function isSafeBuildString(build: string): boolean {
  return build.length <= LIMIT.build && BUILD.test(build) && build !== "." && build !== "..";
}

/** `name-version-build.conda` or `.tar.bz2`, nothing that could name another directory. */
export function isSafeFileName(fn: string): boolean {
  return fn.length <= LIMIT.fn && ARCHIVE_EXTENSION.test(fn) && /^[0-9a-z_][0-9a-z._+!*-]*$/i.test(fn);
}

export function isSafeSubdir(subdir: string): boolean {
  return subdir.length <= LIMIT.subdir && SUBDIR.test(subdir);
}

export function isSafeLabel(label: string): boolean {
  return (
    label.length <= LIMIT.label &&
    LABEL.test(label) &&
    label.split("/").every((part) => part !== "." && part !== "..")
  );
}

/** A channel name as typed (`conda-forge`, `pkgs/main`, `conda-forge/label/dev`); URLs and paths are judged elsewhere. */
export function isSafeChannelName(name: string): boolean {
  return name.split("/").every((part) => part.length <= LIMIT.channelPart && CHANNEL_PART.test(part));
}

/** Whether a path component is a platform directory that channels are known to have, rather than a channel that looks like one. */
export function isSubdirName(text: string): boolean {
  return text.length <= LIMIT.subdir && KNOWN_SUBDIR.test(text);
}

export const checkPackageName = checker("package name", isSafePackageName);
export const checkVersionString = checker("version", isSafeVersionString);
export const checkBuildString = checker("build string", isSafeBuildString);
export const checkFileName = checker("package file name", isSafeFileName);
export const checkSubdir = checker("platform directory", isSafeSubdir);
export const checkLabel = checker("channel label", isSafeLabel);
export const checkChannelName = checker("channel name", isSafeChannelName);

/** Checks every field of a record that becomes part of a path. */
export function checkRecordNames(record: {
  name: string;
  version: string;
  build: string;
  subdir: string;
  fn?: string | undefined;
}): void {
  checkPackageName(record.name);
  checkVersionString(record.version);
  checkBuildString(record.build);
  checkSubdir(record.subdir);
  if (record.fn !== undefined) checkFileName(record.fn);
}

function checker(what: string, isSafe: (value: string) => boolean): (value: unknown) => void {
  const code: ErrorCode = "unsafe-name";
  return (value) => {
    if (typeof value === "string" && isSafe(value)) return;
    const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : typeof value;
    throw new ToolError(code, `${what} ${shown} is not allowed`, {
      hint: "names that could leave their directory or confuse other tools are refused (CEP 26)",
      details: { what, value: shown },
    });
  };
}

/** Up to `limit` candidates near `name` by edit distance, nearest first: for "did you mean". */
export function similarNames(name: string, candidates: Iterable<string>, limit = 3): string[] {
  const wanted = name.toLowerCase();
  // One mistake in short names, about one in three letters in longer ones.
  const allowed = Math.max(1, Math.min(3, Math.floor(wanted.length / 3)));
  const plain = wanted.replace(/[._-]/g, "");
  const found: { candidate: string; distance: number }[] = [];
  for (const candidate of candidates) {
    if (candidate === wanted) continue;
    // The same letters with other separators is the likeliest slip of all.
    const distance = candidate.replace(/[._-]/g, "") === plain ? 0 : editDistance(wanted, candidate, allowed);
    if (distance <= allowed) found.push({ candidate, distance });
  }
  found.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return found.slice(0, limit).map(({ candidate }) => candidate);
}

/** Optimal string alignment distance (a swap of neighbours counts once); more than `limit` is reported as `limit + 1`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + cost,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        value = Math.min(value, (beforeLast[j - 2] as number) + 1);
      row.push(value);
      best = Math.min(best, value);
    }
    if (best > limit) return limit + 1;
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}
