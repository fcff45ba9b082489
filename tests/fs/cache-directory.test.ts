import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { ensureCacheDir } from "../../src/fs/files.ts";

const sandbox = mkdtempSync(join(tmpdir(), "taipan-cache-directory-"));
afterAll(() => rmSync(sandbox, { recursive: true }));

it("tags a directory that it makes, and no other", async () => {
  const made = join(sandbox, "new", "pkgs");
  await ensureCacheDir(made);
  // The first 43 bytes are what programs look at.
  expect(readFileSync(join(made, "CACHEDIR.TAG"), "latin1").slice(0, 43)).toBe(
    "Signature: 8a477f597d28d172789f06886806bc55",
  );
  expect(readdirSync(join(sandbox, "new"))).toEqual(["pkgs"]);

  const there = join(sandbox, "there");
  mkdirSync(there);
  await ensureCacheDir(there);
  expect(readdirSync(there)).toEqual([]);
});

it("a tag that was removed does not come back", async () => {
  const path = join(sandbox, "untagged");
  await ensureCacheDir(path);
  rmSync(join(path, "CACHEDIR.TAG"));
  await ensureCacheDir(path);
  expect(readdirSync(path)).toEqual([]);
});
