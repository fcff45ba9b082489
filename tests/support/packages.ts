import { createHash } from "node:crypto";
import { buildPackage } from "../../fixtures/index.ts";
import type { RepoDataRecord } from "../../src/specs/records.ts";

export interface ServedPackage {
  record: RepoDataRecord;
  bytes: Uint8Array;
  /** Path on the server, `/noarch/<fn>`. */
  path: string;
}

/** Deterministic bytes that do not compress, so that archives have about the size asked for. */
export function noise(seed: string, size: number): Uint8Array {
  const out = Buffer.alloc(size);
  let block = createHash("sha256").update(seed).digest();
  for (let at = 0; at < size; at += 32) {
    block.copy(out, at);
    block = createHash("sha256").update(block).digest();
  }
  return out;
}

/** Small real packages of both formats, of 2 to about 300 kB, or of up to 300 steps. */
export async function somePackages(count: number, base: string, step = 1000): Promise<ServedPackage[]> {
  const packages: ServedPackage[] = [];
  for (let i = 0; i < count; i++) {
    const built = await buildPackage({
      name: `pkg-${i}`,
      version: `1.${i}`,
      build: "0",
      subdir: "noarch",
      noarch: "generic",
      files: [
        { path: `share/pkg-${i}/small.txt`, content: `hello from ${i}\n` },
        { path: `share/pkg-${i}/data.bin`, content: noise(`pkg-${i}`, 2000 + ((i * 7919) % 300) * step) },
        { path: `share/pkg-${i}/link`, symlink: "small.txt" },
      ],
      format: i % 3 === 2 ? "tar.bz2" : "conda",
    });
    packages.push(served(built, base));
  }
  return packages;
}

export function served(built: Awaited<ReturnType<typeof buildPackage>>, base: string): ServedPackage {
  const { subdir } = built.record;
  const record = {
    ...built.record,
    fn: built.fn,
    url: `${base}/${subdir}/${built.fn}`,
    channel: base,
  } as RepoDataRecord;
  return { record, bytes: built.bytes, path: `/${subdir}/${built.fn}` };
}
