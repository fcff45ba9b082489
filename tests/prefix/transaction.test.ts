import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isEnvironment } from "../../src/prefix/environment-marks.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { preflightFetch } from "../../src/prefix/preflight.ts";
import { removeEnvironment } from "../../src/prefix/remove-environment.ts";
import type { PackageCacheRecord, PrefixRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import {
  defaultOptions,
  makePackage,
  PLACEHOLDER,
  pythonPackage,
  type Sandbox,
  sandbox,
  snapshot,
  systemPython,
  withoutHistory,
} from "../support/extracted.ts";

const read = (box: Sandbox, path: string): string => readFileSync(join(box.prefix, path), "utf8");
const meta = (box: Sandbox, dist: string): PrefixRecord =>
  JSON.parse(read(box, `conda-meta/${dist}.json`)) as PrefixRecord;
const siblings = (box: Sandbox): string[] => readdirSync(join(box.root, "envs"));

describe("linking", () => {
  test("files are hard links, placeholders are the prefix, symlinks and modes are as packaged", async () => {
    const box = sandbox();
    const binary = Buffer.from(
      `\x7fELF\0${PLACEHOLDER}/lib\0TAIL\0${PLACEHOLDER}/a:${PLACEHOLDER}/b\0end`,
      "latin1",
    );
    const tool = makePackage(box.pkgs, {
      name: "tool",
      files: {
        "bin/tool": {
          content: `#!${PLACEHOLDER}/bin/python\nprint("${PLACEHOLDER}")\n`,
          mode: 0o775,
          prefix: "text",
        },
        "lib/blob.so": { content: binary, prefix: "binary" },
        "share/plain.txt": "plain\n",
        "share/with space/üñí.txt": "u\n",
        "libexec/ro.txt": { content: "ro\n", mode: 0o444 },
        "lib/link.txt": { link: "../share/plain.txt" },
        "lib/dangling": { link: "no-such-target" },
        "share/copied": { content: "c", noLink: true },
        "var/empty": { directory: true },
      },
    });
    await box.set([tool], { requested: { tool: ["tool >=1"] } });

    expect(read(box, "bin/tool")).toBe(`#!${box.prefix}/bin/python\nprint("${box.prefix}")\n`);
    expect(statSync(join(box.prefix, "bin/tool")).mode & 0o777).toBe(0o775);
    const patched = readFileSync(join(box.prefix, "lib/blob.so"));
    expect(patched.length).toBe(binary.length);
    expect(patched.toString("latin1").replace(/\0+/g, "|")).toBe(
      `\x7fELF|${box.prefix}/lib|TAIL|${box.prefix}/a:${box.prefix}/b|end`,
    );
    const inode = (path: string): number => statSync(path).ino;
    expect(inode(join(box.prefix, "share/plain.txt"))).toBe(
      inode(join(tool.extracted_package_dir, "share/plain.txt")),
    );
    expect(inode(join(box.prefix, "share/copied"))).not.toBe(
      inode(join(tool.extracted_package_dir, "share/copied")),
    );
    expect(inode(join(box.prefix, "bin/tool"))).not.toBe(inode(join(tool.extracted_package_dir, "bin/tool")));
    expect(readFileSync(join(tool.extracted_package_dir, "bin/tool"), "utf8")).toContain(PLACEHOLDER);
    expect(statSync(join(box.prefix, "libexec/ro.txt")).mode & 0o777).toBe(0o444);
    expect(readlinkSync(join(box.prefix, "lib/link.txt"))).toBe("../share/plain.txt");
    expect(readlinkSync(join(box.prefix, "lib/dangling"))).toBe("no-such-target");
    expect(lstatSync(join(box.prefix, "var/empty")).isDirectory()).toBe(true);
    expect(siblings(box)).toEqual(["env"]);

    const record = meta(box, "tool-1.0-0");
    expect(record).toMatchObject({
      name: "tool",
      version: "1.0",
      build: "0",
      build_number: 0,
      subdir: "linux-64",
      fn: "tool-1.0-0.conda",
      url: tool.url,
      channel: "https://host.invalid/chan",
      md5: tool.md5,
      sha256: tool.sha256,
      size: 1000,
      license: "MIT",
      timestamp: 1_600_000_000_000,
      requested_spec: "tool >=1",
      requested_specs: ["tool >=1"],
      extracted_package_dir: tool.extracted_package_dir,
      package_tarball_full_path: tool.package_tarball_full_path,
      link: { source: tool.extracted_package_dir, type: 1 },
    });
    expect(record.files).toContain("lib/dangling");
    const entry = (path: string) => record.paths_data.paths.find((item) => item._path === path)!;
    const sha = (path: string): string =>
      execFileSync("sha256sum", [join(box.prefix, path)], { encoding: "utf8" }).slice(0, 64);
    for (const path of ["bin/tool", "lib/blob.so", "share/plain.txt"])
      expect(entry(path).sha256_in_prefix).toBe(sha(path));
    expect(entry("bin/tool")).toMatchObject({
      prefix_placeholder: PLACEHOLDER,
      file_mode: "text",
      path_type: "hardlink",
    });
    // What a link leads to may be patched: a hash of the package's file would be called altered by conda's `doctor`.
    expect(entry("lib/link.txt")).toMatchObject({ path_type: "softlink", sha256: expect.any(String) });
    expect(entry("lib/link.txt").sha256_in_prefix).toBeUndefined();
    expect(read(box, "conda-meta/history")).toMatch(
      /^==> .* <==\n# cmd: taipan install tool-1.0-0\n# conda version: 3.8.0\n\+https:\/\/host.invalid\/chan\/linux-64::tool-1.0-0\n# update specs: \["tool >=1"\]\n$/,
    );
  });

  test("always_copy makes copies, always_softlink symlinks", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "x/a.py": "1" } });
    await box.set([a], { alwaysCopy: true });
    const [copy, source] = [
      statSync(join(box.prefix, "x/a.py")),
      statSync(join(a.extracted_package_dir, "x/a.py")),
    ];
    expect(copy.ino).not.toBe(source.ino);
    expect(Math.trunc(copy.mtimeMs / 1000)).toBe(Math.trunc(source.mtimeMs / 1000));
    expect(meta(box, "a-1.0-0").link.type).toBe(3);
    await box.set([]);
    await box.set([a], { alwaysSoftlink: true });
    expect(readlinkSync(join(box.prefix, "x/a.py"))).toBe(join(a.extracted_package_dir, "x/a.py"));
    expect(meta(box, "a-1.0-0").link.type).toBe(2);
  });

  test("patched binaries are signed in one call for osx-arm64, and the record has the hashes of the signed files", async () => {
    const box = sandbox();
    mkdirSync(box.root, { recursive: true });
    const codesign = join(box.root, "codesign");
    writeFileSync(
      codesign,
      `#!/bin/sh\necho call >> '${box.root}/calls'\nshift 3\nfor f; do printf SIGNED >> "$f"; done\n`,
      { mode: 0o755 },
    );
    const binary = { content: Buffer.from(`x\0${PLACEHOLDER}/lib\0`), prefix: "binary" as const };
    const lib = makePackage(box.pkgs, {
      name: "lib",
      files: { "lib/a.dylib": binary, "lib/b.dylib": binary, "lib/plain": "p" },
    });
    await box.set([lib], { platform: "osx-arm64", codesign });
    expect(readFileSync(join(box.root, "calls"), "utf8")).toBe("call\n");
    expect(read(box, "lib/a.dylib").endsWith("SIGNED")).toBe(true);
    const sha = execFileSync("sha256sum", [join(box.prefix, "lib/b.dylib")], { encoding: "utf8" }).slice(
      0,
      64,
    );
    expect(
      meta(box, "lib-1.0-0").paths_data.paths.find((entry) => entry._path === "lib/b.dylib")
        ?.sha256_in_prefix,
    ).toBe(sha);
    expect(read(box, "lib/plain")).toBe("p");
  });

  test("a prefix with blanks works, scripts are started by sh", async () => {
    const python = systemPython();
    if (!python) return;
    const box = sandbox("my env");
    const app = makePackage(box.pkgs, {
      name: "app",
      noarch: "python",
      entryPoints: ["app = app:main"],
      files: { "site-packages/app.py": "def main():\n    print('hi from app')\n" },
    });
    await box.set([pythonPackage(box.pkgs, python), app]);
    expect(execFileSync(join(box.prefix, "bin/app"), { encoding: "utf8" })).toBe("hi from app\n");
  });
});

