import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { keepTree } from "../../src/fs/kept-tree.ts";
import { snapshot } from "../support/extracted.ts";

function scratch(): { root: string; store: string; outside: string } {
  const base = mkdtempSync(join(tmpdir(), "taipan-kept-"));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, "root");
  mkdirSync(root);
  return { root, store: join(base, "store"), outside: base };
}

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
  const kept = keepTree(root, store, new Set(["mine/lock"]));
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
  expect(kept.restore()).toEqual([]);
  expect(snapshot(root, (path) => path === "mine/lock")).toEqual(before);
  expect(readFileSync(join(root, "mine/lock"), "utf8")).toBe("after");
  expect(readFileSync(join(outside, "other-name"), "utf8")).toBe("one");
});

test("a shared file that was written to in place is named, not hidden", () => {
  const { root, store, outside } = scratch();
  write(root, "shared", "one");
  linkSync(join(root, "shared"), join(outside, "other-name"));
  const kept = keepTree(root, store, new Set());
  write(root, "shared", "changed");
  expect(kept.restore()).toEqual(["shared"]);
});

test("a symlink that a script put in a directory's place is not followed", () => {
  const { root, store, outside } = scratch();
  write(root, "d/file", "one");
  write(outside, "precious/file", "precious");
  const kept = keepTree(root, store, new Set());
  rmSync(join(root, "d"), { recursive: true });
  symlinkSync(join(outside, "precious"), join(root, "d"));
  kept.restore();
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
      const kept = keepTree(root, store, new Set());
      for (const one of then) run(root, one);
      expect(kept.restore()).toEqual([]);
      expect(snapshot(root)).toEqual(before);
    }),
  );
});
