import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  envSiblings,
  makePackage,
  PLACEHOLDER,
  prefixText,
  pythonPackage,
  recordIn,
  sandbox,
  systemPython,
} from "../support/extracted.ts";

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

    expect(prefixText(box, "bin/tool")).toBe(`#!${box.prefix}/bin/python\nprint("${box.prefix}")\n`);
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
    expect(envSiblings(box)).toEqual(["env"]);

    const record = recordIn(box, "tool-1.0-0");
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
    expect(prefixText(box, "conda-meta/history")).toMatch(
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
    expect(recordIn(box, "a-1.0-0").link.type).toBe(3);
    await box.set([]);
    await box.set([a], { alwaysSoftlink: true });
    expect(readlinkSync(join(box.prefix, "x/a.py"))).toBe(join(a.extracted_package_dir, "x/a.py"));
    expect(recordIn(box, "a-1.0-0").link.type).toBe(2);
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
    expect(prefixText(box, "lib/a.dylib").endsWith("SIGNED")).toBe(true);
    const sha = execFileSync("sha256sum", [join(box.prefix, "lib/b.dylib")], { encoding: "utf8" }).slice(
      0,
      64,
    );
    expect(
      recordIn(box, "lib-1.0-0").paths_data.paths.find((entry) => entry._path === "lib/b.dylib")
        ?.sha256_in_prefix,
    ).toBe(sha);
    expect(prefixText(box, "lib/plain")).toBe("p");
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
      const record = recordIn(box, "app-1.0-0");
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
