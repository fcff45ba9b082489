import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { PackageCache } from "../../src/cache/package-cache.ts";
import { publish } from "../../src/cache/publish.ts";
import type { RepoDataRecord } from "../../src/specs/records.ts";
import { createPool } from "../../src/workers/pool.ts";

let sandbox: string;
beforeEach(() => {
  sandbox = mkdtempSync(join(tmpdir(), "taipan-publish-"));
});
afterEach(() => rmSync(sandbox, { recursive: true, force: true }));

function record(name: string): RepoDataRecord {
  const fn = `${name}-1-0.conda`;
  const sha256 = Buffer.from(name).toString("hex").padEnd(64, "0");
  const url = `https://example.org/c/noarch/${fn}`;
  const about = { name, version: "1", build: "0", build_number: 0, subdir: "noarch" };
  return { ...about, depends: [], fn, sha256, url, channel: "https://example.org/c" } as RepoDataRecord;
}

/** An extracted package of one file, which a broken one lacks. */
function tree(path: string, of: RepoDataRecord, whole: boolean): string {
  mkdirSync(join(path, "info"), { recursive: true });
  const paths = [{ _path: "file", path_type: "hardlink", size_in_bytes: 4 }];
  writeFileSync(join(path, "info/repodata_record.json"), JSON.stringify(of));
  writeFileSync(join(path, "info/index.json"), "{}");
  writeFileSync(join(path, "info/paths.json"), JSON.stringify({ paths, paths_version: 1 }));
  if (whole) writeFileSync(join(path, "file"), "text");
  return path;
}

it("a place that another process empties meanwhile does not get what another package put aside", async () => {
  const [a, b] = [record("a"), record("b")];
  const pkgs = join(sandbox, "pkgs");
  const scratch = join(sandbox, "scratch");
  const place = tree(join(pkgs, "b-1-0"), b, false);
  // A good entry that came in the way while `a` was published, and could not be given back.
  const aside = tree(join(scratch, "old-0"), a, true);
  let emptied = false;
  class Watched extends PackageCache {
    override async isReplaceable(at: string, item: RepoDataRecord): Promise<boolean> {
      const may = await super.isReplaceable(at, item);
      if (!emptied) rmSync(at, { recursive: true });
      emptied = true;
      return may;
    }
  }
  const pool = createPool({ size: 1, mode: "inline" });
  try {
    const cache = new Watched([pkgs], { events: () => {}, pool });
    expect(await cache.lookup(b)).toBeUndefined();
    const extracted = tree(join(scratch, "2"), b, true);
    const done = await publish(cache, pkgs, { record: b, extracted, archive: undefined, learn: false });
    expect(done.extracted_package_dir).toBe(place);
  } finally {
    await pool.close();
  }
  expect(emptied).toBe(true);
  expect(existsSync(aside)).toBe(true);
  expect(JSON.parse(readFileSync(join(place, "info/repodata_record.json"), "utf8"))).toMatchObject({
    name: "b",
  });
});

it("a rename that was done although its answer says that there was nothing to rename (NFS) counts", async () => {
  const a = record("a");
  const pkgs = join(sandbox, "pkgs");
  const place = tree(join(pkgs, "a-1-0"), a, true);
  const cache = new PackageCache([pkgs], { events: () => {} });
  const gone = { record: a, extracted: join(sandbox, "scratch", "1"), archive: undefined, learn: false };
  expect((await publish(cache, pkgs, gone)).extracted_package_dir).toBe(place);
  rmSync(place, { recursive: true });
  await expect(publish(cache, pkgs, gone)).rejects.toMatchObject({ code: "io-error" });
});
