import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planTransaction } from "../../src/plan/diff.ts";
import { isEnvironment } from "../../src/prefix/environment-marks.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { preflightFetch } from "../../src/prefix/preflight.ts";
import { removeEnvironment } from "../../src/prefix/remove-environment.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import {
  defaultOptions,
  envSiblings,
  makePackage,
  prefixText,
  pythonPackage,
  recordIn,
  sandbox,
  snapshot,
  withoutHistory,
} from "../support/extracted.ts";

describe("changing an environment", () => {
  test("install A, then B, then remove B is install A; a removed package leaves nothing", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a.txt": "a", "share/both/a": "a" } });
    const b = makePackage(box.pkgs, {
      name: "b",
      files: {
        "lib/b/c/d.txt": "b",
        "share/both/b": "b",
        "bin/b": { link: "../lib/b/c/d.txt" },
        "e/empty": { directory: true },
      },
    });
    await box.set([a]);
    const before = snapshot(box.prefix, withoutHistory);
    await box.set([a, b]);
    expect(prefixText(box, "lib/b/c/d.txt")).toBe("b");
    await box.set([a]);
    expect(snapshot(box.prefix, withoutHistory)).toEqual(before);
  });

  test("an upgrade replaces files, also a directory by a file and back", async () => {
    const box = sandbox();
    const one = makePackage(box.pkgs, {
      name: "d",
      version: "1",
      files: { "xbin/a.txt": "a", "gone/only.txt": "x" },
    });
    const two = makePackage(box.pkgs, { name: "d", version: "2", files: { xbin: "file" } });
    await box.set([one]);
    const before = snapshot(box.prefix, withoutHistory);
    await box.set([two]);
    expect(prefixText(box, "xbin")).toBe("file");
    expect(Object.keys(snapshot(box.prefix)).sort()).toEqual([
      "conda-meta",
      "conda-meta/d-2-0.json",
      "conda-meta/history",
      "xbin",
    ]);
    await box.set([one]);
    expect(snapshot(box.prefix, withoutHistory)).toEqual(before);
    expect((await readPrefix(box.prefix))?.history.revisions).toHaveLength(3);
  });

  test("files of the user stay, byte code that python left does not", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, {
      name: "a",
      files: { "lib/p/a.py": "a", "lib/p/b.py": "b", "lib/q/c.py": "c" },
    });
    await box.set([a]);
    writeFileSync(join(box.prefix, "lib/p/mine.txt"), "mine");
    for (const dir of ["p", "q"]) mkdirSync(join(box.prefix, "lib", dir, "__pycache__"));
    writeFileSync(join(box.prefix, "lib/p/__pycache__/a.cpython-311.pyc"), "");
    writeFileSync(join(box.prefix, "lib/p/__pycache__/mine.cpython-311.pyc"), "");
    writeFileSync(join(box.prefix, "lib/q/__pycache__/c.cpython-311.opt-1.pyc"), "");
    await box.set([]);
    expect(Object.keys(snapshot(box.prefix)).filter((path) => path.startsWith("lib"))).toEqual([
      "lib",
      "lib/p",
      "lib/p/__pycache__",
      "lib/p/__pycache__/mine.cpython-311.pyc",
      "lib/p/mine.txt",
    ]);
  });

  test("unchanged packages are not touched, new requests are recorded", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } });
    await box.set([a]);
    const before = statSync(join(box.prefix, "lib/a"), { bigint: true }).ctimeNs;
    await box.set([a, makePackage(box.pkgs, { name: "b", files: { "lib/b": "b" } })], {
      requested: { a: ["a=1"], b: ["b"] },
    });
    expect(statSync(join(box.prefix, "lib/a"), { bigint: true }).ctimeNs).toBe(before);
    expect(recordIn(box, "a-1.0-0").requested_specs).toEqual(["a=1"]);
    expect((await readPrefix(box.prefix))?.requestedSpecs).toEqual(
      new Map([
        ["a", ["a=1"]],
        ["b", ["b"]],
      ]),
    );
  });

  test("what was asked for is what a record says, or the history where conda left the record without", async () => {
    const box = sandbox();
    await box.set([makePackage(box.pkgs, { name: "a", files: {} })], { requested: { a: ["a >=1"] } });
    const path = join(box.prefix, "conda-meta/a-1.0-0.json");
    const { requested_spec: _, requested_specs: __, ...rest } = recordIn(box, "a-1.0-0");
    const asked = async (own: object) => {
      writeFileSync(path, JSON.stringify({ ...rest, ...own }));
      return (await readPrefix(box.prefix))?.requestedSpecs.get("a");
    };
    expect(await asked({})).toEqual(["a >=1"]);
    expect(await asked({ requested_spec: "a 1.*" })).toEqual(["a 1.*"]);
  });

  test("a missing file does not keep a package from being removed; files without paths_data are enough", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a", "lib/b": "b" } });
    await box.set([a]);
    execFileSync("rm", [join(box.prefix, "lib/a")]);
    const { paths_data: _, ...legacy } = recordIn(box, "a-1.0-0");
    writeFileSync(join(box.prefix, "conda-meta/a-1.0-0.json"), JSON.stringify(legacy));
    await box.set([]);
    expect(existsSync(join(box.prefix, "lib"))).toBe(false);
  });

  test.each(["../victim", "/etc/passwd", "conda-meta/history"])(
    "GHSA-pjjw-68hj-v9mw: a record that lists %s removes nothing",
    async (path) => {
      const box = sandbox();
      await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } })]);
      writeFileSync(join(box.root, "envs", "victim"), "precious");
      const record = recordIn(box, "a-1.0-0");
      record.files.push(path);
      writeFileSync(join(box.prefix, "conda-meta/a-1.0-0.json"), JSON.stringify(record));
      const before = snapshot(box.root);
      await expect(box.set([])).rejects.toMatchObject({ code: "environment-corrupt" });
      expect(snapshot(box.root)).toEqual(before);
    },
  );

  test("nothing is removed through a symlink that leaves the environment, and inside it the real file is", async () => {
    const box = sandbox();
    const outside = join(box.root, "outside");
    mkdirSync(outside);
    for (const name of ["a", "other"]) writeFileSync(join(outside, name), "precious");
    await box.set([
      makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } }),
      makePackage(box.pkgs, { name: "b", files: { "real/b": "b" } }),
    ]);
    execFileSync("rm", ["-r", join(box.prefix, "lib")]);
    symlinkSync(outside, join(box.prefix, "lib"));
    await box.set([]);
    for (const name of ["a", "other"]) expect(readFileSync(join(outside, name), "utf8")).toBe("precious");
    expect(lstatSync(join(box.prefix, "lib")).isSymbolicLink()).toBe(true);
    expect(existsSync(join(box.prefix, "real"))).toBe(false);
  });

  test("directories that are symlinks: followed inside the environment, refused when they leave it", async () => {
    const box = sandbox();
    const base = makePackage(box.pkgs, { name: "base", files: { "lib/base": "1", lib64: { link: "lib" } } });
    const user = makePackage(box.pkgs, { name: "user", files: { "lib64/user": "2" } });
    await box.set([base, user]);
    expect(prefixText(box, "lib/user")).toBe("2");
    expect(lstatSync(join(box.prefix, "lib64")).isSymbolicLink()).toBe(true);
    await box.set([base]);
    expect(existsSync(join(box.prefix, "lib/user"))).toBe(false);
    await box.set([base, user]);
    expect(prefixText(box, "lib/user")).toBe("2");
    const evil = makePackage(box.pkgs, { name: "evil", files: { out: { link: "../../.." } } });
    const writer = makePackage(box.pkgs, { name: "writer", files: { "out/pwned": "x" } });
    const before = snapshot(box.prefix);
    await expect(box.set([base, evil, writer])).rejects.toMatchObject({ code: "archive-unsafe-path" });
    expect(snapshot(box.prefix)).toEqual(before);
    expect(existsSync(join(box.root, "pwned"))).toBe(false);
  });
});

