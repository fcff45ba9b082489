import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  readEnvironmentsTxt,
  registerEnvironment,
  unregisterEnvironment,
} from "../../src/prefix/environments-txt.ts";

function file(): string {
  const directory = mkdtempSync(join(tmpdir(), "taipan-registered-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, ".conda", "environments.txt");
}

test("environments are registered once, behind a line of others that has no end, and go again", async () => {
  const path = file();
  for (const prefix of ["/a", "/b", "/a"]) await registerEnvironment(path, prefix);
  expect(readFileSync(path, "utf8")).toBe("/a\n/b\n");
  writeFileSync(path, "# ours\r\n/a\r\n/b");
  await registerEnvironment(path, "/c");
  expect(await readEnvironmentsTxt(path)).toEqual(["/a", "/b", "/c"]);
  await unregisterEnvironment(path, "/b");
  expect(await readEnvironmentsTxt(path)).toEqual(["/a", "/c"]);
});

test("of many that are registered at once none is lost", async () => {
  const path = file();
  const prefixes = Array.from({ length: 40 }, (_, i) => `/envs/${i}`);
  await Promise.all(prefixes.map((prefix) => registerEnvironment(path, prefix)));
  expect((await readEnvironmentsTxt(path)).sort()).toEqual([...prefixes].sort());
});

test("a file that cannot be written, and a path of several lines, is no failure", async () => {
  const path = file();
  expect(await registerEnvironment(path, "/a\n/b")).toBe(false);
  expect(await unregisterEnvironment(path, "/a")).toBe(true);
  expect(existsSync(path)).toBe(false);
  writeFileSync(join(path, "../../blocked"), "");
  expect(await registerEnvironment(join(path, "../../blocked/environments.txt"), "/a")).toBe(false);
});
