import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { makePackage, PLACEHOLDER, pythonPackage, sandbox, systemPython } from "../support/extracted.ts";
import { libmambaRecords, libmambaUnlink } from "../support/libmamba.ts";
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

test.skipIf(!python)("libmamba unlinks entry points and byte code with their package", async () => {
  const prefix = await environment();
  for (const name of ["tool", "pure"]) libmambaUnlink(prefix, name);
  const record = libmambaRecords(prefix).get("python")!;
  const left = readdirSync(prefix, { recursive: true, withFileTypes: true }).filter(
    (entry) => !entry.isDirectory(),
  );
  const files = left.map((entry) => join(relative(prefix, entry.parentPath), entry.name));
  const own = files.filter((file) => !file.startsWith("conda-meta/"));
  expect(own.sort()).toEqual([...(record["files"] as string[])].sort());
});
