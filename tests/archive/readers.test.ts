import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildPackage } from "../../fixtures/index.ts";
import { extractFile } from "../../src/archive/extract.ts";
import { readInfo } from "../../src/archive/info.ts";
import { createCondaArchive, createTarBz2Archive } from "../../src/archive/write.ts";
import { decompress } from "../../src/archive/zstd.ts";
import { DEMO, extract, fresh, tree } from "../support/archives.ts";
import { sharedPath } from "../support/shared.ts";

const PYTHON = `
import bz2, hashlib, io, os, sys, tarfile, zipfile
def read(path):
    if path.endswith(".tar.bz2"): return [tarfile.open(fileobj=io.BytesIO(bz2.decompress(open(path, "rb").read())))]
    return [tarfile.open(fileobj=io.BytesIO(open(p, "rb").read())) for p in sys.argv[2:]]
found = {}
for tar in read(sys.argv[1]):
    for m in tar:
        name = os.path.normpath(m.name)
        if m.issym(): found[name] = "-> " + m.linkname
        elif m.isfile() or m.islnk(): found[name] = hashlib.sha256(tar.extractfile(m).read()).hexdigest()[:16]
for name in sorted(found): print(name + "\\t" + found[name])
`;

/** What python3's tarfile and bz2 read from an archive, or undefined without python3. */
async function pythonTree(
  path: string,
  kind: "conda" | "tar.bz2",
): Promise<Record<string, string> | undefined> {
  const parts: string[] = [];
  if (kind === "conda") {
    const list = execFileSync("python3", [
      "-c",
      `import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nfor n in z.namelist():\n  if n.endswith(".tar.zst"): z.extract(n, sys.argv[2]); print(n)`,
      path,
      `${path}.d`,
    ]);
    for (const name of list.toString().trim().split("\n")) {
      const tar = join(`${path}.d`, name.replace(/\.zst$/, ""));
      writeFileSync(tar, await decompress(readFileSync(join(`${path}.d`, name))));
      parts.push(tar);
    }
  }
  const text = execFileSync("python3", ["-c", PYTHON, path, ...parts], {
    env: { ...process.env, PYTHONIOENCODING: "utf-8" },
  });
  return Object.fromEntries(
    text
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split("\t") as [string, string]),
  );
}

function hasPython(): boolean {
  try {
    execFileSync("python3", ["--version"]);
    return true;
  } catch {
    process.stderr.write("skipped: no python3\n");
    return false;
  }
}

test("python3 reads the same from our archives as we do", async () => {
  if (!hasPython()) return;
  for (const kind of ["conda", "tar.bz2"] as const) {
    const built = await buildPackage({ ...DEMO, format: kind });
    const path = `${fresh()}-${built.fn}`;
    writeFileSync(path, built.bytes);
    expect(await pythonTree(path, kind)).toEqual(tree(await extract(built.bytes, kind)));
  }
  const plain = { path: "f", content: "x" };
  expect((await createCondaArchive({ dist: "a-1-0", info: [plain], pkg: [] })).length).toBeGreaterThan(100);
  expect((await createTarBz2Archive([plain])).length).toBeGreaterThan(20);
});

describe("real packages", () => {
  const corpus = sharedPath("data", "packages");
  interface Item {
    path: string;
    format: ".conda" | ".tar.bz2";
    name: string;
    version: string;
    build: string;
    n_paths?: number;
    features: string[];
  }
  const index = corpus ? (JSON.parse(readFileSync(join(corpus, "INDEX.json"), "utf8")) as Item[]) : [];

  test.skipIf(!corpus)("every one extracts, or is refused for a reason that its index names", async () => {
    const extracted = fresh();
    for (const [i, item] of index.entries()) {
      const destination = join(extracted, String(i));
      const unreadable = item.features.find((feature) => feature.startsWith("UNREADABLE"));
      const result = await extractFile(join(corpus!, item.path), destination).catch(
        (error: unknown) => error,
      );
      if (unreadable) {
        const reason = unreadable.includes("BadZipFile") ? /^invalid \.conda archive/ : /^invalid bzip2 data/;
        expect(result, item.path).toMatchObject({
          code: "archive-invalid",
          message: expect.stringMatching(reason),
        });
        continue;
      }
      expect(result, item.path).toMatchObject({ externalLinks: [] });
      if (item.features.includes("no-index.json")) {
        await expect(readInfo(destination), item.path).rejects.toMatchObject({
          code: "archive-invalid",
          message: expect.stringContaining("info/index.json"),
        });
      } else {
        const info = await readInfo(destination);
        expect(info.index, item.path).toMatchObject({
          name: item.name,
          version: item.version,
          build: item.build,
        });
        // The index counts nothing where an old package has info/files only.
        if (item.n_paths) expect(info.paths.length, item.path).toBe(item.n_paths);
      }
      rmSync(destination, { recursive: true });
    }
    expect(index.length).toBeGreaterThan(600);
  });

  test.skipIf(!corpus)("python3 reads the same from a sample of them", async () => {
    if (!hasPython()) return;
    const odd = index.filter((item) =>
      item.features.some((feature) =>
        /^(tar-hardlink|dot-slash-paths|symlink-chain|path>100|non-ascii-path)$/.test(feature),
      ),
    );
    for (const item of odd.filter((_, i) => i % 3 === 0)) {
      const copy = `${fresh()}${item.format}`;
      writeFileSync(copy, readFileSync(join(corpus!, item.path)));
      const destination = fresh();
      await extractFile(copy, destination);
      expect(tree(destination), item.path).toEqual(
        await pythonTree(copy, item.format === ".conda" ? "conda" : "tar.bz2"),
      );
    }
    expect(odd.length).toBeGreaterThan(5);
  });
});
