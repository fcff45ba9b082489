import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makePrivateDir } from "../../src/fs/cache-files.ts";
import { ensureCacheDir, ensureSharedDir } from "../../src/fs/files.ts";

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

it.skipIf(process.platform === "win32")(
  "a directory below one of a group is the group's, too, and one below a user's own is not",
  async () => {
    const modeOf = (path: string): number => statSync(path).mode & 0o7777;
    for (const [name, mode, below] of [
      ["group", 0o2775, 0o2775],
      ["own", 0o755, 0o755],
    ] as const) {
      const parent = join(sandbox, name);
      mkdirSync(parent);
      chmodSync(parent, mode);
      await ensureSharedDir(join(parent, "deep", "cache"));
      expect([modeOf(join(parent, "deep")), modeOf(join(parent, "deep", "cache"))]).toEqual([below, below]);
      const there = join(parent, "there");
      mkdirSync(there);
      chmodSync(there, 0o700);
      await ensureSharedDir(there);
      expect(modeOf(there)).toBe(0o700);
    }
  },
);

it.skipIf(process.platform === "win32")(
  "a directory for what is not verified yet is its owner's alone, in a group's cache too",
  async () => {
    const group = join(sandbox, "group-of-some");
    mkdirSync(group);
    chmodSync(group, 0o2777);
    const path = join(group, ".private");
    await makePrivateDir(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await expect(makePrivateDir(path)).rejects.toMatchObject({ code: "io-error" });
  },
);