describe("noarch python", () => {
  const python = systemPython();
  test.skipIf(!python)(
    "byte code is compiled once, used by the interpreter, shared by environments, and tracebacks name the prefix",
    async () => {
      const box = sandbox();
      const py = pythonPackage(box.pkgs, python!);
      const minor = python!.version.split(".").slice(0, 2).join(".");
      const tag = `cpython-${minor.replace(".", "")}`;
      const app = makePackage(box.pkgs, {
        name: "app",
        noarch: "python",
        entryPoints: ["app = app.main:main"],
        files: {
          "site-packages/app/__init__.py": "",
          "site-packages/app/main.py": "def main():\n    raise RuntimeError('here')\n",
          "site-packages/app/bad_syntax.py": "def (:\n",
          "site-packages/app/where.py": { content: `PREFIX = "${PLACEHOLDER}"\n`, prefix: "text" },
        },
      });
      await box.set([py, app]);
      const site = `lib/python${minor}/site-packages`;
      const pyc = `${site}/app/__pycache__/main.${tag}.pyc`;
      const record = meta(box, "app-1.0-0");
      expect(record.files).toContain(pyc);
      expect(record.files).not.toContain(`${site}/app/__pycache__/bad_syntax.${tag}.pyc`);
      expect(record.paths_data.paths.find((entry) => entry._path === pyc)).toEqual({
        _path: pyc,
        path_type: "pyc_file",
      });
      expect(record.files).toContain(`${site}/app/__pycache__/where.${tag}.pyc`);

      const other = sandbox("other");
      const compiled = statSync(join(box.prefix, pyc));
      await other.set([py, app]);
      // One inode: compiled once, linked into the second environment.
      expect(statSync(join(other.prefix, pyc)).ino).toBe(compiled.ino);
      expect(statSync(join(other.prefix, `${site}/app/__pycache__/where.${tag}.pyc`)).ino).not.toBe(
        statSync(join(box.prefix, `${site}/app/__pycache__/where.${tag}.pyc`)).ino,
      );
      expect(other.events.filter((event) => event.type === "compile").at(-1)).toMatchObject({ done: 1 });

      for (const prefix of [box.prefix, other.prefix]) {
        const run = (code: string): string =>
          execFileSync(join(prefix, `bin/python${minor}`), ["-B", "-c", code], {
            encoding: "utf8",
            stdio: ["ignore", "pipe", "pipe"],
          });
        const trace = run(
          "import traceback, app.main\ntry: app.main.main()\nexcept RuntimeError: traceback.print_exc(file=__import__('sys').stdout)",
        );
        expect(trace).toContain(`File "${prefix}/${site}/app/main.py", line 2, in main`);
        expect(run("import app.where; print(app.where.PREFIX)").trim()).toBe(prefix);
        // -v says where code comes from: the byte code must be taken, not compiled again.
        const verbose = execFileSync(
          "sh",
          ["-c", `'${prefix}/bin/python${minor}' -B -v -c 'import app.main' 2>&1`],
          { encoding: "utf8" },
        );
        expect(verbose).toMatch(new RegExp(`code object from '[^']*/app/__pycache__/main\\.${tag}\\.pyc'`));
      }
    },
  );

  test.skipIf(!python)("a package that was extracted again is compiled again", async () => {
    const box = sandbox();
    const py = pythonPackage(box.pkgs, python!);
    const spec = { name: "lib", noarch: "python" as const, files: { "site-packages/lib.py": "x = 1\n" } };
    await box.set([py, makePackage(box.pkgs, spec)]);
    execFileSync("rm", ["-rf", join(box.pkgs, "lib-1.0-0")]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const again = makePackage(box.pkgs, spec);
    const other = sandbox("other");
    await other.set([py, again]);
    expect(other.events.filter((event) => event.type === "compile").at(-1)).toMatchObject({
      type: "compile",
      state: "done",
      done: 1,
    });
  });

  test.skipIf(!python)("python's minor version changes: noarch packages move with it", async () => {
    const box = sandbox();
    const lib = makePackage(box.pkgs, {
      name: "lib",
      noarch: "python",
      files: { "site-packages/lib/__init__.py": "" },
    });
    const old = makePackage(box.pkgs, {
      name: "python",
      version: "3.8.0",
      files: { "bin/python3.8": "#!/bin/sh\n", "lib/python3.8/os.py": "" },
    });
    const next = makePackage(box.pkgs, {
      name: "python",
      version: "3.13.0",
      files: { "bin/python3.13": "#!/bin/sh\n", "lib/python3.13t/os.py": "" },
      record: { python_site_packages_path: "lib/python3.13t/site-packages" },
    });
    await box.set([old, lib], { compilePyc: false });
    expect(existsSync(join(box.prefix, "lib/python3.8/site-packages/lib/__init__.py"))).toBe(true);
    await box.set([next, lib], { compilePyc: false });
    expect(existsSync(join(box.prefix, "lib/python3.8"))).toBe(false);
    expect(existsSync(join(box.prefix, "lib/python3.13t/site-packages/lib/__init__.py"))).toBe(true);
  });

  test("noarch python without python is refused", async () => {
    const box = sandbox();
    await expect(
      box.set([
        makePackage(box.pkgs, { name: "lib", noarch: "python", files: { "site-packages/lib.py": "" } }),
      ]),
    ).rejects.toThrowError(/needs python/);
    expect(existsSync(box.prefix)).toBe(false);
  });
});

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
    expect(read(box, "lib/b/c/d.txt")).toBe("b");
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
    expect(read(box, "xbin")).toBe("file");
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
    expect(meta(box, "a-1.0-0").requested_specs).toEqual(["a=1"]);
    expect((await readPrefix(box.prefix))?.requestedSpecs).toEqual(
      new Map([
        ["a", ["a=1"]],
        ["b", ["b"]],
      ]),
    );
  });

  test("a missing file does not keep a package from being removed; files without paths_data are enough", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a", "lib/b": "b" } });
    await box.set([a]);
    execFileSync("rm", [join(box.prefix, "lib/a")]);
    const { paths_data: _, ...legacy } = meta(box, "a-1.0-0");
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
      const record = meta(box, "a-1.0-0");
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
    expect(read(box, "lib/user")).toBe("2");
    expect(lstatSync(join(box.prefix, "lib64")).isSymbolicLink()).toBe(true);
    await box.set([base]);
    expect(existsSync(join(box.prefix, "lib/user"))).toBe(false);
    await box.set([base, user]);
    expect(read(box, "lib/user")).toBe("2");
    const evil = makePackage(box.pkgs, { name: "evil", files: { out: { link: "../../.." } } });
    const writer = makePackage(box.pkgs, { name: "writer", files: { "out/pwned": "x" } });
    const before = snapshot(box.prefix);
    await expect(box.set([base, evil, writer])).rejects.toMatchObject({ code: "archive-unsafe-path" });
    expect(snapshot(box.prefix)).toEqual(before);
    expect(existsSync(join(box.root, "pwned"))).toBe(false);
  });
});

