import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { PackageCache, readEntry } from "../../src/cache/package-cache.ts";
import { ignoreEvents } from "../../src/events.ts";

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

it("an entry that shows no hash is a record's with one only where address and size say so", async () => {
  const pkgs = mkdtempSync(join(tmpdir(), "taipan-entry-"));
  onTestFinished(() => rmSync(pkgs, { recursive: true }));
  const place = join(pkgs, "app-1-0");
  mkdirSync(join(place, "info"), { recursive: true });
  const fn = "app-1-0.conda";
  const record = { ...APP, fn, url: `https://h/c/noarch/${fn}`, channel: "https://h/c" };
  writeFileSync(join(place, "info/index.json"), JSON.stringify(APP));
  const isUsed = async (own: object, wanted: object): Promise<boolean> => {
    writeFileSync(join(place, "info/repodata_record.json"), JSON.stringify({ ...record, ...own }));
    const cache = new PackageCache([pkgs], { events: ignoreEvents });
    return (await cache.check(place, { ...record, ...wanted })) !== undefined;
  };
  const sha256 = "ab".repeat(32);
  expect(await isUsed({}, {})).toBe(true);
  expect(await isUsed({}, { sha256 })).toBe(false);
  expect(await isUsed({ size: 7 }, { sha256 })).toBe(false);
  expect(await isUsed({ size: 7 }, { sha256, size: 7 })).toBe(true);
  expect(await isUsed({ size: 7, url: "https://h/other/noarch/app-1-0.conda" }, { sha256, size: 7 })).toBe(
    false,
  );
  expect(await isUsed({ sha256 }, { sha256: sha256.toUpperCase() })).toBe(true);
  expect(await isUsed({ url: "https://h/other/noarch/app-1-0.conda" }, {})).toBe(false);
});

it("what the channel says of a package counts, not what it said when the entry was made; of a file the entry knows more", async () => {
  const pkgs = mkdtempSync(join(tmpdir(), "taipan-entry-"));
  onTestFinished(() => rmSync(pkgs, { recursive: true }));
  const place = join(pkgs, "app-1-0");
  mkdirSync(join(place, "info"), { recursive: true });
  const fn = "app-1-0.conda";
  const record = { ...APP, fn, url: `https://h/c/noarch/${fn}`, channel: "https://h/c" };
  writeFileSync(join(place, "info/index.json"), JSON.stringify(APP));
  writeFileSync(join(place, "info/repodata_record.json"), JSON.stringify({ ...record, license: "MIT" }));
  const cache = new PackageCache([pkgs], { events: ignoreEvents });
  const patched = { ...record, depends: ["lib <2"] };
  expect(await cache.check(place, patched)).toMatchObject({ depends: ["lib <2"], license: "MIT" });
  expect(await cache.check(place, patched, { learn: true })).toMatchObject({ depends: [], license: "MIT" });
});
