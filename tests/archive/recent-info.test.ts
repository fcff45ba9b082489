import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readAndKeepInfo, takeInfo } from "../../src/archive/recent-info.ts";
import { makePackage } from "../support/extracted.ts";

function packageDirectory(): { pkgs: string; directory: string } {
  const pkgs = mkdtempSync(join(tmpdir(), "taipan-info-"));
  onTestFinished(() => rmSync(pkgs, { recursive: true, force: true }));
  const { extracted_package_dir: directory } = makePackage(pkgs, { name: "a", files: { "x.txt": "x" } });
  return { pkgs, directory };
}

test("what was read is handed out once", async () => {
  const { directory } = packageDirectory();
  const first = await readAndKeepInfo(directory);
  expect(await takeInfo(directory)).toBe(first);
  expect(await takeInfo(directory)).not.toBe(first);
  expect(await takeInfo(directory)).toEqual(first);
});

test("a package that was extracted anew is read anew", async () => {
  const { pkgs, directory } = packageDirectory();
  await readAndKeepInfo(directory);
  renameSync(directory, join(pkgs, "old"));
  makePackage(pkgs, { name: "a", files: { "x.txt": "x", "y.txt": "y" } });
  expect((await takeInfo(directory)).paths.map((entry) => entry._path)).toEqual(["x.txt", "y.txt"]);
});

test("what cannot be read is not kept", async () => {
  const { directory } = packageDirectory();
  writeFileSync(join(directory, "info/paths.json"), "{");
  await expect(readAndKeepInfo(directory)).rejects.toThrowError(/paths.json/);
  await expect(takeInfo(directory)).rejects.toThrowError(/paths.json/);
});