describe("clobbering", () => {
  test("the loser's record tells the hash that its file has once it is linked, with the prefix in it", async () => {
    const box = sandbox();
    const file = { content: `a ${PLACEHOLDER}\n`, prefix: "text" } as const;
    const a = makePackage(box.pkgs, { name: "a", files: { "x.txt": file } });
    const b = makePackage(box.pkgs, { name: "b", files: { "x.txt": "b\n" } });
    await box.set([a]);
    const alone = snapshot(box.prefix, withoutHistory);
    await box.set([]);
    await box.set([a, b]);
    await box.set([a]);
    expect(snapshot(box.prefix, withoutHistory)).toEqual(alone);
  });
  test("byte code that a package brings stays when its source was shared with a package that goes", async () => {
    const box = sandbox();
    const source = "lib/mod.py";
    const code = "lib/__pycache__/mod.cpython-311.pyc";
    const a = makePackage(box.pkgs, { name: "a", files: { [source]: "a = 1\n", [code]: "code" } });
    const b = makePackage(box.pkgs, { name: "b", files: { [source]: "b = 1\n" } });
    await box.set([a]);
    const alone = snapshot(box.prefix, withoutHistory);
    await box.set([a, b]);
    await box.set([a]);
    expect(snapshot(box.prefix, withoutHistory)).toEqual(alone);
    // Byte code that only the interpreter made goes with its source.
    writeFileSync(join(box.prefix, "lib/__pycache__/mod.cpython-312.pyc"), "made");
    await box.set([]);
    expect(existsSync(join(box.prefix, "lib"))).toBe(false);
  });
  const two = (box: Sandbox) =>
    [
      makePackage(box.pkgs, { name: "clobber-1", files: { "clobber.txt": "clobber-1\n", "own-1": "1" } }),
      makePackage(box.pkgs, { name: "clobber-2", files: { "clobber.txt": "clobber-2\n" } }),
    ] as const;
  test("the last linked wins, and the loser's file is back when the winner goes (CEP 32)", async () => {
    const box = sandbox();
    const [one, other] = two(box);
    await box.set([one, other]);
    expect(read(box, "clobber.txt")).toBe("clobber-2\n");
    expect(meta(box, "clobber-1-1.0-0").files).toContain("clobber.txt");
    expect(box.events.filter((event) => event.type === "warning")).toHaveLength(1);
    await box.set([one]);
    expect(read(box, "clobber.txt")).toBe("clobber-1\n");
    await box.set([]);
    expect(existsSync(join(box.prefix, "clobber.txt"))).toBe(false);
  });
  test("of three packages, what stays is what linking those that stay would make (CEP 32)", async () => {
    const box = sandbox();
    // Names in another order than they are linked in: the order is the solution's.
    const [first, second, third] = ["z", "m", "a"].map((name) =>
      makePackage(box.pkgs, { name, files: { "lib/shared.txt": name, [`lib/${name}`]: name } }),
    ) as [PackageCacheRecord, PackageCacheRecord, PackageCacheRecord];
    const shared = (): string => read(box, "lib/shared.txt");
    await box.set([first, second, third]);
    expect(shared()).toBe("a");
    await box.set([first, second]);
    expect(shared()).toBe("m");
    await box.set([first]);
    expect(shared()).toBe("z");
    await box.set([first, second, third]);
    await box.set([first, third]);
    expect(shared()).toBe("a");
    await box.set([second, third]);
    await box.set([]);
    expect(existsSync(join(box.prefix, "lib"))).toBe(false);
  });
  test("removing the loser keeps the winner's file", async () => {
    const box = sandbox();
    const [one, other] = two(box);
    await box.set([one]);
    await box.set([one, other]);
    expect(read(box, "clobber.txt")).toBe("clobber-2\n");
    await box.set([other]);
    expect(read(box, "clobber.txt")).toBe("clobber-2\n");
  });
  test("prevent refuses before anything is touched", async () => {
    const box = sandbox();
    await expect(box.set([...two(box)], { pathConflict: "prevent" })).rejects.toMatchObject({
      code: "clobber",
    });
    expect(existsSync(box.prefix)).toBe(false);
    expect(siblings(box)).toEqual([]);
  });
  test("warn names every path, clobber the first and how many more", async () => {
    const files = { "lib/x": "x", "lib/y": "y" };
    for (const [pathConflict, messages] of [
      [
        "warn",
        [/^`lib\/x` is in `one-1.0-0` and `two-1.0-0`; the file of `two-1.0-0` is used$/, /^`lib\/y` is in/],
      ],
      ["clobber", [/^`lib\/x` is in .* is used, and 1 more paths are in several packages$/]],
    ] as const) {
      const box = sandbox();
      const both = ["one", "two"].map((name) => makePackage(box.pkgs, { name, files }));
      await box.set(both, { pathConflict });
      expect(box.events.flatMap((event) => (event.type === "warning" ? [event.message] : []))).toEqual(
        messages.map((message) => expect.stringMatching(message)),
      );
    }
  });
  test("files that belong to nobody are replaced with a warning, or refused with prevent", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "packaged" } });
    await box.set([]);
    mkdirSync(join(box.prefix, "lib"));
    writeFileSync(join(box.prefix, "lib/a"), "mine");
    const before = snapshot(box.prefix);
    await expect(box.set([a], { pathConflict: "prevent" })).rejects.toMatchObject({ code: "clobber" });
    expect(snapshot(box.prefix)).toEqual(before);
    await box.set([a]);
    expect(read(box, "lib/a")).toBe("packaged");
  });
});

