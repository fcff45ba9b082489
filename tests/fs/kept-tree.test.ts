import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { forgetTree, isKept, keepTree, signOfLife } from "../../src/fs/kept-tree.ts";
import { type Restored, restoreTree } from "../../src/fs/restore-tree.ts";
import { snapshot } from "../support/extracted.ts";

function scratch(): { root: string; store: string; outside: string } {
  const base = mkdtempSync(join(tmpdir(), "taipan-kept-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, "root");
  mkdirSync(root);
  return { root, store: join(base, "store"), outside: base };
}

const restore = (root: string, store: string, skip: string[] = []): Restored | undefined =>
  restoreTree(root, store, { skip: new Set(skip) });

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test("what came goes, what went or changed is back, modes and links too", () => {
  const { root, store, outside } = scratch();
  write(root, "a/replaced", "one");
  write(root, "a/removed", "two");
  write(root, "a/written", "three");
  write(root, "b/c/d", "four");
  write(root, "b/moded", "five");
  write(root, "becomes-directory", "six");
  write(root, "mine/lock", "before");
  symlinkSync("a/removed", join(root, "link"));
  mkdirSync(join(root, "empty"));
  // Shared with something outside: kept by name.
  linkSync(join(root, "a/replaced"), join(outside, "other-name"));
  const before = snapshot(root, (path) => path === "mine/lock");
  keepTree(root, store, new Set(["mine/lock"]));
  write(root, "a/new", "x");
  write(root, "new/deep/file", "x");
  write(root, "a/.tmp", "other");
  renameSync(join(root, "a/.tmp"), join(root, "a/replaced"));
  rmSync(join(root, "a/removed"));
  write(root, "a/written", "longer than before");
  rmSync(join(root, "b/c"), { recursive: true });
  chmodSync(join(root, "b/moded"), 0o600);
  rmSync(join(root, "becomes-directory"));
  write(root, "becomes-directory/x", "x");
  rmSync(join(root, "link"));
  symlinkSync("/elsewhere", join(root, "link"));
  rmSync(join(root, "empty"), { recursive: true });
  write(root, "mine/lock", "after");
  expect(restore(root, store, ["mine/lock"])).toEqual({ changed: [], left: [] });
  expect(snapshot(root, (path) => path === "mine/lock")).toEqual(before);
  expect(readFileSync(join(root, "mine/lock"), "utf8")).toBe("after");
  expect(readFileSync(join(outside, "other-name"), "utf8")).toBe("one");
});

test("a shared file that was written to in place, renamed or replaced is the same file again", () => {
  const { root, store, outside } = scratch();
  for (const name of ["written", "replaced", "both"]) {
    write(root, name, `content of ${name}`);
    linkSync(join(root, name), join(outside, name));
  }
  const old = new Date(1_600_000_000_123);
  utimesSync(join(root, "written"), old, old);
  chmodSync(join(root, "written"), 0o444);
  keepTree(root, store, new Set());
  chmodSync(join(root, "written"), 0o644);
  appendFileSync(join(root, "written"), "!");
  rmSync(join(root, "replaced"));
  write(root, "replaced", "content of replacED");
  appendFileSync(join(root, "both"), "!");
  renameSync(join(root, "both"), join(root, "elsewhere"));
  expect(restore(root, store)).toEqual({ changed: [], left: [] });
  forgetTree(store);
  expect(readdirSync(root).sort()).toEqual(["both", "replaced", "written"]);
  for (const name of ["written", "replaced", "both"]) {
    expect(readFileSync(join(outside, name), "utf8")).toBe(`content of ${name}`);
    expect(lstatSync(join(root, name)).ino, name).toBe(lstatSync(join(outside, name)).ino);
  }
  const written = lstatSync(join(root, "written"));
  expect(written).toMatchObject({ mode: 0o100444, nlink: 2 });
  expect(written.mtimeMs).toBeCloseTo(old.getTime(), 1);
});

test("a large file that was written to in place is back under all its names", () => {
  const { root, store, outside } = scratch();
  const large = "x".repeat(1024 * 1024 + 1);
  write(root, "large", large);
  linkSync(join(root, "large"), join(outside, "large"));
  const { ino, mtimeMs } = statSync(join(root, "large"));
  keepTree(root, store, new Set());
  appendFileSync(join(root, "large"), "more");
  expect(restore(root, store)).toEqual({ changed: [], left: [] });
  expect(readFileSync(join(outside, "large"), "utf8") === large).toBe(true);
  const now = statSync(join(root, "large"));
  expect(now.ino).toBe(ino);
  expect(Math.abs(now.mtimeMs - mtimeMs)).toBeLessThan(0.01);
});

test("a copy that a power loss cut short does not replace what is there", () => {
  const { root, store } = scratch();
  const large = "x".repeat(1024 * 1024 + 1);
  write(root, "large", large);
  keepTree(root, store, new Set());
  truncateSync(join(store, "copies/0"), 0);
  appendFileSync(join(root, "large"), "more");
  expect(restore(root, store)?.changed).toEqual(["large"]);
  expect(readFileSync(join(root, "large"), "utf8") === `${large}more`).toBe(true);
});

test("a large file that there was no room to copy is named when it was written to in place", () => {
  const { root, store } = scratch();
  write(root, "large", "x".repeat(1024 * 1024 + 1));
  keepTree(root, store, new Set());
  const tree = JSON.parse(readFileSync(join(store, "tree.json"), "utf8"));
  delete tree.entries[0].copied;
  writeFileSync(join(store, "tree.json"), JSON.stringify(tree));
  appendFileSync(join(root, "large"), "more");
  expect(restore(root, store)?.changed).toEqual(["large"]);
});

test("after a death, what the user did since is left; what the dead did is not", async () => {
  const { root, store, outside } = scratch();
  for (const name of ["a", "b", "c", "d/e", "f"]) write(root, name, "old");
  linkSync(join(root, "c"), join(outside, "c"));
  keepTree(root, store, new Set());
  write(root, "a", "script");
  write(root, "new/by-script", "script");
  rmSync(join(root, "d"), { recursive: true });
  write(root, "d", "a file where a directory was");
  write(root, "by-script", "script");
  signOfLife(store);
  await sleep(60);
  write(root, "b", "user");
  appendFileSync(join(root, "c"), " and user");
  write(root, "new/by-user", "user");
  write(root, "by-user", "user");
  renameSync(join(root, "f"), join(root, "g"));
  const recover = () =>
    restoreTree(root, store, { skip: new Set(), afterDeath: { slackMs: 20, renamed: new Set(["g"]) } });
  const restored = recover();
  expect(restored?.changed).toEqual([]);
  expect(restored?.left.sort()).toEqual(["b", "by-user", "c", "new", "new/by-user"]);
  const texts = Object.fromEntries(
    ["a", "b", "c", "d/e", "f", "by-user", "new/by-user"].map((path) => [
      path,
      readFileSync(join(root, path), "utf8"),
    ]),
  );
  expect(texts).toEqual({
    a: "old",
    b: "user",
    c: "old and user",
    "d/e": "old",
    f: "old",
    "by-user": "user",
    "new/by-user": "user",
  });
  expect(readdirSync(root).sort()).toEqual(["a", "b", "by-user", "c", "d", "f", "new"]);
  // A restoration that is done again finds nothing to do.
  const before = snapshot(root);
  expect(recover()?.left.sort()).toEqual(["b", "by-user", "c", "new", "new/by-user"]);
  expect(snapshot(root)).toEqual(before);
});

test("a file whose bytes were being brought back when that was stopped is not the user's", async () => {
  const { root, store } = scratch();
  write(root, "a", "old content");
  keepTree(root, store, new Set());
  appendFileSync(join(root, "a"), "!");
  await sleep(60);
  const afterDeath = { slackMs: 20, renamed: new Set<string>() };
  write(root, "a", "old co");
  // Stopped before it said what it was about to write: then it was not written.
  writeFileSync(join(store, "rewriting"), "");
  expect(restoreTree(root, store, { skip: new Set(), afterDeath })?.left).toEqual(["a"]);
  writeFileSync(join(store, "rewriting"), "0");
  expect(restoreTree(root, store, { skip: new Set(), afterDeath })).toEqual({ changed: [], left: [] });
  expect(readFileSync(join(root, "a"), "utf8")).toBe("old content");
});

test("half of a kept tree is none", () => {
  const { root, store } = scratch();
  write(root, "a", "one");
  keepTree(root, store, new Set());
  expect(isKept(store)).toBe(true);
  rmSync(join(store, "tree.json"));
  expect(isKept(store)).toBe(false);
  write(root, "b", "two");
  expect(restore(root, store)).toBeUndefined();
  expect(readdirSync(root).sort()).toEqual(["a", "b"]);
});

// As is a file that another program removes between listing and looking.
test.runIf(process.platform === "linux")("what is listed and cannot be found is left alone", () => {
  const { root, store } = scratch();
  const undecodable = (directory: string): Buffer =>
    Buffer.concat([Buffer.from(`${directory}/name-`), Buffer.of(0xff)]);
  write(root, "d/file", "one");
  writeFileSync(undecodable(join(root, "d")), "theirs");
  keepTree(root, store, new Set());
  rmSync(join(root, "d/file"));
  write(root, "new/file", "x");
  writeFileSync(undecodable(join(root, "new")), "theirs");
  expect(restore(root, store)).toEqual({ changed: [], left: ["new"] });
  expect(readFileSync(join(root, "d/file"), "utf8")).toBe("one");
  for (const directory of ["d", "new"])
    expect(readFileSync(undecodable(join(root, directory)), "utf8")).toBe("theirs");
  expect(existsSync(join(root, "new/file"))).toBe(false);
});

test("a file that could not be kept and is gone is named", () => {
  const { root, store } = scratch();
  write(root, "a", "one");
  write(root, "b", "two");
  keepTree(root, store, new Set());
  const tree = JSON.parse(readFileSync(join(store, "tree.json"), "utf8"));
  for (const entry of tree.entries)
    if (entry.path === "a") for (const key of ["named", "offset", "copied"]) delete entry[key];
  write(store, "tree.json", JSON.stringify(tree));
  for (const path of ["a", "b"]) rmSync(join(root, path));
  expect(restore(root, store)).toEqual({ changed: ["a"], left: [] });
  expect(readdirSync(root)).toEqual(["b"]);
});

// What is kept lies in the environment: a package may have brought it.
test.each([
  ["a path that leaves the tree", [{ path: "../x", kind: "file", offset: 0, size: 1 }]],
  ["an absolute path", [{ path: "/tmp/x", kind: "file", offset: 0, size: 1 }]],
  [
    "a path through a link",
    [
      { path: "l", kind: "symlink", target: "/tmp" },
      { path: "l/x", kind: "file", offset: 0, size: 1 },
    ],
  ],
  ["a text that is no tree", "x"],
])("%s is refused", (_, entries) => {
  const { root, store } = scratch();
  write(root, "a", "one");
  keepTree(root, store, new Set());
  write(store, "tree.json", JSON.stringify({ version: 1, entries }));
  expect(() => restore(root, store)).toThrow(expect.objectContaining({ code: "environment-corrupt" }));
  expect(readdirSync(root)).toEqual(["a"]);
});

test("a symlink that a script put in a directory's place is not followed", () => {
  const { root, store, outside } = scratch();
  write(root, "d/file", "one");
  write(outside, "precious/file", "precious");
  keepTree(root, store, new Set());
  rmSync(join(root, "d"), { recursive: true });
  symlinkSync(join(outside, "precious"), join(root, "d"));
  restore(root, store);
  expect(readFileSync(join(root, "d/file"), "utf8")).toBe("one");
  expect(readFileSync(join(outside, "precious/file"), "utf8")).toBe("precious");
});

test("whatever is done to a tree, it is as it was", () => {
  const path = fc.constantFrom("a", "a/b", "a/b/c", "d", "d/e", "f");
  const action = fc.record({ kind: fc.constantFrom("write", "remove", "link", "chmod"), path });
  const run = (root: string, { kind, path }: { kind: string; path: string }): void => {
    const full = join(root, path);
    try {
      if (kind === "write") write(root, path, `${kind}${Math.random()}`);
      else if (kind === "remove") rmSync(full, { recursive: true, force: true });
      else if (kind === "link") symlinkSync("a", full);
      else chmodSync(full, 0o700);
    } catch {
      // Not possible at this point: another random action.
    }
  };
  fc.assert(
    fc.property(fc.array(action, { maxLength: 8 }), fc.array(action, { maxLength: 8 }), (first, then) => {
      const { root, store } = scratch();
      for (const one of first) run(root, one);
      const before = snapshot(root);
      keepTree(root, store, new Set());
      for (const one of then) run(root, one);
      expect(restore(root, store)).toEqual({ changed: [], left: [] });
      expect(snapshot(root)).toEqual(before);
    }),
  );
});
