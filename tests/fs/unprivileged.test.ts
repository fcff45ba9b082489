/** What root would not meet. Each test file has a process of its own; where that is root's, this one becomes nobody's. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { PackageCache } from "../../src/cache/package-cache.ts";
import { openForReading } from "../../src/fs/index-files.ts";
import { keepTree } from "../../src/fs/kept-tree.ts";
import { restoreTree } from "../../src/fs/restore-tree.ts";
import { preflightFetch } from "../../src/prefix/preflight.ts";
import { defaultOptions } from "../support/extracted.ts";

const NOBODY = 65_534;

beforeAll(() => {
  if (process.getuid?.() !== 0) return;
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
});

function scratch(): { root: string; store: string } {
  const base = mkdtempSync(join(tmpdir(), "taipan-nobody-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, "root");
  mkdirSync(root);
  return { root, store: join(base, "store") };
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test.skipIf(process.platform === "win32")(
  "directories that are closed, before or by a script, are no obstacle",
  () => {
    const { root, store } = scratch();
    write(root, "sealed/removed", "one");
    write(root, "sealed/deep/changed", "two");
    write(root, "private/notes", "the user's");
    write(root, "open/file", "three");
    const modes = { "sealed/deep": 0o555, sealed: 0o555, private: 0o000 };
    for (const [path, mode] of Object.entries(modes)) chmodSync(join(root, path), mode);
    keepTree(root, store, new Set());
    for (const path of Object.keys(modes).reverse()) chmodSync(join(root, path), 0o755);
    rmSync(join(root, "sealed/removed"));
    write(root, "sealed/deep/changed", "changed");
    write(root, "private/more", "x");
    write(root, "sealed/new", "x");
    write(root, "new/deep/file", "x");
    for (const path of ["sealed/deep", "sealed", "new/deep", "new"]) chmodSync(join(root, path), 0o555);
    chmodSync(join(root, "open"), 0o000);
    expect(restoreTree(root, store, { skip: new Set() })).toEqual({ changed: [], left: [] });
    const found = Object.keys(modes).map((path) => [path, lstatSync(join(root, path)).mode & 0o7777]);
    expect(Object.fromEntries(found)).toEqual(modes);
    for (const [path] of found) chmodSync(join(root, path as string), 0o755);
    expect(readdirSync(root).sort()).toEqual(["open", "private", "sealed"]);
    expect(readdirSync(join(root, "private")).sort()).toEqual(["more", "notes"]);
    expect(readdirSync(join(root, "sealed")).sort()).toEqual(["deep", "removed"]);
    expect(readFileSync(join(root, "sealed/deep/changed"), "utf8")).toBe("two");
    expect(readFileSync(join(root, "open/file"), "utf8")).toBe("three");
  },
);

test.skipIf(process.platform === "win32")(
  "a directory that is not writable is named before anything is fetched, with what to do",
  () => {
    const { root } = scratch();
    const denied = join(root, "denied");
    mkdirSync(denied, { mode: 0o555 });
    for (const prefix of [denied, join(denied, "envs/env")]) {
      expect(() =>
        preflightFetch({ options: defaultOptions, archives: [1000], prefix, pkgs: join(root, "pkgs") }),
      ).toThrow(
        expect.objectContaining({
          code: "permission-denied",
          message: expect.stringContaining(`\`${denied}\` is not writable`),
          hint: expect.stringContaining("--root-prefix"),
        }),
      );
    }
  },
);

test("a root prefix that is a file is named as one, whatever its mode", () => {
  const { root } = scratch();
  const file = join(root, "root");
  for (const mode of [0o644, 0o755]) {
    writeFileSync(file, "");
    chmodSync(file, mode);
    expect(() =>
      preflightFetch({
        options: defaultOptions,
        archives: [1000],
        prefix: join(file, "envs/env"),
        pkgs: join(root, "pkgs"),
      }),
    ).toThrow(expect.objectContaining({ message: expect.stringContaining(`\`${file}\` is a file`) }));
  }
});

test.skipIf(process.platform === "win32")(
  "an index that another user of a shared cache keeps to themselves is as good as none",
  () => {
    const { root } = scratch();
    write(root, "closed/index", "whole");
    write(root, "open.index", "whole");
    chmodSync(join(root, "open.index"), 0o000);
    chmodSync(join(root, "closed"), 0o000);
    try {
      expect(openForReading(join(root, "closed/index"))).toBeUndefined();
      expect(openForReading(join(root, "open.index"))).toBeUndefined();
    } finally {
      chmodSync(join(root, "closed"), 0o755);
    }
  },
);

test("package caches that cannot be written are searched first, each kind in its order", async () => {
  const { root } = scratch();
  const dirs = ["own", "site", "second", "shared"].map((name) => join(root, name));
  const [own, site, second, shared] = dirs as [string, string, string, string];
  for (const path of dirs) mkdirSync(path);
  for (const path of [site, shared]) chmodSync(path, 0o555);
  const cache = new PackageCache(dirs, { events: () => {} });
  expect(await cache.searched()).toEqual([site, shared, own, second]);
  expect(await cache.writable([])).toBe(own);
  for (const path of [site, shared]) chmodSync(path, 0o755);
});
