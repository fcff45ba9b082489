import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PrefixRecord } from "../../src/specs/records.ts";
import { makePackage, PLACEHOLDER, pythonPackage, sandbox, systemPython } from "../support/extracted.ts";
import { repoRoot } from "../support/shared.ts";

/** The virtual environment that the benchmarks make for peers (`npm run bench`). */
const venv = join(repoRoot, ".bench", "venv", "bin", "python");
const has = (module: string): boolean =>
  existsSync(venv) && spawnSync(venv, ["-c", `import ${module}`], { stdio: "ignore" }).status === 0;
const python = systemPython();
const missing = (name: string): boolean => {
  if (python && has(name)) return false;
  process.stderr.write(`skipped: no ${name} in .bench/venv\n`);
  return true;
};

/** One package of every kind: programs and data with placeholders, links, entry points, byte code, requests. */
async function environment(): Promise<string> {
  const box = sandbox();
  const packages = [
    pythonPackage(box.pkgs, python!),
    makePackage(box.pkgs, {
      name: "tool",
      files: {
        "bin/tool": { content: `#!${PLACEHOLDER}/bin/sh\n`, mode: 0o755, prefix: "text" },
        "lib/blob": { content: `\0${PLACEHOLDER}/lib\0`, prefix: "binary" },
        "lib/link": { link: "blob" },
      },
    }),
    makePackage(box.pkgs, {
      name: "pure",
      noarch: "python",
      depends: ["python"],
      entryPoints: ["pure = pure:main"],
      files: { "site-packages/pure/__init__.py": "def main(): pass\n" },
    }),
  ];
  await box.set(packages, { requested: { pure: ["pure >=1"] } });
  return box.prefix;
}

test.skipIf(missing("rattler"))("py-rattler reads every record", async () => {
  const prefix = await environment();
  const script = `
import glob, json, sys, rattler
for f in glob.glob(sys.argv[1] + '/conda-meta/*.json'):
    r, raw = rattler.PrefixRecord.from_path(f), json.load(open(f))
    assert [str(p) for p in r.files] == raw['files'], f
    assert len(r.paths_data.paths) == len(raw['paths_data']['paths']), f
    print(r.name.normalized, r.version, r.noarch.python, r.requested_spec)
`;
  const out = execFileSync(venv, ["-c", script, prefix], { encoding: "utf8" }).trim().split("\n").sort();
  expect(out).toHaveLength(3);
  expect(out[0]).toMatch(/^pure 1\.0 True pure >=1$/);
});

test.skipIf(missing("conda_pack"))("conda-pack packs it", async () => {
  const prefix = await environment();
  const script = `
import sys, conda_pack
env = conda_pack.CondaEnv.from_prefix(sys.argv[1])
env.pack(output=sys.argv[1] + '.tar', format='tar')
print(sum(1 for f in env if f.is_conda))
`;
  expect(Number(execFileSync(venv, ["-c", script, prefix], { encoding: "utf8" }))).toBeGreaterThan(6);
});

test("libmamba reads every record: its keys, where they are there, have one type each", async () => {
  const box = sandbox();
  // What channels have in the place of a value that is not there.
  const record = { license: null, python_site_packages_path: null, track_features: null, noarch: null };
  await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" }, record: record as never })]);
  const meta = join(box.prefix, "conda-meta");
  const texts = ["name", "version", "channel", "url", "subdir", "fn", "build", "license", "md5", "sha256"];
  texts.push("signatures", "python_site_packages_path");
  for (const name of readdirSync(meta).filter((entry) => entry.endsWith(".json"))) {
    const read = JSON.parse(readFileSync(join(meta, name), "utf8")) as Record<string, unknown>;
    for (const key of texts) if (key in read) expect(typeof read[key], key).toBe("string");
    for (const key of ["size", "timestamp", "build_number"])
      if (key in read) expect(Number.isSafeInteger(read[key]), key).toBe(true);
    for (const key of ["depends", "constrains"])
      for (const spec of (read[key] ?? []) as unknown[]) expect(typeof spec, key).toBe("string");
    if ("noarch" in read) expect(["python", "generic"]).toContain(read["noarch"]);
    // Without these it does not know which archive a package is.
    for (const key of ["name", "version", "build", "subdir", "channel", "fn", "url"])
      expect(read[key], key).not.toBe("");
  }
});

test("libmamba unlinks all of a package: it finds the record by its name and removes the paths of paths_data", async () => {
  const prefix = python
    ? await environment()
    : await (async () => {
        const box = sandbox();
        await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } })]);
        return box.prefix;
      })();
  const meta = join(prefix, "conda-meta");
  for (const file of readdirSync(meta).filter((entry) => entry.endsWith(".json"))) {
    const record = JSON.parse(readFileSync(join(meta, file), "utf8")) as PrefixRecord;
    expect(file).toBe(`${record.name}-${record.version}-${record.build}.json`);
    const paths = record.paths_data.paths.map((entry) => entry._path);
    expect(paths.every((path) => typeof path === "string" && path !== "")).toBe(true);
    expect(paths).toEqual(expect.arrayContaining(record.files));
  }
});
