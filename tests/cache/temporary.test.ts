import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTemporary, findStale } from "../../src/cache/temporary.ts";

const HOUR = 3600 * 1000;
let pkgs: string;
beforeEach(() => {
  pkgs = mkdtempSync(join(tmpdir(), "taipan-temporary-"));
});
afterEach(() => rmSync(pkgs, { recursive: true }));

function aged(name: string, age: number, make: (path: string) => void): string {
  const path = join(pkgs, name);
  make(path);
  const at = new Date(Date.now() - age);
  utimesSync(path, at, at);
  return path;
}

it("what another machine has in a shared cache is left alone for a day, whatever its process is here", async () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  for (const pid of [process.pid, dead]) aged(`.taipan-0badcafe-${pid}-0123456789ab`, 23 * HOUR, mkdirSync);
  expect(await findStale(pkgs)).toEqual([]);
  const old = aged(`.taipan-0badcafe-${process.pid}-ba9876543210`, 25 * HOUR, mkdirSync);
  expect(await findStale(pkgs)).toEqual([old]);
});

it("what a dead process of this machine has is left over at once, what a living one has is not", async () => {
  const own = basename(await createTemporary(pkgs));
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  const left = aged(own.replace(`-${process.pid}-`, `-${dead}-`), 0, mkdirSync);
  aged(own.replace(`-${process.pid}-`, `-${process.ppid}-`), 48 * HOUR, mkdirSync);
  expect(await findStale(pkgs)).toEqual([left]);
});

it("a file of a write that was cut off is left over after an hour", async () => {
  aged(".0123456789ab.tmp", 0.9 * HOUR, (path) => writeFileSync(path, ""));
  const old = aged(".ba9876543210.tmp", 1.1 * HOUR, (path) => writeFileSync(path, ""));
  aged("notes.tmp", 48 * HOUR, (path) => writeFileSync(path, ""));
  expect(await findStale(pkgs)).toEqual([old]);
});
