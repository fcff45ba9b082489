import { trimTrailingSlashes } from "../specs/slashes.ts";

/** Which URLs stand for one URL, and which of them were left out because they failed. */
export interface Mirrors {
  candidates(url: string): string[];
  fail(url: string): void;
}

/**
 * `bases`: channel base URL (no trailing slash) to the ordered bases that serve the same files (`mirrored_channels`). It may
 * grow: channels become known after the first requests.
 */
export function createMirrors(bases: Readonly<Record<string, readonly string[]>>): Mirrors {
  let entries: readonly (readonly [base: string, mirrors: readonly string[]])[] = [];
  let known = 0;
  const current = () => {
    const { length } = Object.keys(bases);
    if (length !== known) entries = sorted(bases);
    known = length;
    return entries;
  };
  const failed = new Set<string>();

  return {
    candidates: (url) => {
      for (const [base, mirrors] of current()) {
        if (!isBelow(url, base)) continue;
        const rest = url.slice(base.length);
        const healthy = mirrors.filter((mirror) => !failed.has(mirror));
        // When all have failed, all are tried again: one may have recovered, and the error then tells of each.
        return (healthy.length > 0 ? healthy : mirrors).map((mirror) => mirror + rest);
      }
      return [url];
    },
    fail: (url) => {
      for (const [, mirrors] of current())
        for (const mirror of mirrors) if (isBelow(url, mirror)) failed.add(mirror);
    },
  };
}

/** Longest first, so that a channel below another one has its own mirrors. */
function sorted(bases: Readonly<Record<string, readonly string[]>>): [base: string, mirrors: string[]][] {
  return Object.entries(bases)
    .map(([base, mirrors]): [string, string[]] => [
      trimTrailingSlashes(base),
      mirrors.map(trimTrailingSlashes),
    ])
    .filter(([, mirrors]) => mirrors.length > 0)
    .sort((a, b) => b[0].length - a[0].length);
}

/** Whether `url` is `base` (no slash at its end) or below it: `https://host/chan` is not above `https://host/channel`. */
export const isBelow = (url: string, base: string): boolean =>
  url.startsWith(base) && (url.length === base.length || url[base.length] === "/");
