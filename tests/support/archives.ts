import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { PackageSpec } from "../../fixtures/index.ts";
import { createExtractor } from "../../src/archive/extract.ts";

// 29,000 small files: in memory where there is such a file system, since a slow disk makes this the slowest test of all.
const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "taipan-archive-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

/** A path where there is nothing yet, which goes with all below it when the file of tests ends. */
export const fresh = (): string => join(root, String(count++));

/** Every member of a tree: mode and hash, or link target. */
export function tree(directory: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(directory, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    const full = join(directory, path);
    const stat = lstatSync(full);
    if (stat.isSymbolicLink()) found[path] = `-> ${readlinkSync(full)}`;
    else if (stat.isDirectory()) Object.assign(found, tree(directory, path));
    else found[path] = createHash("sha256").update(readFileSync(full)).digest("hex").slice(0, 16);
  }
  return found;
}

/** Where it extracted the archive to, which it was given in pieces of so many bytes. */
export async function extract(
  bytes: Uint8Array,
  kind: "conda" | "tar.bz2",
  piece = bytes.length,
): Promise<string> {
  const destination = fresh();
  const extractor = await createExtractor({ kind, destination });
  for (let at = 0; at < bytes.length; at += piece) await extractor.write(bytes.slice(at, at + piece));
  await extractor.end();
  return destination;
}

export const PLACEHOLDER = "/opt/build_env_placehold_placehold";
/** A package with something of every kind. */
export const DEMO: PackageSpec = {
  name: "demo",
  version: "1.2",
  noarch: "python",
  depends: ["python >=3.9"],
  prefixPlaceholder: PLACEHOLDER,
  entryPoints: ["demo = demo.cli:main"],
  timestamp: 1_700_000_000_000,
  extraIndex: { license: "BSD-3-Clause" },
  files: {
    "site-packages/demo/__init__.py": "",
    "site-packages/demo/cli.py": "def main(): pass\n",
    "python-scripts/demo-tool": { content: `#!${PLACEHOLDER}/bin/python\n`, mode: 0o755 },
    "lib/binary": { content: Buffer.from(`\0${PLACEHOLDER}\0tail`) },
    "lib/link": { symlink: "binary" },
    "lib/dangling": { symlink: "nowhere" },
    [`share/${"long-directory-name/".repeat(8)}file`]: "deep",
    "share/caf\u00e9 au lait": "non-ASCII",
  },
};
