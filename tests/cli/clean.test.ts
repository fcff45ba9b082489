import { existsSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

let sandbox: Sandbox;
const pkgs = () => join(sandbox.root, "pkgs");
const clean = (...args: string[]) => sandbox.taipan("clean", ...args);

beforeAll(async () => {
  sandbox = createSandbox();
  const packages = ["used", "old", "new"].map((name) =>
    buildPackage({ name, version: "1.0", noarch: "generic", files: { [`share/${name}`]: name } }),
  );
  const channel = join(sandbox.dir, "channel");
  await writeChannel(channel, await Promise.all(packages));
  const from = ["--override-channels", "-c", `file://${channel}`, "-y"];
  await sandbox.taipan("create", "-n", "a", ...from, "used");
  const made = await sandbox.taipan("create", "-n", "b", ...from, "--download-only", "old", "new");
  expect(made.code, made.stderr).toBe(0);
  const hundredDaysAgo = Date.now() / 1000 - 100 * 24 * 3600;
  for (const name of readdirSync(pkgs()).filter((name) => /^(used|old)-/.test(name)))
    for (const path of [name, join(name, "info", "repodata_record.json")])
      if (existsSync(join(pkgs(), path))) utimesSync(join(pkgs(), path), hundredDaysAgo, hundredDaysAgo);
});
afterAll(() => sandbox.close());

interface Document {
  packages: { pkgs_dirs: Record<string, string[]> };
  tarballs: { pkgs_dirs: Record<string, string[]> };
  remaining_size: number;
}

it("shows what is too old, or too much, and removes nothing in a dry run", async () => {
  const old = (await clean("--older-than", "30d", "--dry-run", "--json")).json<Document>();
  expect(old.packages.pkgs_dirs[pkgs()]).toEqual(["old-1.0-0"]);
  expect(Object.keys(old)).not.toContain("index_cache");
  const text = (await clean("--older-than", "30d", "--packages", "--dry-run")).stdout;
  expect(text).toMatch(/1 unused package\n.* in all\n.* of archives and packages stay\n/);
  const much = (await clean("--max-size", "0", "--packages", "--dry-run", "--json")).json<Document>();
  expect(much.packages.pkgs_dirs[pkgs()]!.sort()).toEqual(["new-1.0-0", "old-1.0-0"]);
  expect(much.remaining_size).toBeGreaterThan(0);
  expect((await clean("--max-size", "1Ti", "--yes")).stdout).toContain("There is nothing to remove.");
  expect(existsSync(join(pkgs(), "old-1.0-0"))).toBe(true);
});

it("removes the old, and the environment stays whole", async () => {
  expect((await clean("--older-than", "30d", "--yes")).code).toBe(0);
  const left = readdirSync(pkgs()).filter((name) => /^(used|old|new)-1.0-0$/.test(name));
  expect(left.sort()).toEqual(["new-1.0-0", "used-1.0-0"]);
  expect((await sandbox.taipan("verify", "-n", "a")).code).toBe(0);
});

it.each([
  [["--older-than", "30"], "--older-than takes an age with a unit, or a date in the past, not `30`"],
  [["--older-than", "2999-01-01"], "--older-than takes an age with a unit, or a date in the past"],
  [["--older-than", "soon"], "`soon` is neither a date nor an age"],
  [["--max-size", "5"], "--max-size takes a size with a unit, not `5`"],
  [["--max-size", "-5G"], "--max-size"],
  [["--max-size", "5 bananas"], "--max-size takes a size with a unit, not `5 bananas`"],
  [["--max-size", "5G", "--force-pkgs-dirs"], "--force-pkgs-dirs removes whole package caches"],
])("%j is refused", async (args, sentence) => {
  const result = await clean(...args, "--yes");
  expect([result.code, result.stderr]).toEqual([2, expect.stringContaining(sentence)]);
  expect(existsSync(join(pkgs(), "new-1.0-0"))).toBe(true);
});
