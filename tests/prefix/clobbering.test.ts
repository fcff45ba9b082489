import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import {
  envSiblings,
  makePackage,
  PLACEHOLDER,
  prefixText,
  recordIn,
  type Sandbox,
  sandbox,
  snapshot,
  withoutHistory,
} from "../support/extracted.ts";

describe("clobbering", () => {
  test("the loser's record tells the hash that its file has once it is linked, with the prefix in it", async () => {
    const box = sandbox();
    const file = { content: `a ${PLACEHOLDER}\n`, prefix: "text" } as const;
    const a = makePackage(box.pkgs, { name: "a", files: { "x.txt": file } });
    const b = makePackage(box.pkgs, { name: "b", files: { "x.txt": "b\n" } });
    await box.set([a]);
    const alone = snapshot(box.prefix, withoutHistory);
    await box.set([]);
    await box.set([a, b]);
    await box.set([a]);
    expect(snapshot(box.prefix, withoutHistory)).toEqual(alone);
  });
  test("byte code that a package brings stays when its source was shared with a package that goes", async () => {
    const box = sandbox();
    const source = "lib/mod.py";
    const code = "lib/__pycache__/mod.cpython-311.pyc";
    const a = makePackage(box.pkgs, { name: "a", files: { [source]: "a = 1\n", [code]: "code" } });
    const b = makePackage(box.pkgs, { name: "b", files: { [source]: "b = 1\n" } });
    await box.set([a]);
    const alone = snapshot(box.prefix, withoutHistory);
    await box.set([a, b]);
    await box.set([a]);
    expect(snapshot(box.prefix, withoutHistory)).toEqual(alone);
    // Byte code that only the interpreter made goes with its source.
    writeFileSync(join(box.prefix, "lib/__pycache__/mod.cpython-312.pyc"), "made");
    await box.set([]);
    expect(existsSync(join(box.prefix, "lib"))).toBe(false);
  });
  const two = (box: Sandbox) =>
    [
      makePackage(box.pkgs, { name: "clobber-1", files: { "clobber.txt": "clobber-1\n", "own-1": "1" } }),
      makePackage(box.pkgs, { name: "clobber-2", files: { "clobber.txt": "clobber-2\n" } }),
    ] as const;
  test("the last linked wins, and the loser's file is back when the winner goes (CEP 32)", async () => {
    const box = sandbox();
    const [one, other] = two(box);
    await box.set([one, other]);
    expect(prefixText(box, "clobber.txt")).toBe("clobber-2\n");
    expect(recordIn(box, "clobber-1-1.0-0").files).toContain("clobber.txt");
    expect(box.events.filter((event) => event.type === "warning")).toHaveLength(1);
    await box.set([one]);
    expect(prefixText(box, "clobber.txt")).toBe("clobber-1\n");
    await box.set([]);
    expect(existsSync(join(box.prefix, "clobber.txt"))).toBe(false);
  });
  test("of three packages, what stays is what linking those that stay would make (CEP 32)", async () => {
    const box = sandbox();
    // Names in another order than they are linked in: the order is the solution's.
    const [first, second, third] = ["z", "m", "a"].map((name) =>
      makePackage(box.pkgs, { name, files: { "lib/shared.txt": name, [`lib/${name}`]: name } }),
    ) as [PackageCacheRecord, PackageCacheRecord, PackageCacheRecord];
    const shared = (): string => prefixText(box, "lib/shared.txt");
    await box.set([first, second, third]);
    expect(shared()).toBe("a");
    await box.set([first, second]);
    expect(shared()).toBe("m");
    await box.set([first]);
    expect(shared()).toBe("z");
    await box.set([first, second, third]);
    await box.set([first, third]);
    expect(shared()).toBe("a");
    await box.set([second, third]);
    await box.set([]);
    expect(existsSync(join(box.prefix, "lib"))).toBe(false);
  });
  test("removing the loser keeps the winner's file", async () => {
    const box = sandbox();
    const [one, other] = two(box);
    await box.set([one]);
    await box.set([one, other]);
    expect(prefixText(box, "clobber.txt")).toBe("clobber-2\n");
    await box.set([other]);
    expect(prefixText(box, "clobber.txt")).toBe("clobber-2\n");
  });
  test("prevent refuses before anything is touched", async () => {
    const box = sandbox();
    await expect(box.set([...two(box)], { pathConflict: "prevent" })).rejects.toMatchObject({
      code: "clobber",
    });
    expect(existsSync(box.prefix)).toBe(false);
    expect(envSiblings(box)).toEqual([]);
  });
  test("warn names every path, clobber the first and how many more", async () => {
    const files = { "lib/x": "x", "lib/y": "y" };
    for (const [pathConflict, messages] of [
      [
        "warn",
        [/^`lib\/x` is in `one-1.0-0` and `two-1.0-0`; the file of `two-1.0-0` is used$/, /^`lib\/y` is in/],
      ],
      ["clobber", [/^`lib\/x` is in .* is used, and 1 more paths are in several packages$/]],
    ] as const) {
      const box = sandbox();
      const both = ["one", "two"].map((name) => makePackage(box.pkgs, { name, files }));
      await box.set(both, { pathConflict });
      expect(box.events.flatMap((event) => (event.type === "warning" ? [event.message] : []))).toEqual(
        messages.map((message) => expect.stringMatching(message)),
      );
    }
  });
  test("files that belong to nobody are replaced with a warning, or refused with prevent", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "packaged" } });
    await box.set([]);
    mkdirSync(join(box.prefix, "lib"));
    writeFileSync(join(box.prefix, "lib/a"), "mine");
    const before = snapshot(box.prefix);
    await expect(box.set([a], { pathConflict: "prevent" })).rejects.toMatchObject({ code: "clobber" });
    expect(snapshot(box.prefix)).toEqual(before);
    await box.set([a]);
    expect(prefixText(box, "lib/a")).toBe("packaged");
  });
});
