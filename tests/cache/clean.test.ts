import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CleanReport, cleanableBytes, findCleanable, removeCleanable } from "../../src/cache/clean.ts";
import type { CacheLimits } from "../../src/cache/limits.ts";

let sandbox: string;
let pkgs: string;

beforeEach(() => {
  sandbox = mkdtempSync(join(tmpdir(), "taipan-clean-"));
  pkgs = join(sandbox, "pkgs");
  for (const place of ["used-1-0", "unused-1-0", "conda-forge/noarch/nested-1-0"]) {
    mkdirSync(join(pkgs, place, "info"), { recursive: true });
    writeFileSync(join(pkgs, place, "info/index.json"), "{}");
    writeFileSync(join(pkgs, place, "file"), "x".repeat(100));
  }
  linkSync(join(pkgs, "used-1-0/file"), join(sandbox, "linked-into-an-environment"));
  for (const name of ["used-1-0.conda", "old-1-0.tar.bz2", "conda-forge/noarch/nested-1-0.conda"])
    writeFileSync(join(pkgs, name), "y".repeat(50));
  mkdirSync(join(pkgs, "cache"));
  writeFileSync(join(pkgs, "cache/abc.json"), "z".repeat(10));
  writeFileSync(join(pkgs, "cache/abc.lock"), "");
  writeFileSync(join(pkgs, "urls.txt"), "");
});
afterEach(() => rmSync(sandbox, { recursive: true, force: true }));

it("finds archives, unused packages and indexes in conda's shape, and removes just those", async () => {
  const report = await findCleanable([pkgs, join(sandbox, "none")], {
    tarballs: true,
    packages: true,
    indexCache: true,
    tempfiles: true,
    logfiles: true,
  });
  expect(report).toMatchObject({
    index_cache: { files: [join(pkgs, "cache")] },
    tarballs: { warnings: [], total_size: 150 },
    packages: {
      warnings: [],
      pkg_sizes: { [pkgs]: { "unused-1-0": 102, "conda-forge/noarch/nested-1-0": 102 } },
      total_size: 204,
    },
    tempfiles: [],
    logfiles: [],
  });
  expect(report.tarballs!.pkgs_dirs[pkgs]!.sort()).toEqual([
    "conda-forge/noarch/nested-1-0.conda",
    "old-1-0.tar.bz2",
    "used-1-0.conda",
  ]);
  expect(await cleanableBytes(report)).toBe(364);
  await removeCleanable(report);
  expect(readdirSync(pkgs).sort()).toEqual(["conda-forge", "urls.txt", "used-1-0"]);
  const again = await findCleanable([pkgs], {
    tarballs: true,
    packages: true,
    indexCache: true,
    tempfiles: true,
    locks: true,
    trash: true,
  });
  expect(await cleanableBytes(again)).toBe(0);
});

it("finds locks, trash and whole directories only when asked", async () => {
  mkdirSync(join(pkgs, ".trash"));
  expect(Object.keys(await findCleanable([pkgs], {}))).toEqual([]);
  const report = await findCleanable([pkgs], { locks: true, trash: true, forcePkgsDirs: true });
  expect(report).toEqual({
    locks: [join(pkgs, "cache/abc.lock")],
    trash: [join(pkgs, ".trash")],
    pkgs_dirs: [pkgs],
  });
  await removeCleanable({ locks: report.locks!, trash: report.trash! });
  expect(existsSync(join(pkgs, ".trash"))).toBe(false);
  await removeCleanable(report);
  expect(existsSync(pkgs)).toBe(false);
});

it("symbolic links are neither followed nor measured through", async () => {
  const outside = join(sandbox, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "precious"), "p");
  symlinkSync(outside, join(pkgs, "unused-1-0/link"));
  symlinkSync(outside, join(pkgs, "looks-like-1-0"));
  await removeCleanable(await findCleanable([pkgs], { tarballs: true, packages: true, indexCache: true }));
  expect(readdirSync(outside)).toEqual(["precious"]);
  expect(existsSync(join(pkgs, "unused-1-0"))).toBe(false);
});

describe("limits", () => {
  const DAY = 24 * 3600;
  /** Packages of 104 bytes with a record, by the days since they came. */
  const age = (place: string, days: number): void => {
    const time = Date.now() / 1000 - days * DAY;
    const record = join(pkgs, place, "info/repodata_record.json");
    if (existsSync(join(pkgs, place, "info"))) {
      writeFileSync(record, "{}");
      utimesSync(record, time, time);
    }
    utimesSync(join(pkgs, place), time, time);
  };
  const names = (report: CleanReport) => [
    ...(report.tarballs?.pkgs_dirs[pkgs] ?? []),
    ...(report.packages?.pkgs_dirs[pkgs] ?? []),
  ];
  const find = (limits: CacheLimits) => findCleanable([pkgs], { tarballs: true, packages: true, limits });

  beforeEach(() => {
    age("used-1-0", 300);
    age("unused-1-0", 90);
    age("conda-forge/noarch/nested-1-0", 10);
    age("used-1-0.conda", 80);
    age("old-1-0.tar.bz2", 200);
    age("conda-forge/noarch/nested-1-0.conda", 5);
  });

  it("of age: what is linked stays however old it is", async () => {
    const report = await find({ usedSince: Date.now() - 85 * DAY * 1000 });
    expect(names(report)).toEqual(["old-1-0.tar.bz2", "unused-1-0"]);
    expect(report.remaining_size).toBe(50 + 50 + 104 + 104);
    await removeCleanable(report);
    expect(readdirSync(pkgs).sort()).toEqual([
      "cache",
      "conda-forge",
      "urls.txt",
      "used-1-0",
      "used-1-0.conda",
    ]);
  });

  it("a record that was written again counts as use", async () => {
    writeFileSync(join(pkgs, "unused-1-0/info/repodata_record.json"), "{ }");
    expect(names(await find({ usedSince: Date.now() - 85 * DAY * 1000 }))).toEqual(["old-1-0.tar.bz2"]);
  });

  it("of size: the oldest go until the rest fits", async () => {
    const total = 3 * 104 + 3 * 50;
    expect(names(await find({ maxBytes: total }))).toEqual([]);
    expect(names(await find({ maxBytes: total - 1 }))).toEqual(["old-1-0.tar.bz2"]);
    expect(names(await find({ maxBytes: total - 51 }))).toEqual(["old-1-0.tar.bz2", "unused-1-0"]);
    const all = await find({ maxBytes: 0 });
    expect(names(all)).not.toContain("used-1-0");
    expect([names(all).length, all.remaining_size]).toEqual([5, 104]);
  });

  it("of both: what is too old goes first, and counts", async () => {
    const limits = { usedSince: Date.now() - 100 * DAY * 1000, maxBytes: 3 * 104 + 2 * 50 };
    expect(names(await find(limits))).toEqual(["old-1-0.tar.bz2"]);
    expect(names(await find({ ...limits, maxBytes: limits.maxBytes - 1 }))).toEqual([
      "old-1-0.tar.bz2",
      "unused-1-0",
    ]);
  });
});
