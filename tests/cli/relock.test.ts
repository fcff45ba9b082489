import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

const noarch = (name: string, version: string, depends: string[] = [], constrains: string[] = []) =>
  buildPackage({ name, version, noarch: "generic", depends, extraIndex: { constrains }, files: [] });

/** `app` and `tool` are asked for; `lib` and `base` come with them. */
const before = () =>
  Promise.all([
    noarch("app", "1.0", ["lib"]),
    noarch("tool", "1.0", ["base"], ["lib <3"]),
    noarch("lib", "1.0", ["base"]),
    noarch("base", "1.0"),
  ]);

/** All have newer versions; what `tool` constrains does not go with the newest `lib`, the newest `app` needs a newer `base`. */
const after = async () => [
  ...(await before()),
  ...(await Promise.all([
    noarch("app", "2.0", ["lib", "base >=2"]),
    noarch("tool", "2.0", ["base"]),
    noarch("lib", "2.0", ["base"]),
    noarch("lib", "3.0", ["base"]),
    noarch("base", "2.0"),
  ])),
];

const PLATFORMS = ["linux-64", "osx-arm64"];

describe("lock --update", () => {
  let sandbox: Sandbox;
  const path = (name: string) => join(sandbox.dir, name);
  const versions = (file: string): Record<string, string[]> => {
    const found: Record<string, string[]> = {};
    for (const entry of parse(readFileSync(path(file), "utf8")).package as Record<string, string>[])
      found[entry.platform!] = [...(found[entry.platform!] ?? []), `${entry.name} ${entry.version}`];
    return found;
  };
  const lockBefore = async (file: string) => {
    await writeChannel(path("channel"), await before());
    const platforms = PLATFORMS.flatMap((platform) => ["--platform", platform]);
    const made = await sandbox.taipan("lock", "-f", "environment.yml", ...platforms, "-o", file);
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("linux-64: 4 packages")]);
    await writeChannel(path("channel"), await after());
  };
  const update = (file: string, ...names: string[]) =>
    sandbox.taipan(
      "lock",
      "-f",
      "environment.yml",
      "-o",
      file,
      ...names.flatMap((name) => ["--update", name]),
    );

  beforeAll(() => {
    sandbox = createSandbox();
    writeFileSync(
      path("environment.yml"),
      `channels: [file://${path("channel")}, nodefaults]\ndependencies: [app, tool]\n`,
    );
  });

  afterAll(() => sandbox.close());

  it("locks what is named anew, for all platforms of the file, within what the kept packages constrain", async () => {
    await lockBefore("conda-lock.yml");
    expect((await update("conda-lock.yml", "lib")).code).toBe(0);
    const expected = ["app 1.0", "base 1.0", "lib 2.0", "tool 1.0"];
    const found = versions("conda-lock.yml");
    expect(Object.keys(found).sort()).toEqual(PLATFORMS);
    for (const platform of PLATFORMS) expect([...found[platform]!].sort()).toEqual(expected);
  });

  it("moves what the new version needs, and nothing else", async () => {
    await lockBefore("conda-lock.yml");
    await update("conda-lock.yml", "app");
    expect([...versions("conda-lock.yml")["linux-64"]!].sort()).toEqual([
      "app 2.0",
      "base 2.0",
      "lib 1.0",
      "tool 1.0",
    ]);
  });

  it("writes a pixi.lock that differs in the renewed package only", async () => {
    await lockBefore("pixi.lock");
    const old = readFileSync(path("pixi.lock"), "utf8").split("\n");
    await update("pixi.lock", "tool");
    const added = readFileSync(path("pixi.lock"), "utf8")
      .split("\n")
      .filter((line) => !old.includes(line));
    expect(added.filter((line) => /\.(conda|tar\.bz2)$/.test(line)).join("\n")).toMatch(/tool-2\.0/);
    expect(added.join("\n")).not.toMatch(/(app|lib|base)-/);
  });

  it("drops what the environment file no longer asks for, and adds what it newly does", async () => {
    await lockBefore("conda-lock.yml");
    writeFileSync(
      path("less.yml"),
      `channels: [file://${path("channel")}, nodefaults]\ndependencies: [tool]\n`,
    );
    const result = await sandbox.taipan(
      "lock",
      "-f",
      "less.yml",
      "-o",
      "conda-lock.yml",
      "--update",
      "base",
      "--platform",
      "win-64",
    );
    expect(result.code).toBe(0);
    const found = versions("conda-lock.yml");
    expect([...found["linux-64"]!].sort()).toEqual(["base 2.0", "tool 1.0"]);
    expect([...found["win-64"]!].sort()).toEqual(["base 2.0", "tool 2.0"]);
  });

  it("says what it cannot update", async () => {
    await lockBefore("conda-lock.yml");
    const missing = await update("nowhere.yml", "lib");
    expect([missing.code, missing.stderr]).toEqual([
      2,
      expect.stringContaining("no lock file `nowhere.yml`"),
    ]);
    const misspelt = await update("conda-lock.yml", "tol");
    expect(misspelt.code).not.toBe(0);
    expect(misspelt.stderr).toContain("did you mean `tool`?");
    const explicit = await update("list.txt", "lib");
    expect([explicit.code, explicit.stderr]).toEqual([2, expect.stringContaining("not for explicit")]);
    const text = readFileSync(path("conda-lock.yml"), "utf8");
    writeFileSync(path("conda-lock.yml"), text.replace("category: main", "category: dev"));
    const parts = await update("conda-lock.yml", "lib");
    expect([parts.code, parts.stderr]).toEqual([2, expect.stringContaining("it has categories")]);
  });
});
