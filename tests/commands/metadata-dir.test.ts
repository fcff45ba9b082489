/** Where repodata is kept beside packages that several users share. What root would not meet: where this process is root's, it becomes nobody's. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { writableMetadataDir } from "../../src/commands/channels.ts";
import type { CommandContext } from "../../src/commands/context.ts";
import { createContext } from "../../src/commands/library.ts";

const NOBODY = 65_534;

beforeAll(() => {
  if (process.getuid?.() !== 0) return;
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
});

let shared: string;
let own: string;

const context = (...pkgsDirs: string[]): CommandContext =>
  createContext({ config: { pkgsDirs }, env: { HOME: tmpdir() }, cwd: tmpdir() });

beforeEach(() => {
  const base = mkdtempSync(join(tmpdir(), "taipan-metadata-"));
  shared = join(base, "shared");
  own = join(base, "own");
  mkdirSync(join(shared, "cache"), { recursive: true });
  // As another user's directory is for this one, who may add packages all the same.
  chmodSync(join(shared, "cache"), 0o555);
  onTestFinished(() => {
    chmodSync(join(shared, "cache"), 0o755);
    rmSync(base, { recursive: true });
  });
});

test.skipIf(process.platform === "win32")(
  "a package cache whose `cache` is another user's is passed over for repodata",
  async () => {
    expect(await writableMetadataDir(context(shared, own))).toBe(join(own, "cache"));
    expect(existsSync(join(own, "CACHEDIR.TAG"))).toBe(true);
  },
);

test.skipIf(process.platform === "win32")(
  "where no cache can be written, repodata lives as long as the command",
  async () => {
    const { resources, ...rest } = context(shared);
    const dir = await writableMetadataDir({ resources, ...rest });
    expect(await writableMetadataDir({ resources, ...rest })).toBe(dir);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    await resources.close();
    expect(existsSync(dir)).toBe(false);
  },
);
