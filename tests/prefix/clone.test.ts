import { execFileSync } from "node:child_process";
import fs, { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { planTransaction } from "../../src/plan/diff.ts";
import { cloneEnvironment, renameEnvironment } from "../../src/prefix/clone.ts";
import { lockPrefix } from "../../src/prefix/lock.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { removeEnvironment } from "../../src/prefix/remove-environment.ts";
import { listRevisions, packagesAtRevision } from "../../src/prefix/revisions.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import { damagedPackages, verifyPrefix } from "../../src/prefix/verify.ts";
import { compareVersions } from "../../src/specs/version.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import {
  defaultOptions,
  makePackage,
  PLACEHOLDER,
  pythonPackage,
  recordIn,
  type Sandbox,
  sandbox,
  snapshot,
  systemPython,
} from "../support/extracted.ts";

const context = {
  pool: createPool({ size: 1, mode: "inline", handlers }),
  events: () => {},
  command: ["taipan", "create", "--clone"],
};
const packages = (box: Sandbox) => [
  makePackage(box.pkgs, {
    name: "tool",
    files: {
      "bin/tool": { content: `#!${PLACEHOLDER}/bin/sh\n`, mode: 0o755, prefix: "text" },
      "lib/blob": { content: Buffer.from(`x\0${PLACEHOLDER}/lib\0y`), prefix: "binary" },
      "share/plain": "plain",
      "lib/link": { link: "../share/plain" },
    },
  }),
];