describe("link scripts", () => {
  const scripts = (
    box: Sandbox,
    post = `echo "$PREFIX $PKG_NAME $PKG_VERSION $PKG_BUILDNUM $ROOT_PREFIX" > "$PREFIX/post"; echo hello >> "$PREFIX/.messages.txt"`,
  ) =>
    makePackage(box.pkgs, {
      name: "link-scripts",
      files: {
        "bin/.link-scripts-post-link.sh": { content: `#!/bin/bash\n${post}\n`, mode: 0o755 },
        "bin/.link-scripts-pre-unlink.sh": {
          content: `#!/bin/bash\necho bye > "$PREFIX/../unlinked"\n`,
          mode: 0o755,
        },
        "share/ls.txt": "ls\n",
      },
    });
  test("run with conda's variables and messages", async () => {
    const box = sandbox();
    await box.set([scripts(box)]);
    expect(read(box, "post")).toBe(`${box.prefix} link-scripts 1.0 0 /nonexistent/root\n`);
    expect(box.events.find((event) => event.type === "script")).toMatchObject({
      id: "link-scripts-1.0-0",
      action: "post-link",
      output: "hello",
    });
    expect(existsSync(join(box.prefix, ".messages.txt"))).toBe(false);
    expect(readdirSync(join(box.prefix, "conda-meta")).sort()).toEqual([
      "history",
      "link-scripts-1.0-0.json",
    ]);
    await box.set([]);
    expect(readFileSync(join(box.root, "envs/unlinked"), "utf8")).toBe("bye\n");
  });
  test("skip does not run them, fail refuses the package", async () => {
    const box = sandbox();
    await expect(box.set([scripts(box)], { linkScripts: "fail" })).rejects.toMatchObject({
      code: "script-failed",
    });
    expect(existsSync(box.prefix)).toBe(false);
    await box.set([scripts(box)], { linkScripts: "skip" });
    expect(existsSync(join(box.prefix, "post"))).toBe(false);
  });
  test("a failing post-link script takes everything back", async () => {
    const box = sandbox();
    await expect(box.set([scripts(box, "echo no; exit 3")])).rejects.toMatchObject({ code: "script-failed" });
    expect(siblings(box)).toEqual([]);
    await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } })]);
    const before = snapshot(box.prefix);
    await expect(box.set([scripts(box, "exit 3")])).rejects.toMatchObject({ code: "script-failed" });
    expect(snapshot(box.prefix)).toEqual(before);
  });
});

