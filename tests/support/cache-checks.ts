import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { ServedPackage } from "./packages.ts";

/** Every entry of a cache directory that is visible must be whole; returns the names of the visible packages. */
export function checkVisible(pkgs: string, packages: readonly ServedPackage[]): string[] {
  const seen: string[] = [];
  for (const { record, bytes } of packages) {
    const dist = record.fn.replace(/\.(conda|tar\.bz2)$/, "");
    const archive = join(pkgs, record.fn);
    if (existsSync(archive))
      expect(Buffer.compare(readFileSync(archive), Buffer.from(bytes)), `archive of ${dist}`).toBe(0);
    const place = join(pkgs, dist);
    if (!existsSync(place)) continue;
    seen.push(dist);
    const own = JSON.parse(readFileSync(join(place, "info/repodata_record.json"), "utf8")) as Record<
      string,
      unknown
    >;
    expect(own["sha256"]).toBe(record.sha256);
    const { paths } = JSON.parse(readFileSync(join(place, "info/paths.json"), "utf8")) as {
      paths: { _path: string; path_type: string; sha256?: string; size_in_bytes?: number }[];
    };
    for (const entry of paths) {
      const path = join(place, entry._path);
      if (entry.path_type === "softlink") expect(readlinkSync(path)).toBe("small.txt");
      else {
        expect(lstatSync(path).size, path).toBe(entry.size_in_bytes);
        expect(createHash("sha256").update(readFileSync(path)).digest("hex"), path).toBe(entry.sha256);
      }
    }
  }
  return seen;
}

/** Names in a cache directory that are neither packages, archives nor the cache's own files. */
export function litter(pkgs: string): string[] {
  if (!existsSync(pkgs)) return [];
  const known = /^(urls(\.txt)?|cache|CACHEDIR\.TAG|pkg-\d+-1\.\d+-0(\.conda|\.tar\.bz2)?)$/;
  return readdirSync(pkgs).filter((name) => !known.test(name));
}

/** Bytes of the largest archive that a process is downloading into the cache directory; 0 while it changes under our eyes. */
export function unfinishedBytes(pkgs: string): number {
  try {
    const sizes = readdirSync(pkgs)
      .filter((name) => name.startsWith(".taipan-"))
      .flatMap((name) => readdirSync(join(pkgs, name)).map((file) => join(pkgs, name, file)))
      .filter((path) => path.endsWith(".archive"))
      .map((path) => statSync(path).size);
    return Math.max(0, ...sizes);
  } catch {
    return 0;
  }
}