describe("clone", () => {
  test("equals create, shares files, and takes the user's own along", async () => {
    const box = sandbox();
    const list = packages(box);
    await box.set(list);
    const copy = join(box.root, "envs", "copy-with-a-longer-name");
    writeFileSync(join(box.prefix, "mine.txt"), `${box.prefix}/x`);
    const result = await cloneEnvironment(box.prefix, copy, defaultOptions, context);
    expect(result).toEqual({ files: 4, patched: 3 });
    expect(readFileSync(join(copy, "mine.txt"), "utf8")).toBe(`${copy}/x`);
    expect(statSync(join(copy, "share/plain")).ino).toBe(statSync(join(box.prefix, "share/plain")).ino);

    const cloned = snapshot(copy, (path) => path === "conda-meta/history" || path === "mine.txt");
    execFileSync("rm", ["-r", copy]);
    const transaction = planTransaction(
      [],
      { records: list, requested: new Map(), reinstall: new Set() },
      { platform: "linux-64" },
    );
    await applyTransaction(
      {
        prefix: copy,
        transaction,
        packages: new Map(list.map((record) => [record.name, record])),
        options: defaultOptions,
        command: [],
      },
      context,
    );
    expect(snapshot(copy, (path) => path === "conda-meta/history")).toEqual(cloned);
  });

  test("shares the blocks of large files where the file system can", async () => {
    const box = sandbox();
    await box.set([
      makePackage(box.pkgs, { name: "a", files: { "lib/large": "x".repeat(70_000), small: "s" } }),
    ]);
    const real = fs.copyFileSync;
    const shared: string[] = [];
    fs.copyFileSync = (from, to, mode) => {
      if (mode && mode & fs.constants.COPYFILE_FICLONE_FORCE) shared.push(basename(String(to)));
      real(from, to);
    };
    syncBuiltinESMExports();
    onTestFinished(() => {
      fs.copyFileSync = real;
      syncBuiltinESMExports();
    });
    const copy = join(box.root, "envs", "copy");
    await cloneEnvironment(box.prefix, copy, defaultOptions, context);
    expect(shared).toEqual(["large"]);
    expect(statSync(join(copy, "small")).ino).toBe(statSync(join(box.prefix, "small")).ino);
  });

  test("works without the package cache, for shorter paths", async () => {
    const box = sandbox("a-rather-long-name");
    await box.set(packages(box));
    execFileSync("rm", ["-r", box.pkgs]);
    const copy = join(box.root, "envs", "c");
    await cloneEnvironment(box.prefix, copy, defaultOptions, context);
    expect(readFileSync(join(copy, "bin/tool"), "utf8")).toBe(`#!${copy}/bin/sh\n`);
    expect(readFileSync(join(copy, "lib/blob"), "utf8").replace(/\0+/g, "|")).toBe(`x|${copy}/lib|y`);
    expect(verifyPrefix(copy, (await readPrefix(copy))!.records, { mode: "full" })).toEqual([]);
  });

  test("rename moves commands along", async () => {
    const python = systemPython();
    if (!python) return;
    const box = sandbox();
    const app = makePackage(box.pkgs, {
      name: "app",
      noarch: "python",
      entryPoints: ["app = app:main"],
      files: { "site-packages/app.py": "def main():\n    print('hi')\n" },
    });
    await box.set([pythonPackage(box.pkgs, python), app]);
    const target = join(box.root, "envs", "moved");
    await renameEnvironment(box.prefix, target, defaultOptions, context);
    expect(existsSync(box.prefix)).toBe(false);
    expect(execFileSync(join(target, "bin/app"), { encoding: "utf8" })).toBe("hi\n");
  });

  test("nothing is copied as long as another command changes the environment that is renamed", async () => {
    const box = sandbox();
    await box.set(packages(box));
    const lock = await lockPrefix(box.prefix, { timeout: 5 });
    const target = join(box.root, "envs", "moved");
    const brief = { ...defaultOptions, lockTimeout: 0.05 };
    await expect(renameEnvironment(box.prefix, target, brief, context)).rejects.toMatchObject({
      code: "locked",
    });
    expect([existsSync(box.prefix), existsSync(target)]).toEqual([true, false]);
    lock.release();
    await renameEnvironment(box.prefix, target, brief, context);
    expect(readdirSync(join(box.root, "envs"))).toEqual(["moved"]);
  });

  test("a frozen environment (CEP 22) is neither renamed nor removed", async () => {
    const box = sandbox();
    await box.set(packages(box));
    writeFileSync(join(box.prefix, "conda-meta/frozen"), "");
    const before = snapshot(box.root);
    const target = join(box.root, "envs", "moved");
    const frozen = { code: "environment-frozen" };
    await expect(renameEnvironment(box.prefix, target, defaultOptions, context)).rejects.toMatchObject(
      frozen,
    );
    await expect(removeEnvironment(box.prefix, defaultOptions, context)).rejects.toMatchObject(frozen);
    expect(snapshot(box.root)).toEqual(before);
    const override = { ...defaultOptions, overrideFrozen: true };
    await renameEnvironment(box.prefix, target, override, context);
    await removeEnvironment(target, override, context);
    expect(readdirSync(join(box.root, "envs"))).toEqual([]);
  });

  test("an existing path is refused and left alone", async () => {
    const box = sandbox();
    await box.set(packages(box));
    const target = join(box.root, "envs", "taken");
    mkdirSync(target);
    await expect(cloneEnvironment(box.prefix, target, defaultOptions, context)).rejects.toMatchObject({
      code: "environment-exists",
    });
    expect(snapshot(target)).toEqual({});
  });
});

