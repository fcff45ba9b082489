import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { resolveTarget, type TargetOptions } from "../../src/commands/target.ts";

const dir = mkdtempSync(join(tmpdir(), "taipan-target-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("which environment -n and -p mean", () => {
  const [rootPrefix, first, second] = ["root", "first", "second"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(join(second, "there", "conda-meta"), { recursive: true });
  mkdirSync(first);
  const context = {
    rootPrefix,
    envsDirs: [first, second],
    activePrefix: "/active",
    cwd: "/there",
    home: "/home/me",
  };
  const target = (options: TargetOptions) => resolveTarget(options, context);

  it.each<[TargetOptions, string]>([
    [{ name: "base" }, rootPrefix],
    [{ name: "root" }, rootPrefix],
    [{ name: "new" }, join(first, "new")],
    [{ name: "there" }, join(second, "there")],
    [{ prefix: "~/env" }, "/home/me/env"],
    [{ prefix: "~" }, "/home/me"],
    [{ prefix: "./env" }, "/there/env"],
    [{ prefix: "/env/../x" }, "/x"],
    [{}, "/active"],
  ])("%j", async (options, expected) => {
    expect(await target(options)).toBe(expected);
  });

  it.each<[TargetOptions]>([
    [{ name: "a", prefix: "/b" }],
    [{ name: "" }],
    [{ name: ".." }],
    [{ name: "../a" }],
    [{ name: "a b" }],
    [{ prefix: " " }],
    [{ prefix: "a\0b" }],
  ])("%j is refused", async (options) => {
    await expect(target(options)).rejects.toMatchObject({ code: "usage" });
  });
});