describe("link scripts of a transaction that fails", () => {
  const package_ = (box: Sandbox, name: string, script: string, version = "1.0", action = "post-link") =>
    makePackage(box.pkgs, {
      name,
      version,
      files: { [`bin/.${name}-${action}.sh`]: { content: `#!/bin/sh\n${script}\n`, mode: 0o755 } },
    });
  test("leave nothing of what they did in an environment: new, replaced, changed and removed files", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a", "lib/b": "b", "bin/x": "x" } });
    const old = package_(
      box,
      "old",
      'rm -rf "$PREFIX/mine"; echo gone > "$PREFIX/lib/gone"',
      "1.0",
      "pre-unlink",
    );
    await box.set([a, old]);
    mkdirSync(join(box.prefix, "mine"));
    writeFileSync(join(box.prefix, "mine/cache"), "user's");
    const before = snapshot(box.prefix);
    const first = package_(
      box,
      "first",
      'cd "$PREFIX"; mkdir -p var/cache; echo x > var/cache/x; echo changed >> mine/cache; rm lib/a; echo other > lib/.b; mv lib/.b lib/b; chmod 700 bin/x',
    );
    const last = package_(box, "last", "exit 3");
    await expect(box.set([a, first, last])).rejects.toMatchObject({ code: "script-failed" });
    expect(snapshot(box.prefix)).toEqual(before);
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
    // The package cache has its files, too.
    expect(readFileSync(join(a.extracted_package_dir, "lib/b"), "utf8")).toBe("b");
  });
  test("a file of the package cache that a script wrote into is mended, in the cache, too, whatever its size", async () => {
    const box = sandbox();
    const large = "x".repeat(1024 * 1024 + 1);
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a", "lib/large": large } });
    await box.set([a]);
    const script = 'echo more >> "$PREFIX/lib/a"; echo more >> "$PREFIX/lib/large"; exit 1';
    await expect(box.set([a, package_(box, "bad", script)])).rejects.toMatchObject({ code: "script-failed" });
    expect(readFileSync(join(a.extracted_package_dir, "lib/a"), "utf8")).toBe("a");
    expect(lstatSync(join(a.extracted_package_dir, "lib/a")).ino).toBe(
      lstatSync(join(box.prefix, "lib/a")).ino,
    );
    expect(read(box, "lib/large") === large).toBe(true);
    expect(readFileSync(join(a.extracted_package_dir, "lib/large"), "utf8") === large).toBe(true);
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
  });
  test("what they did stays when it succeeds, and no names are kept", async () => {
    const box = sandbox();
    await box.set([]);
    await box.set([package_(box, "good", 'echo kept > "$PREFIX/made"')]);
    expect(read(box, "made")).toBe("kept\n");
    expect(readdirSync(join(box.prefix, "conda-meta")).sort()).toEqual(["good-1.0-0.json", "history"]);
  });
});

describe("refusals", () => {
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
    expect(siblings(box)).toEqual([]);
    await box.set([a]);
    expect(read(box, "lib/b")).toBe("B");
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
    expect(siblings(box)).toEqual([]);
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
