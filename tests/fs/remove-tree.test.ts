import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { removeTree } from "../../src/fs/files.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "taipan-remove-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it("removes everything below, and nothing that links lead to", async () => {
  mkdirSync(join(root, "outside"));
  writeFileSync(join(root, "outside", "kept"), "kept");
  for (const directory of ["tree/a/b/c", "tree/empty", "tree/wide"])
    mkdirSync(join(root, directory), { recursive: true });
  for (let i = 0; i < 100; i++) writeFileSync(join(root, "tree/wide", String(i)), "");
  writeFileSync(join(root, "tree/a/b/c/file"), "");
  symlinkSync("../outside", join(root, "tree/directory"));
  symlinkSync("../../outside/kept", join(root, "tree/a/file"));
  symlinkSync("nowhere", join(root, "tree/dangling"));
  await removeTree(join(root, "tree"));
  expect(readdirSync(root)).toEqual(["outside"]);
  expect(readdirSync(join(root, "outside"))).toEqual(["kept"]);
});

it("removes a link and not what it leads to, a file, and what is not there", async () => {
  mkdirSync(join(root, "outside"));
  writeFileSync(join(root, "outside", "kept"), "kept");
  symlinkSync("outside", join(root, "link"));
  writeFileSync(join(root, "file"), "");
  for (const name of ["link", "file", "missing"]) await removeTree(join(root, name));
  expect(existsSync(join(root, "outside/kept"))).toBe(true);
  expect(readdirSync(root)).toEqual(["outside"]);
});

it("goes on while somebody still writes", async () => {
  mkdirSync(join(root, "tree"));
  let count = 0;
  const writing = setInterval(() => {
    if (existsSync(join(root, "tree"))) writeFileSync(join(root, "tree", String(count++)), "");
  }, 1);
  setTimeout(() => clearInterval(writing), 100);
  await removeTree(join(root, "tree"));
  clearInterval(writing);
  expect(readdirSync(root)).toEqual([]);
});
