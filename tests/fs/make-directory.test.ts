import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makeDirectory } from "../../src/fs/tree.ts";

const dir = mkdtempSync(join(tmpdir(), "taipan-directories-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it("makes a directory with its parents, through links, and leaves what is there", () => {
  mkdirSync(join(dir, "real"));
  symlinkSync("real", join(dir, "link"));
  makeDirectory(join(dir, "link", "a", "b"));
  makeDirectory(join(dir, "real", "a", "b"));
  makeDirectory("/");
  expect(statSync(join(dir, "real", "a", "b")).isDirectory()).toBe(true);
});

it("says what is in the way", () => {
  writeFileSync(join(dir, "file"), "");
  expect(() => makeDirectory(join(dir, "file"))).toThrow(`cannot create directory \`${join(dir, "file")}\``);
  expect(() => makeDirectory(join(dir, "file", "a"))).toThrow("a part of the path is no directory");
});

it.runIf(existsSync("/proc/self"))("ends where a directory answers that it is not there", () => {
  expect(() => makeDirectory("/proc/nope/pkgs")).toThrow(
    "cannot create directory `/proc/nope`: `/proc` takes none",
  );
});
