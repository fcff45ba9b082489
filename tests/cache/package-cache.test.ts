import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { type LookupOptions, PackageCache, readEntry } from "../../src/cache/package-cache.ts";
import { ignoreEvents } from "../../src/events.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";

const APP = {
  name: "app",
  version: "1",
  build: "0",
  build_number: 0,
  subdir: "noarch",
  depends: [],
  constrains: [],
};

it("an entry whose record other tools left empty is what its package says", async () => {
  const dir = mkdtempSync(join(tmpdir(), "taipan-entry-"));
  try {
    mkdirSync(join(dir, "info"));
    const put = (name: string, value: unknown) =>
      writeFileSync(join(dir, "info", name), JSON.stringify(value));
    const named = { name: "app", version: "1", build: "2", subdir: "noarch" };
    put("index.json", { ...named, build_number: 2, license: "MIT", timestamp: 5, depends: ["lib >=1"] });
    const url = "https://h/c/noarch/app-1-2.conda";
    const left = {
      ...named,
      build_number: 0,
      depends: [],
      constrains: [],
      url,
      md5: "m",
      sha256: "",
      size: 0,
    };
    put("repodata_record.json", { ...left, license: "", timestamp: 0 });
    expect(await readEntry(dir)).toEqual({
      ...named,
      ...{ build_number: 2, license: "MIT", timestamp: 5, depends: ["lib >=1"] },
      ...{ url, md5: "m", fn: "", channel: "" },
    });
    // A channel may have taken the dependencies away: then the rest of the record is there.
    put("repodata_record.json", { ...left, license: "MIT", timestamp: 5 });
    expect(await readEntry(dir)).toMatchObject({ depends: [], build_number: 0 });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

const RECORD = {
  ...APP,
  fn: "app-1-0.conda",
  url: "https://h/c/noarch/app-1-0.conda",
  channel: "https://h/c",
};

/** An extracted package in a cache directory; the result is what the cache makes of it when its record says `own` beside RECORD. */
function entry(): (
  own: object,
  wanted: object,
  options?: LookupOptions,
) => Promise<PackageCacheRecord | undefined> {
  const pkgs = mkdtempSync(join(tmpdir(), "taipan-entry-"));
  onTestFinished(() => rmSync(pkgs, { recursive: true }));
  const place = join(pkgs, "app-1-0");
  mkdirSync(join(place, "info"), { recursive: true });
  writeFileSync(join(place, "info/index.json"), JSON.stringify(APP));
  return (own, wanted, options) => {
    writeFileSync(join(place, "info/repodata_record.json"), JSON.stringify({ ...RECORD, ...own }));
    const cache = new PackageCache([pkgs], { events: ignoreEvents });
    return cache.check(place, { ...RECORD, ...wanted }, options);
  };
}

it("an entry that shows no hash is a record's with one only where address and size say so", async () => {
  const check = entry();
  const isUsed = async (own: object, wanted: object) => (await check(own, wanted)) !== undefined;
  const sha256 = "ab".repeat(32);
  const url = "https://h/other/noarch/app-1-0.conda";
  expect(await isUsed({}, {})).toBe(true);
  expect(await isUsed({}, { sha256 })).toBe(false);
  expect(await isUsed({ size: 7 }, { sha256 })).toBe(false);
  expect(await isUsed({ size: 7 }, { sha256, size: 7 })).toBe(true);
  expect(await isUsed({ size: 7, url }, { sha256, size: 7 })).toBe(false);
  expect(await isUsed({ sha256 }, { sha256: sha256.toUpperCase() })).toBe(true);
  expect(await isUsed({ url }, {})).toBe(false);
});

it("what the channel says of a package counts, not what it said when the entry was made; of a file the entry knows more", async () => {
  const check = entry();
  const own = { license: "MIT" };
  const patched = { depends: ["lib <2"] };
  expect(await check(own, patched)).toMatchObject({ ...patched, ...own });
  expect(await check(own, patched, { learn: true })).toMatchObject({ depends: [], ...own });
});