describe("verify", () => {
  test("missing and changed files are found, byte code and the user's files are not", async () => {
    const box = sandbox();
    const list = packages(box);
    await box.set(list);
    const check = async (mode: "fast" | "full") =>
      verifyPrefix(box.prefix, (await readPrefix(box.prefix))!.records, { mode });
    expect(await check("full")).toEqual([]);
    writeFileSync(join(box.prefix, "mine"), "");
    execFileSync(
      "sh",
      ["-c", "rm share/plain && printf abcde > share/plain && printf '#!x' > bin/tool && rm lib/link"],
      { cwd: box.prefix },
    );
    expect(await check("fast")).toEqual([{ package: "tool-1.0-0", path: "lib/link", problem: "missing" }]);
    const problems = await check("full");
    expect(problems.map(({ path, problem }) => [path, problem])).toEqual([
      ["bin/tool", "changed"],
      ["share/plain", "changed"],
      ["lib/link", "missing"],
    ]);
    // A size that is another one needs no hash.
    writeFileSync(join(box.prefix, "share/plain"), "longer than it was");
    expect((await check("fast")).map(({ path }) => path)).toEqual(["share/plain", "lib/link"]);
    await box.set(list, { reinstall: [...damagedPackages(problems)] });
    expect(await check("full")).toEqual([]);
  });

  test("links in the place of files are found, wherever they lead, and directories", async () => {
    const box = sandbox();
    const list = packages(box);
    await box.set(list);
    const check = async (mode: "fast" | "full") =>
      verifyPrefix(box.prefix, (await readPrefix(box.prefix))!.records, { mode });
    for (const [command, problem] of [
      ["ln -s /nowhere/at/all bin/tool", "missing"],
      ["ln -s /dev bin/tool", "wrong-type"],
      ["mkdir bin/tool", "wrong-type"],
      ["mkfifo bin/tool", "wrong-type"],
    ] as const) {
      execFileSync("sh", ["-c", `rm -rf bin/tool && ${command}`], { cwd: box.prefix });
      const expected = [{ package: "tool-1.0-0", path: "bin/tool", problem }];
      expect([await check("fast"), await check("full")], command).toEqual([expected, expected]);
    }
    execFileSync("sh", ["-c", "rm bin/tool && ln -s /dev bin/tool"], { cwd: box.prefix });
    await box.set(list, { reinstall: ["tool"] });
    expect(await check("full")).toEqual([]);
  });

  test("a file whose record has only the hash that it was built with has that one, if nothing was replaced in it", async () => {
    const box = sandbox();
    await box.set(packages(box));
    const path = join(box.prefix, "conda-meta/tool-1.0-0.json");
    const record = recordIn(box, "tool-1.0-0");
    const paths = record.paths_data!.paths.map(({ sha256_in_prefix: _, ...entry }) => entry);
    writeFileSync(path, JSON.stringify({ ...record, paths_data: { ...record.paths_data, paths } }));
    const check = async () =>
      verifyPrefix(box.prefix, (await readPrefix(box.prefix))!.records, { mode: "full" });
    expect(await check()).toEqual([]);
    execFileSync("sh", ["-c", "rm share/plain && printf abcde > share/plain"], { cwd: box.prefix });
    expect((await check()).map(({ path }) => path)).toEqual(["share/plain"]);
  });
});

describe("revisions", () => {
  test("history says what the environment was", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { a: "1" } });
    const a2 = makePackage(box.pkgs, { name: "a", version: "2.0", files: { a: "2" } });
    const b = makePackage(box.pkgs, { name: "b", files: { b: "b" } });
    await box.set([a]);
    const first = snapshot(box.prefix, (path) => path === "conda-meta/history");
    await box.set([a2, b]);
    await box.set([a2]);
    const history = (await readPrefix(box.prefix))!.history;
    const revisions = listRevisions(history, compareVersions);
    expect(
      revisions.map((r) => [
        r.installed.map((p) => p.name),
        r.removed.map((p) => p.name),
        r.upgraded.map((p) => `${p.old.version}->${p.new.version}`),
      ]),
    ).toEqual([
      [["a"], [], []],
      [["b"], [], ["1.0->2.0"]],
      [[], ["b"], []],
    ]);
    expect(packagesAtRevision(history, 1).map((p) => `${p.name}-${p.version}`)).toEqual(["a-2.0", "b-1.0"]);
    expect(() => packagesAtRevision(history, 7)).toThrowError(/no revision 7/);
    // Going back to a revision is the environment as it was.
    await box.set([a]);
    expect(snapshot(box.prefix, (path) => path === "conda-meta/history")).toEqual(first);
  });
});
