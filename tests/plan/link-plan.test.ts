import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findClobbers } from "../../src/plan/clobber.ts";
import { entryPointFiles, parseEntryPoint, pythonShebang } from "../../src/plan/entry-points.ts";
import { plannedPaths, planPackage } from "../../src/plan/link-plan.ts";
import { prefixPathProblem } from "../../src/plan/prefix-path.ts";
import { noarchTarget, pycPath, pythonInfo, pythonMinor, sitePackagesPath } from "../../src/plan/python.ts";
import type { PathsEntry, PrefixRecord } from "../../src/specs/records.ts";

const python = pythonInfo({ version: "3.11.7" }, "linux-64");
const file = (path: string, more: Partial<PathsEntry> = {}): PathsEntry => ({
  _path: path,
  path_type: "hardlink",
  ...more,
});
const context = { owner: "noarch-py-1.0-py_0", platform: "linux-64", prefix: "/p", python, compilePyc: true };

describe("paths of a package", () => {
  test("noarch python files are mapped to site-packages and bin, their byte code planned", () => {
    const links = planPackage(
      {
        noarch: "python",
        entryPoints: ["nap = nap:main"],
        paths: [
          file("site-packages/nap/__init__.py"),
          file("site-packages/nap/data.txt"),
          file("python-scripts/tool"),
          file("share/x.py"),
        ],
      },
      context,
    );
    expect(plannedPaths(links)).toEqual([
      "lib/python3.11/site-packages/nap/__init__.py",
      "lib/python3.11/site-packages/nap/data.txt",
      "bin/tool",
      "share/x.py",
      "lib/python3.11/site-packages/nap/__pycache__/__init__.cpython-311.pyc",
      "bin/nap",
    ]);
  });

  test("without compile_pyc there is no byte code, and packages for a platform keep their paths", () => {
    const paths = [file("site-packages/nap.py")];
    expect(
      plannedPaths(
        planPackage({ noarch: "python", entryPoints: [], paths }, { ...context, compilePyc: false }),
      ),
    ).toEqual(["lib/python3.11/site-packages/nap.py"]);
    expect(plannedPaths(planPackage({ entryPoints: [], paths }, context))).toEqual(["site-packages/nap.py"]);
  });

  test("bytes are counted, those apart that are written anew", () => {
    const paths = [
      file("a", { size_in_bytes: 5 }),
      file("b", { size_in_bytes: 7, prefix_placeholder: "/opt/x" }),
      file("c"),
    ];
    expect(planPackage({ entryPoints: [], paths }, context)).toMatchObject({ bytes: 12, patchedBytes: 7 });
  });

  test("byte code that the package brings itself is not planned twice", () => {
    const paths = [file("site-packages/a.py"), file("site-packages/__pycache__/a.cpython-311.pyc")];
    expect(planPackage({ noarch: "python", entryPoints: [], paths }, context).pyc).toEqual([]);
  });

  test("link scripts and menus are recognised", () => {
    const paths = [
      file("bin/.noarch-py-post-link.sh"),
      file("bin/.noarch-py-pre-unlink.sh"),
      file("bin/.other-post-link.sh"),
      file("Menu/x.json"),
    ];
    const links = planPackage({ entryPoints: [], paths }, context);
    expect(links.scripts).toEqual({
      postLink: "bin/.noarch-py-post-link.sh",
      preUnlink: "bin/.noarch-py-pre-unlink.sh",
    });
    expect(links.menus).toEqual(["Menu/x.json"]);
  });

  test.each([
    "../etc/passwd",
    "bin/../../etc/passwd",
    "/tmp/PWN",
    "C:/x",
    "a//b",
    "a/./b",
    "a\\..\\..\\b",
    "a/\0",
    "",
    "dir/",
  ])("a path that leaves the prefix or is not normal is refused: %j", (path) => {
    expect(() => planPackage({ entryPoints: [], paths: [file(path)] }, context)).toThrowError(
      /may not create/,
    );
  });

  test.each([
    "conda-meta/history",
    "conda-meta/forged-1.0-0.json",
    "conda-meta/.taipan-transaction/journal.json",
    "Conda-Meta/state",
  ])("a package cannot write the installer's own files: %s", (path) => {
    expect(() => planPackage({ entryPoints: [], paths: [file(path)] }, context)).toThrowError(
      /belongs to the installer/,
    );
  });

  test("ordinary odd names are fine", () => {
    for (const path of ["share/with space/üñí.txt", "..x", "a/..b/c", ".hidden", "a/.b", "x\\y"])
      expect(prefixPathProblem(path)).toBeUndefined();
    expect(prefixPathProblem("x".repeat(4096))).toBeUndefined();
    expect(prefixPathProblem("x".repeat(4097))).toContain("4096");
  });

  test("no accepted path resolves outside of its directory", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("..", ".", "", "a", "b.c", "...", "C:", "\\", "~"), { maxLength: 6 }),
        (parts) => {
          const path = parts.join("/");
          if (prefixPathProblem(path) !== undefined) return;
          const stack: string[] = [];
          for (const part of path.split("/")) {
            if (part === "..") expect(stack.pop()).toBeDefined();
            else stack.push(part);
          }
          expect(stack.length).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe("python", () => {
  test("site-packages follows the version, and CEP 17 where the record says", () => {
    expect(sitePackagesPath("3.10", "linux-64")).toBe("lib/python3.10/site-packages");
    expect(sitePackagesPath("3.10", "win-64")).toBe("Lib/site-packages");
    expect(sitePackagesPath("3.13", "linux-64", "lib/python3.13t/site-packages")).toBe(
      "lib/python3.13t/site-packages",
    );
    expect(() => sitePackagesPath("3.13", "linux-64", "../../etc")).toThrowError(/refused/);
    expect(
      pythonInfo(
        { version: "3.13.0", python_site_packages_path: "lib/python3.13t/site-packages" },
        "linux-64",
      ).executable,
    ).toBe("bin/python3.13t");
    expect(pythonInfo({ version: "3.9.1" }, "win-64").executable).toBe("python.exe");
  });

  test.each([
    ["linux-64", "h1_0_cp314t", "lib/python3.14/site-packages", "lib/python3.14t/site-packages"],
    ["linux-64", "h1_0_cp314t", undefined, "lib/python3.14t/site-packages"],
    ["linux-64", "h1_0_cp314t", "opt/py/site-packages", "opt/py/site-packages"],
    ["linux-64", "h1_0_cp314", "lib/python3.14/site-packages", "lib/python3.14/site-packages"],
    ["win-64", "h1_0_cp314t", "lib/python3.14t/site-packages", "Lib/site-packages"],
  ])("installs for a python on %s of build %s where it looks (%s)", (platform, build, path, expected) => {
    const info = pythonInfo({ version: "3.14.0", build, python_site_packages_path: path }, platform);
    expect(info.sitePackages).toBe(expected);
  });
  test("only the exact directory names are mapped", () => {
    expect(noarchTarget("site-packages-x/foo", python, "linux-64")).toBe("site-packages-x/foo");
    expect(noarchTarget("python-scripts/foo", python, "win-64")).toBe("Scripts/foo");
  });
  test("byte code paths", () => {
    expect(pycPath("lib/a.b.py", "3.10")).toBe("lib/__pycache__/a.b.cpython-310.pyc");
    expect(pycPath("lib/a.py", "2.7")).toBe("lib/a.pyc");
    expect(pythonMinor("lib/python310/site-packages/")).toBe("3.10");
  });
});

describe("entry points", () => {
  test("attributes are called whole and imported by their first part", () => {
    const entry = parseEntryPoint("nap-gui=nap.gui:app.run", "x");
    expect(entry).toEqual({ command: "nap-gui", module: "nap.gui", func: "app.run" });
    const [script] = entryPointFiles(entry, python, "/p", "linux-64");
    expect(script?.content).toBe(
      "#!/p/bin/python3.11\n# -*- coding: utf-8 -*-\nimport re\nimport sys\n\nfrom nap.gui import app\n\nif __name__ == '__main__':\n    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])\n    sys.exit(app.run())\n",
    );
  });
  test("on Windows a program of the same name starts the script; a batch file does where there is no such program", () => {
    const windows = pythonInfo({ version: "3.12.0" }, "win-64");
    const entry = parseEntryPoint("nap = nap:main", "x");
    for (const platform of ["win-64", "win-arm64"]) {
      const files = entryPointFiles(entry, windows, "C:\\p", platform);
      expect(files.map(({ path, pathType }) => [path, pathType])).toEqual([
        ["Scripts/nap-script.py", "windows_python_entry_point_script"],
        ["Scripts/nap.exe", "windows_python_entry_point_exe"],
      ]);
      expect(String(files[0]!.content).startsWith("# -*- coding: utf-8 -*-\n")).toBe(true);
      expect([...(files[1]!.content as Uint8Array).subarray(0, 2)]).toEqual([0x4d, 0x5a]);
    }
    const [, batch] = entryPointFiles(entry, windows, "C:\\p", "win-32");
    expect(batch).toMatchObject({
      path: "Scripts/nap.bat",
      content: '@"%~dp0..\\python.exe" "%~dp0nap-script.py" %*\r\n',
    });
  });
  test("extras after the function are ignored", () => {
    expect(parseEntryPoint("a = b:c [extra]", "x").func).toBe("c");
    for (const text of ['a = "b.d:c"', "a='b.d:c'"])
      expect(parseEntryPoint(text, "x")).toEqual({ command: "a", module: "b.d", func: "c" });
  });
  // A pattern whose parts can share blanks needs their number to the third power: hours for each of these.
  test.each([
    " ".repeat(30_000),
    `a=${" ".repeat(30_000)}`,
    `a=b:c${" ".repeat(30_000)}d`,
    `a="b:c${" ".repeat(30_000)}`,
  ])("many blanks are refused before the day ends", (text) => {
    const parse = () =>
      runInNewContext("parse()", { parse: () => parseEntryPoint(text, "p-1-0") }, { timeout: 10_000 });
    expect(parse).toThrow(expect.objectContaining({ code: "unsafe-name" }));
  });
  test.each([
    "../../evil = m:f",
    "/abs = m:f",
    "a/b = m:f",
    "a\\b = m:f",
    ".hidden = m:f",
    "x = os;import evil:f",
    "x = m:f()\nimport os",
    "x = m:f; print(1)",
    "x = m",
    "= m:f",
    "x = :f",
    "x\n = m:f",
    "x = m..n:f",
    "x = m:f'",
  ])("CVE-2026-47425 and kin: %j is refused", (text) => {
    expect(() => parseEntryPoint(text, "evil-1.0-0")).toThrowError(/invalid entry point/);
  });
  test("an interpreter path that the kernel cannot take is started by sh", () => {
    expect(pythonShebang("/p/bin/python3.11", "linux-64")).toBe("#!/p/bin/python3.11\n");
    expect(pythonShebang("/a b/bin/python3.11", "linux-64")).toBe(
      `#!/bin/sh\n'''exec' "/a b/bin/python3.11" "$0" "$@" #'''\n`,
    );
    const long = `/${"x".repeat(130)}/bin/python`;
    expect(pythonShebang(long, "linux-64")).toContain("#!/bin/sh\n");
    expect(pythonShebang(long, "osx-64")).toBe(`#!${long}\n`);
  });
});

describe("clobbering", () => {
  const record = (name: string, files: string[]): PrefixRecord =>
    ({ name, version: "1", build: "0", files }) as unknown as PrefixRecord;
  test("the last linked package wins, losers are told", () => {
    const plan = findClobbers(
      [
        { dist: "a-1-0", paths: ["x", "y"] },
        { dist: "b-1-0", paths: ["x", "z"] },
        { dist: "c-1-0", paths: ["x"] },
      ],
      [record("k", ["z", "w"])],
    );
    expect(plan.clobbers).toEqual([
      { path: "x", winner: "c-1-0", losers: ["a-1-0", "b-1-0"] },
      { path: "z", winner: "b-1-0", losers: ["k-1-0"] },
    ]);
    expect([...plan.skip]).toEqual([
      ["a-1-0", new Set(["x"])],
      ["b-1-0", new Set(["x"])],
    ]);
  });
  test("where case does not count, two spellings are one file, also in one package", () => {
    const fold = (path: string): string => path.toLowerCase();
    const linked = [
      { dist: "a-1-0", paths: ["share/terminfo/N/x", "share/terminfo/n/x", "README"] },
      { dist: "b-1-0", paths: ["Readme"] },
    ];
    expect(findClobbers(linked, [record("k", ["readme"])])).toEqual({ clobbers: [], skip: new Map() });
    const plan = findClobbers(linked, [record("k", ["readme"])], fold);
    expect(plan.clobbers).toEqual([
      { path: "share/terminfo/n/x", winner: "a-1-0", losers: ["a-1-0"] },
      { path: "Readme", winner: "b-1-0", losers: ["k-1-0", "a-1-0"] },
    ]);
    expect([...plan.skip]).toEqual([["a-1-0", new Set(["share/terminfo/N/x", "README"])]]);
  });
});
