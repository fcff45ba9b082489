import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isActive } from "../../src/commands/environments.ts";
import { listEnvironments, resolveTarget, type TargetOptions } from "../../src/commands/target.ts";

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

it("an environment that links lead to is listed once, by the path that has a name, and is active by any of them", async () => {
  const [rootPrefix, data, envs, linked] = ["base", "data", "envs", "linked"].map((name) =>
    join(dir, name),
  ) as [string, string, string, string];
  mkdirSync(join(data, "sci", "conda-meta"), { recursive: true });
  mkdirSync(envs);
  symlinkSync(join(data, "sci"), join(envs, "named"), "dir");
  symlinkSync(envs, linked, "dir");
  const registered = [join(data, "sci"), join(linked, "named")];
  expect(await listEnvironments(registered, { rootPrefix, envsDirs: [envs, linked] })).toEqual([
    join(envs, "named"),
  ]);
  for (const active of [...registered, join(envs, "named")])
    expect(isActive(join(envs, "named"), { CONDA_PREFIX: active })).toBe(true);
  expect(isActive(join(envs, "named"), { CONDA_PREFIX: data })).toBe(false);
  expect(isActive(join(envs, "named"), {})).toBe(false);
});
