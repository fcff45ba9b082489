import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as names from "../../src/specs/names.ts";
import { parseArchiveName, parsePackageUrl } from "../../src/specs/package-url.ts";

describe("identity (CEP 26)", () => {
  const table: [check: (value: unknown) => void, good: string[], bad: string[]][] = [
    [
      names.checkPackageName,
      ["python", "_libgcc_mutex", "__glibc", "r-base", "zope.interface", "libstdcxx-ng", "7zip", "mpi_"],
      [
        "",
        "../x",
        "a/b",
        "a\\b",
        "..",
        ".hidden",
        "a..b",
        "a b",
        "a\0",
        "C:",
        "-rf",
        "___x",
        "é",
        "x".repeat(65),
        "a\nb",
      ],
    ],
    [
      names.checkVersionString,
      ["1.0", "1!2.0", "1.0+local", "v1.2_3"],
      ["", "1-0", "../1", "1/2", "1 0", "..", "1..2", "1*", "1".repeat(65)],
    ],
    [
      names.checkBuildString,
      ["0", "py39_0", "h123+x.y", "PyPy"],
      ["", "a-b", "../x", "a/b", ".", "..", "a b"],
    ],
    [
      names.checkFileName,
      ["foo-1.0-0.conda", "x264-1!164-0.tar.bz2", "_a-1-0.conda"],
      [
        "foo-1.0-0.zip",
        "../foo-1.0-0.conda",
        "/foo-1.0-0.conda",
        "a\\b-1-0.conda",
        ".conda",
        "foo\0-1-0.conda",
        `${"a".repeat(211)}.conda`,
      ],
    ],
    [
      names.checkSubdir,
      ["noarch", "linux-64", "emscripten-wasm32"],
      ["", "..", "linux", "linux-64/..", "Linux-64", "linux-64-x", "."],
    ],
    [names.checkLabel, ["main", "dev/nightly", "rc 1"], ["", "1x", "a/../b", "a?b"]],
    [
      names.checkChannelName,
      ["conda-forge", "pkgs/main", "conda-forge/label/dev"],
      ["", "..", "a/../b", "a//b", ".x", "-x", "a b"],
    ],
  ];
  it.each(table)("%o", (check, good, bad) => {
    for (const value of good) expect(() => check(value), value).not.toThrow();
    for (const value of bad) expect(() => check(value), value).toThrow(/is not allowed/);
    for (const value of [undefined, null, 1, {}, ["python"]])
      expect(() => check(value)).toThrow(/is not allowed/);
  });

  it("checks every field of a record that reaches a path", () => {
    const record = { name: "a", version: "1", build: "0", subdir: "noarch", fn: "a-1-0.conda" };
    expect(() => names.checkRecordNames(record)).not.toThrow();
    for (const field of ["name", "version", "build", "subdir", "fn"]) {
      expect(() => names.checkRecordNames({ ...record, [field]: "../../x" }), field).toThrow(
        /is not allowed/,
      );
    }
  });

  it("lets nothing through that could leave a directory", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab01._-/\\:\0 ~*"), maxLength: 12 }), (text) => {
        const safe = [
          names.isSafePackageName,
          names.isSafeVersionString,
          names.isSafeBuildString,
          names.isSafeSubdir,
          names.isSafeFileName,
        ].some((test) => test(text));
        if (safe) expect(text).not.toMatch(/[/\\:\0 ~]|^\.\.?$/);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("did you mean", () => {
  it("finds near names, nearest first", () => {
    const all = ["numpy", "numba", "pandas", "scikit-learn", "python", "jupyterlab", "nump"];
    expect(names.similarNames("nunpy", all)[0]).toBe("numpy");
    expect(names.similarNames("pytohn", all)).toEqual(["python"]);
    expect(names.similarNames("scikit_learn", all)).toEqual(["scikit-learn"]);
    expect(names.similarNames("jupyter-lab", all)).toEqual(["jupyterlab"]);
    expect(names.similarNames("tensorflow", all)).toEqual([]);
    expect(names.similarNames("numpy", all)).not.toContain("numpy");
  });
});

describe("package URLs", () => {
  it("reads channel, subdir and identity", () => {
    expect(
      parsePackageUrl("https://h/c/linux-64/foo-bar-1.0-py_0.tar.bz2#7dbaa197d7ba6032caf7ae7f32c1efa0"),
    ).toEqual({
      name: "foo-bar",
      version: "1.0",
      build: "py_0",
      channel: "https://h/c",
      subdir: "linux-64",
      fn: "foo-bar-1.0-py_0.tar.bz2",
      url: "https://h/c/linux-64/foo-bar-1.0-py_0.tar.bz2",
      md5: "7dbaa197d7ba6032caf7ae7f32c1efa0",
    });
    expect(parsePackageUrl("./foo-1-0.conda", { cwd: "/w" })).toMatchObject({
      url: "file:///w/foo-1-0.conda",
      channel: "file:///w",
      subdir: undefined,
    });
    expect(parsePackageUrl("D:\\c\\noarch\\foo-1-0.conda")).toMatchObject({
      url: "file:///D:/c/noarch/foo-1-0.conda",
      subdir: "noarch",
    });
    expect(() => parsePackageUrl("https://h/c/foo-1-0.conda?x=1")).toThrow("query");
    expect(() => parsePackageUrl("https://h/c/foo.conda")).toThrow("is not name-version-build");
  });

  it("splits archive names from the right", () => {
    expect(parseArchiveName("a-b-1.0-h_0.conda")).toEqual({
      name: "a-b",
      version: "1.0",
      build: "h_0",
      extension: ".conda",
    });
    for (const fn of ["a-1.conda", "-1-0.conda", "a--0.conda", "a-1-.conda", "a-1-0.zip", ""])
      expect(parseArchiveName(fn), fn).toBeUndefined();
  });
});