describe("refusals", () => {
  test("a plan made before another program's change is not carried out, whatever came or went", async () => {
    const box = sandbox();
    const [a, b] = ["a", "b"].map((name) =>
      makePackage(box.pkgs, { name, files: { [`lib/${name}`]: name } }),
    );
    const newer = makePackage(box.pkgs, { name: "a", version: "2.0", files: { "lib/a": "aa" } });
    const planned = async () => {
      const solution = { records: [newer], requested: new Map(), reinstall: new Set<string>() };
      const records = (await readPrefix(box.prefix))?.records ?? [];
      const transaction = planTransaction(records, solution, { platform: "linux-64" });
      const packages = new Map([["a", newer]]);
      const request = { prefix: box.prefix, transaction, packages, options: defaultOptions, command: [] };
      const pool = createPool({ size: 1, mode: "inline", handlers });
      return () => applyTransaction(request, { pool, events: () => {} });
    };
    for (const [before, after, other] of [
      [[], [a!], "installed `a-1.0-0`"],
      [[a!], [a!, b!], "installed `b-1.0-0`"],
      [[a!, b!], [b!], "removed `a-1.0-0`"],
    ] as const) {
      await box.set([...before]);
      const apply = await planned();
      await box.set([...after]);
      const found = snapshot(box.prefix);
      const message = expect.stringContaining(other);
      await expect(apply()).rejects.toMatchObject({ code: "environment-changed", message });
      expect(snapshot(box.prefix)).toEqual(found);
    }
    await (await planned())();
    expect(prefixText(box, "lib/a")).toBe("aa");
  });

  test("a frozen environment (CEP 22) is not changed", async () => {
    const box = sandbox();
    await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } })]);
    writeFileSync(join(box.prefix, "conda-meta/frozen"), JSON.stringify({ message: "ask Ann" }));
    const before = snapshot(box.prefix);
    await expect(box.set([])).rejects.toMatchObject({
      code: "environment-frozen",
      message: expect.stringContaining("ask Ann"),
    });
    expect(snapshot(box.prefix)).toEqual(before);
    // Anything that is there freezes: an empty file, and one that is no JSON.
    for (const text of ["", "no JSON", "null"]) {
      writeFileSync(join(box.prefix, "conda-meta/frozen"), text);
      await expect(box.set([]), text).rejects.toMatchObject({ code: "environment-frozen" });
    }
    await box.set([], { overrideFrozen: true });
    expect(existsSync(join(box.prefix, "lib"))).toBe(false);
  });
  test("names that would leave conda-meta are refused", async () => {
    const box = sandbox();
    const evil = { ...makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } }), build: "../../../evil" };
    await expect(box.set([evil])).rejects.toMatchObject({ code: "unsafe-name" });
  });
  test.skipIf(process.platform === "win32")(
    "a directory without write permission is told before anything happens",
    async () => {
      const box = sandbox();
      const envs = join(box.root, "envs");
      mkdirSync(envs);
      // Root may write anywhere: be nobody meanwhile.
      const root = process.geteuid?.() === 0;
      if (root) for (const path of [box.root, envs]) chownSync(path, 65534, 65534);
      chmodSync(envs, 0o555);
      if (root) process.seteuid?.(65534);
      try {
        await expect(box.set([])).rejects.toMatchObject({
          code: "permission-denied",
          message: expect.stringContaining(envs),
        });
      } finally {
        if (root) process.seteuid?.(0);
        chmodSync(envs, 0o755);
      }
    },
  );
});

