import fs, { existsSync, mkdirSync, readdirSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cloneEnvironment } from "../../src/prefix/clone.ts";
import { preflightFetch } from "../../src/prefix/preflight.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { defaultOptions, makePackage, sandbox } from "../support/extracted.ts";

const MEGABYTE = 1_000_000;

/** Free bytes as the file system would tell them, by the path that is asked. */
function freeSpace(bytesAt: (path: string) => number): void {
  const real = fs.statfsSync;
  fs.statfsSync = ((path: string) => ({ ...real(path), bsize: 1, bavail: bytesAt(path) })) as typeof real;
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.statfsSync = real;
    syncBuiltinESMExports();
  });
}

test("where files are copied, the environment's file system needs room, too, before anything is fetched", () => {
  const box = sandbox();
  mkdirSync(box.pkgs);
  freeSpace((path) => (path.startsWith(box.pkgs) ? 1000 : 10) * MEGABYTE);
  const input = { prefix: box.prefix, pkgs: box.pkgs, archives: [20 * MEGABYTE] };
  expect(() => preflightFetch({ ...input, options: defaultOptions })).not.toThrow();
  expect(() => preflightFetch({ ...input, options: { ...defaultOptions, alwaysCopy: true } })).toThrowError(
    /`.*env.*` needs 24\.2 MB, but only 10\.0 MB are free there/,
  );
});

test("what packages hold is judged before anything is written: linked files cost nothing, copies do", async () => {
  const box = sandbox();
  freeSpace(() => 6 * MEGABYTE);
  const large = makePackage(box.pkgs, { name: "a", files: { "lib/large": "x".repeat(3 * MEGABYTE) } });
  await expect(box.set([large], { alwaysCopy: true })).rejects.toMatchObject({
    code: "disk-full",
    message: expect.stringContaining("needs 7.2 MB, but only 6.0 MB are free"),
  });
  expect(existsSync(box.prefix)).toBe(false);
  await box.set([large]);
  expect(existsSync(box.prefix)).toBe(true);
});

test("a clone needs room for what it cannot share, which is known before any of it is copied", async () => {
  const box = sandbox();
  await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/large": "x".repeat(3 * MEGABYTE) } })]);
  freeSpace(() => 6 * MEGABYTE);
  const copy = join(box.root, "envs", "copy");
  const context = { pool: createPool({ size: 1, mode: "inline", handlers }), events: () => {}, command: [] };
  const clone = (options: typeof defaultOptions) => cloneEnvironment(box.prefix, copy, options, context);
  await expect(clone({ ...defaultOptions, alwaysCopy: true })).rejects.toMatchObject({
    code: "disk-full",
    message: expect.stringContaining("needs 7.2 MB, but only 6.0 MB are free"),
  });
  expect(readdirSync(join(box.root, "envs"))).toEqual(["env"]);
  await clone(defaultOptions);
  expect(readdirSync(join(box.root, "envs"))).toEqual(["copy", "env"]);
});