describe("before anything is fetched", () => {
  const plan = { options: defaultOptions, archives: [1000] };
  test("space and path length are judged, with the number in the message", () => {
    const box = sandbox();
    const fits = { ...plan, prefix: box.prefix, pkgs: box.pkgs };
    expect(() => preflightFetch(fits)).not.toThrow();
    expect(() => preflightFetch({ ...fits, archives: [1e16, 1e16] })).toThrowError(
      /needs 40000 TB, but only .* are free/,
    );
    expect(() => preflightFetch({ ...fits, archives: new Array(1e7).fill(1) })).toThrowError(
      /needs 50000000 files|needs 24\.2 MB/,
    );
    expect(() => preflightFetch({ ...fits, prefix: join(box.root, "x".repeat(256)) })).toThrowError(
      /too long/,
    );
    const windows = { ...plan.options, platform: "win-64" };
    expect(() =>
      preflightFetch({ ...fits, options: windows, prefix: `${box.root}/${"y".repeat(200)}` }),
    ).toThrowError(/260/);
  });
});

describe("before anything is linked", () => {
  test("names that the file system has no room for are refused, others of many bytes are not", async () => {
    const box = sandbox();
    const named = (name: string) =>
      makePackage(box.pkgs, { name: `a${name.length}`, files: { [name]: "x" } });
    await box.set([named(`lib/${"ü".repeat(127)}`), named(`${"long/".repeat(100)}x`)]);
    // Byte code has a longer name than its source.
    const python = pythonPackage(box.pkgs, { executable: "/bin/true", version: "3.11.1" });
    const source = makePackage(box.pkgs, {
      name: "source",
      noarch: "python",
      files: { [`site-packages/${"x".repeat(240)}.py`]: "" },
    });
    await expect(box.set([python, source])).rejects.toMatchObject({
      code: "io-error",
      message: expect.stringContaining("longer than 255 bytes"),
    });
    await box.set([python, source], { compilePyc: false });
    const deep = named(`${"long/".repeat(199)}y`);
    await expect(box.set([deep], { platform: "osx-64" })).rejects.toMatchObject({
      code: "io-error",
      message: expect.stringContaining("longer than 1024 bytes"),
    });
    await box.set([deep]);
  });
  test("extra_safety_checks: a file of the cache that is not what was built is refused, and nothing has changed", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a", "lib/b": "b" } });
    writeFileSync(join(a.extracted_package_dir, "lib/b"), "B");
    await expect(box.set([a], { extraSafetyChecks: true })).rejects.toMatchObject({
      code: "checksum-mismatch",
      message: expect.stringContaining("lib/b"),
    });
    expect(envSiblings(box)).toEqual([]);
    await box.set([a]);
    expect(prefixText(box, "lib/b")).toBe("B");
  });
});

describe("removing an environment", () => {
  test("nothing of it stays, others do", async () => {
    const box = sandbox();
    const registered = join(box.root, "environments.txt");
    await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } })], {
      environmentsTxt: registered,
    });
    expect(readFileSync(registered, "utf8")).toBe(`${box.prefix}\n`);
    const context = { pool: createPool({ size: 1, mode: "inline", handlers }), events: () => {} };
    await removeEnvironment(box.prefix, { ...defaultOptions, environmentsTxt: registered }, context);
    expect(envSiblings(box)).toEqual([]);
    expect(readFileSync(registered, "utf8")).toBe("");
    mkdirSync(join(box.prefix, "data"), { recursive: true });
    expect(await isEnvironment(box.prefix)).toBe(false);
    await expect(removeEnvironment(box.prefix, defaultOptions, context)).rejects.toMatchObject({
      code: "not-an-environment",
    });
    expect(existsSync(join(box.prefix, "data"))).toBe(true);
  });
  test("pre-unlink scripts of installed packages run, those that nobody owns do not", async () => {
    const box = sandbox();
    const script = (name: string) => ({
      [`bin/.${name}-pre-unlink.sh`]: {
        content: `#!/bin/sh\necho ${name} >> "$PREFIX/../ran"\n`,
        mode: 0o755,
      },
    });
    await box.set([
      makePackage(box.pkgs, { name: "a", files: { ...script("a"), ...script("b") } }),
      makePackage(box.pkgs, { name: "c", files: { "lib/c": "c" } }),
    ]);
    writeFileSync(join(box.prefix, "bin/.c-pre-unlink.sh"), '#!/bin/sh\necho c >> "$PREFIX/../ran"\n');
    const context = { pool: createPool({ size: 1, mode: "inline", handlers }), events: () => {} };
    await removeEnvironment(box.prefix, defaultOptions, context);
    expect(readFileSync(join(box.root, "envs/ran"), "utf8")).toBe("a\n");
    expect(existsSync(box.prefix)).toBe(false);
  });
});
