import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../src/errors.ts";
import {
  exactMatchSpec,
  extractName,
  formatExportSpec,
  formatMatchSpec,
  matchSpecMatches,
  parseMatchSpec,
  tryParseMatchSpec,
} from "../../src/specs/match-spec.ts";
import { formatVersionSpec } from "../../src/specs/version-spec.ts";

const numpy = {
  name: "numpy",
  version: "1.26.4",
  build: "py311h64a7726_0",
  build_number: 0,
  subdir: "linux-64",
  channel: "https://conda.anaconda.org/conda-forge",
  url: "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda",
  fn: "numpy-1.26.4-py311h64a7726_0.conda",
  md5: "a502d7aad449a1206efb366d6a12c52d",
  license: "BSD-3-Clause",
  track_features: "blas_mkl fast",
  flags: ["cuda", "blas:mkl"],
};

/** Name, version and build as text, for tables. */
function shape(text: string): string {
  const { name, nameMatcher, version, build } = parseMatchSpec(text);
  return `${name ?? nameMatcher?.source ?? "*"} ${version ? formatVersionSpec(version) : "-"} ${build?.source ?? "-"}`;
}

describe("positional specs", () => {
  it.each([
    ["numpy", "numpy - -"],
    ["  NumPy  ", "numpy - -"],
    ["numpy=1.8", "numpy =1.8 -"],
    ["numpy =1.8", "numpy =1.8 -"],
    ["numpy = 1.8", "numpy =1.8 -"],
    ["numpy 1.8", "numpy ==1.8 -"],
    ["numpy==1.8", "numpy ==1.8 -"],
    ["numpy 1.8.*", "numpy =1.8 -"],
    ["numpy=1.8.*=*", "numpy =1.8 -"],
    // Three fields: `=` as separator means equality, a space before `=` does not (CEP 29).
    ["numpy=1.8=py27_0", "numpy ==1.8 py27_0"],
    ["numpy=1.8.*=py27_0", "numpy =1.8 py27_0"],
    ["numpy   =    1.8    =    py27_0", "numpy ==1.8 py27_0"],
    ["numpy >=1.8 = py27_0", "numpy >=1.8 py27_0"],
    ["numpy==1.8=py27_0", "numpy ==1.8 py27_0"],
    ["numpy =1.8 py27_0", "numpy =1.8 py27_0"],
    ["numpy 1.8 py27_0", "numpy ==1.8 py27_0"],
    ["numpy>=1.8,<2", "numpy >=1.8,<2 -"],
    ["numpy >=1.8 , < 2", "numpy >=1.8,<2 -"],
    ["numpy >=1.8,<2|1.9 *_0", "numpy >=1.8,<2|==1.9 *_0"],
    ["py*>=3.7=*cpython", "py* >=3.7 *cpython"],
    ["numpy=*", "numpy - -"],
    ["numpy=", "numpy - -"],
    ["", "* - -"],
    ["* * openblas_0", "* - openblas_0"],
    ["^f.*$", "^f.*$ - -"],
    ["foo # comment", "foo - -"],
    ["python ^3\\.1[01]$", "python ^3\\.1[01]$ -"],
    // Spellings of real records.
    ["libgcc-ng ==15.2.0=*_7", "libgcc-ng ==15.2.0 *_7"],
    ["libabseil-static =20240116.1=cxx17*", "libabseil-static ==20240116.1 cxx17*"],
    ["liblapacke 3.11.0   2*_openblas", "liblapacke ==3.11.0 2*_openblas"],
    ["libopenblas >=0.3.18, !=0.3.20", "libopenblas >=0.3.18,!=0.3.20 -"],
    ["imath<3.2.0a0", "imath <3.2.0a0 -"],
    ["__osx>=10.12", "__osx >=10.12 -"],
    ["x264 >=1 !164.3095,<1!165", "x264 >=1!164.3095,<1!165 -"],
    ["cddlib >=1!0.94m", "cddlib >=1!0.94m -"],
    ["python >=3.10.*", "python >=3.10 -"],
    ["clangdev 10.0.0|10.0.0.*", "clangdev ==10.0.0|=10.0.0 -"],
    ["libfaiss v1.6.4 h6bb024c_0_cpu", "libfaiss ==v1.6.4 h6bb024c_0_cpu"],
    ["python_abi * *_cp27mu", "python_abi - *_cp27mu"],
    ["kytea >=0.1.4, 0.2.0", "kytea >=0.1.4,==0.2.0 -"],
  ])("%s", (text, expected) => {
    expect(shape(text)).toBe(expected);
  });

  it.each([
    ["foo>=", "a version is missing after `>=`"],
    ["foo==1.0==bld", "is not a version"],
    ["foo=1=2=3", "is not a version"],
    ["foo<>1.0", "is not a version"],
    [">=1.0", "the package name is missing"],
    ["pack@ge", "`@` is not allowed in a package name (at position 5)"],
    ["../../etc", "`/` is not allowed in a package name"],
    ["foo; if bar", "`;` is not allowed"],
    ["foo if python>=3.6", "is not a version"],
    ["foo]", "a `]` has no `[`"],
    ["python (>=3.8,<3.10)|(>=3.11,<3.13)", "parentheses belong into the version key"],
    ["^(aaaa$", "the group is not closed"],
    ["[version=1.0]", "the package name is missing"],
  ])("refuses %s", (text, message) => {
    expect(() => parseMatchSpec(text)).toThrow(message);
    expect(tryParseMatchSpec(text)).toBeUndefined();
  });
});

describe("keys", () => {
  it("reads every key", () => {
    const spec = parseMatchSpec(
      `numpy[version='>=1.8,<2', build="py3*", build_number='>=3', channel=conda-forge, subdir=linux-64, md5=ABC, sha256=DEF, fn='a b.conda', license='*BSD*', license_family=BSD, features=mkl, track_features='a,b c', optional, noarch=python]`,
    );
    expect(spec).toMatchObject({
      name: "numpy",
      channel: "conda-forge",
      subdir: "linux-64",
      md5: "abc",
      sha256: "def",
      fn: "a b.conda",
      trackFeatures: ["a", "b", "c"],
      optional: true,
    });
    expect(spec.build?.source).toBe("py3*");
    expect(spec.plain?.noarch?.source).toBe("python");
    expect(spec.buildNumber && formatVersionSpec(spec.buildNumber)).toBe(">=3");
  });

  it("lets keys win over positions, except for the name", () => {
    const spec = parseMatchSpec(
      "defaults/linux-64::numpy=1.8=py27_0[name=pytorch,channel=anaconda,subdir=noarch,version=1.9,build=b]",
    );
    expect(spec).toMatchObject({ name: "numpy", channel: "anaconda", subdir: "noarch" });
    expect(spec.version && formatVersionSpec(spec.version)).toBe("==1.9");
    expect(spec.build?.source).toBe("b");
  });

  it("reads when, extras and flags (CEP 43, 44, 45)", () => {
    const spec = parseMatchSpec(
      `pkg[when='(python>=3.6 or pypy) and __unix', extras=[b, 'a'], flags=["cuda", "blas:*"]]`,
    );
    expect(spec.extras).toEqual(["a", "b"]);
    expect(spec.flags?.map(({ source }) => source)).toEqual(["blas:*", "cuda"]);
    expect(spec.when).toMatchObject({
      kind: "and",
      operands: [{ kind: "or" }, { kind: "spec", spec: { name: "__unix" } }],
    });
    expect(formatMatchSpec(spec)).toBe(
      "pkg[when='(python[version=\\'>=3.6\\'] or pypy) and __unix',extras=['a','b'],flags=['blas:*','cuda']]",
    );
    expect(parseMatchSpec("pkg[when=python[version='>=2'], extras=a]").when).toMatchObject({
      spec: { name: "python" },
    });
  });

  it("keeps quotes inside the brackets of a condition apart from those around it", () => {
    expect(parseMatchSpec("pkg[when='(a and b[version='>=3.10'])', build=x]").when).toMatchObject({
      kind: "and",
      operands: [{ spec: { name: "a" } }, { spec: { name: "b" } }],
    });
    expect(parseMatchSpec("pkg[when='a AND (b Or c)']").when).toEqual(
      parseMatchSpec("pkg[when='a and (b or c)']").when,
    );
    expect(() => parseMatchSpec("pkg[when='a[when='__unix']']")).toThrow(ToolError);
  });

  it("takes several platforms apart at `,`, `|` and `;`", () => {
    const record = { name: "x", version: "1", build: "0", build_number: 0 };
    for (const text of ["x[subdir='linux-64|noarch']", "c[linux-64|noarch]::x", "c[linux-64;noarch]::x"]) {
      const spec = parseMatchSpec(text);
      expect(matchSpecMatches(spec, { ...record, subdir: "noarch" })).toBe(true);
      expect(matchSpecMatches(spec, { ...record, subdir: "linux-64" })).toBe(true);
      expect(matchSpecMatches(spec, { ...record, subdir: "win-64" })).toBe(false);
    }
  });

  it("reads the extras of pip away where that is wanted", () => {
    const read = (text: string) => formatMatchSpec(parseMatchSpec(text, { ignorePipExtras: true }));
    expect(read("dask[complete]")).toBe("dask");
    expect(read("jsonargparse[signatures, urls] >=4.27.7")).toBe("jsonargparse[version='>=4.27.7']");
    expect(read("dask[version=1]")).toBe("dask==1");
    expect(read("conda-forge[noarch]::dask")).toBe("conda-forge/noarch::dask");
    expect(() => parseMatchSpec("dask[complete]")).toThrow("a key without a value");
  });

  it("keeps quoted brackets inside unquoted values", () => {
    const spec = parseMatchSpec("pkg[when=python[build='a]b',version='>=2'], extras=a]");
    expect(spec.extras).toEqual(["a"]);
    expect(spec.when).toMatchObject({ spec: { name: "python", build: { source: "a]b" } } });
  });

  it.each([
    "foo[version='1.0]",
    "foo[build",
    "foo[build=",
    "foo[build=]",
    "foo[a]",
    "foo[colour=red]",
    "foo[version=1,version=2]",
    "foo[build=0]bar",
    "foo[extras=[a]",
    "foo[extras=[[a]]]",
    "foo[extras=[]]",
    "foo[extras=a,b]",
    "foo[flags=[Not-a-flag]]",
    "foo[build=[a]]",
    "foo[build<3]",
    'foo[when="bar[when=\\"baz\\"]"]',
    "foo[when='a and']",
    "foo[when='(a']",
    "foo[when='a) b']",
    "foo[when=__linux,when=__osx]",
  ])("refuses %s", (text) => {
    expect(() => parseMatchSpec(text)).toThrow(ToolError);
  });
});

describe("channels", () => {
  it.each([
    ["conda-forge::foo", "conda-forge", undefined],
    ["conda-forge/linux-64::foo", "conda-forge", "linux-64"],
    ["pkgs/main/noarch::foo", "pkgs/main", "noarch"],
    ["conda-forge/linux-64/label/dev::foo", "conda-forge/label/dev", "linux-64"],
    ["https://host:8080/get/chan/osx-arm64::foo", "https://host:8080/get/chan", "osx-arm64"],
    ["foo[channel=https://host/chan/osx-64]", "https://host/chan", "osx-64"],
    ["conda-forge[linux-64, noarch]::foo", "conda-forge", "linux-64,noarch"],
    ["/tmp/chan::foo", "/tmp/chan", undefined],
    ["*/linux-64::foo", undefined, "linux-64"],
    ["::foo", undefined, undefined],
    ["noarch::foo", "noarch", undefined],
  ])("%s", (text, channel, subdir) => {
    const spec = parseMatchSpec(text);
    expect([spec.name, spec.channel, spec.subdir]).toEqual(["foo", channel, subdir]);
  });

  it("keeps the namespace apart", () => {
    expect(parseMatchSpec("conda-forge:ns:foo")).toMatchObject({
      channel: "conda-forge",
      namespace: "ns",
      name: "foo",
    });
  });

  it.each([
    ["conda-forge::numpy", true],
    ["defaults::numpy", false],
    ["https://conda.anaconda.org/conda-forge::numpy", true],
    ["https://conda.anaconda.org/t/tk-1/conda-forge/::numpy", true],
    ["https://user:pw@conda.anaconda.org/conda-forge::numpy", true],
    ["https://mirror.example/conda-forge::numpy", false],
    ["forge::numpy", false],
    ["numpy[channel='conda-*']", true],
    ["conda-forge/noarch::numpy", false],
    ["numpy[subdir='linux-64,noarch']", true],
  ])("%s", (text, expected) => {
    expect(matchSpecMatches(parseMatchSpec(text), numpy)).toBe(expected);
  });

  it("compares names with canonical names, and a URL with the URL of a record that has only a name", () => {
    const named = { ...numpy, channel: "conda-forge" };
    expect(matchSpecMatches(parseMatchSpec("conda-forge::numpy"), named)).toBe(true);
    expect(matchSpecMatches(parseMatchSpec("https://conda.anaconda.org/conda-forge::numpy"), named)).toBe(
      true,
    );
    expect(matchSpecMatches(parseMatchSpec("https://mirror.example/conda-forge::numpy"), named)).toBe(false);
    expect(
      matchSpecMatches(parseMatchSpec("defaults::numpy"), {
        ...numpy,
        channel: "https://repo.anaconda.com/pkgs/main",
      }),
    ).toBe(true);
  });
});

describe("matching", () => {
  it.each([
    ["numpy", true],
    ["pandas", false],
    ["num*", true],
    ["^n.mpy$", true],
    ["numpy=1.26", true],
    ["numpy 1.26", false],
    ["numpy=1.26.4=py311*", true],
    ["numpy=*=py310*", false],
    ["numpy[build_number='<1']", true],
    ["numpy[build_number=1]", false],
    ["numpy[md5=A502D7AAD449A1206EFB366D6A12C52D]", true],
    ["numpy[md5=00]", false],
    ["numpy[sha256=00]", false],
    ["numpy[license=bsd-3-clause]", true],
    ["numpy[license='*gpl*']", false],
    ["numpy[license_family=BSD]", false],
    ["numpy[track_features=fast]", true],
    ["numpy[track_features='fast,slow']", false],
    ["numpy[features=x]", false],
    ["numpy[flags=[cuda, 'blas:*']]", true],
    ["numpy[flags=rocm]", false],
    ["numpy[noarch=python]", false],
    ["numpy[fn=numpy-1.26.4-py311h64a7726_0.conda]", true],
    ["numpy[fn=other.conda]", false],
    [
      "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda#a502d7aad449a1206efb366d6a12c52d",
      true,
    ],
    ["https://mirror.example/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda", false],
  ])("%s", (text, expected) => {
    expect(matchSpecMatches(parseMatchSpec(text), numpy)).toBe(expected);
  });

  it("does not fail on records that are not well-formed", () => {
    expect(matchSpecMatches(parseMatchSpec("numpy>=1"), { ...numpy, version: "not a version" })).toBe(false);
    expect(matchSpecMatches(parseMatchSpec("numpy"), { ...numpy, version: "not a version" })).toBe(true);
  });

  it("makes a spec for one record", () => {
    const spec = exactMatchSpec(numpy);
    expect(matchSpecMatches(spec, numpy)).toBe(true);
    expect(matchSpecMatches(spec, { ...numpy, build: "py311h64a7726_1" })).toBe(false);
    expect(matchSpecMatches(spec, { ...numpy, version: "1.26.40" })).toBe(false);
  });
});

describe("archives", () => {
  it("reads URLs and paths with hashes", () => {
    const spec = parseMatchSpec(
      "https://host/chan/linux-64/x264-1%21164.3095-h166bdaf_2.tar.bz2#sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3",
    );
    expect(spec).toMatchObject({ name: "x264", fn: "x264-1%21164.3095-h166bdaf_2.tar.bz2", archive: true });
    expect(spec.version && formatVersionSpec(spec.version)).toBe("==1!164.3095");
    expect(spec.sha256).toMatch(/^315f/);
    expect(parseMatchSpec("./foo-1.0-0.conda")).toMatchObject({ name: "foo", url: "./foo-1.0-0.conda" });
    expect(parseMatchSpec("C:\\x\\foo-1.0-0.conda", { windowsPaths: true })).toMatchObject({
      name: "foo",
      fn: "foo-1.0-0.conda",
    });
    expect(() => parseMatchSpec("foo.conda")).toThrow("is not the name of a package archive");
    expect(() => parseMatchSpec("foo-1.0-0.conda#nonsense")).toThrow("neither an MD5 nor a SHA-256");
  });
});

describe("printing", () => {
  it.each([
    ["foo 1.0 py27_0", "foo==1.0=py27_0"],
    ["conda-forge::foo[version=1.0.*]", "conda-forge::foo=1.0"],
    ["conda-forge/linux-64::foo>=1.0", "conda-forge/linux-64::foo[version='>=1.0']"],
    ["*/linux-64::foo>=1.0", "foo[subdir='linux-64',version='>=1.0']"],
    ["foo * py27*", "foo[build='py27*']"],
    ["*", "*"],
    ["foo-1.0-0.conda#A502D7AAD449A1206EFB366D6A12C52D", "foo-1.0-0.conda#a502d7aad449a1206efb366d6a12c52d"],
  ])("%s", (text, expected) => {
    expect(formatMatchSpec(parseMatchSpec(text))).toBe(expected);
  });

  it("prints the form of environment files", () => {
    expect(formatExportSpec(parseMatchSpec("pkgs/main::pandas==1.3.0=py39h123_0"))).toBe(
      "pandas=1.3.0=py39h123_0",
    );
    expect(formatExportSpec(parseMatchSpec("pandas==1.3.0"))).toBe("pandas=1.3.0");
    expect(formatExportSpec(parseMatchSpec("pandas>=1.3"))).toBe("pandas>=1.3");
  });

  it("extracts names", () => {
    expect(extractName("libzstd!=1.5")).toBe("libzstd");
    expect(extractName("py*")).toBeUndefined();
    expect(extractName(">=1.0")).toBeUndefined();
  });
});

const piece = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const specText = fc
  .record({
    channel: piece(fc.constantFrom("conda-forge::", "https://h/c/linux-64::", "*/noarch::", "a/b::")),
    name: fc.constantFrom("foo", "foo-bar", "_x", "__glibc", "py*", "*", "^f.*$"),
    version: fc.constantFrom("", "=1.2", "==1.2", " 1.2", ">=1,<2", " 1.*|2", "~=1.4", "!=1.0"),
    build: fc.constantFrom("", "=py*", "=b_0", "=*"),
    keys: fc.uniqueArray(
      fc.constantFrom(
        "build_number='>2'",
        "md5=ab",
        "license='A \\'b\\''",
        "subdir=linux-64",
        "channel=x",
        "when='a>=1 or (b and c)'",
        "extras=[x,y]",
        "flags=[cuda,'k:*']",
        'track_features="a b"',
        "fn='x y'",
        "optional",
      ),
      { maxLength: 4 },
    ),
  })
  .map(
    ({ channel, name, version, build, keys }) =>
      `${channel ?? ""}${name}${version}${version === "" ? "" : build}${keys.length > 0 ? `[${keys.join(", ")}]` : ""}`,
  );

describe("properties", () => {
  it("means the same after printing and parsing", () => {
    const record = fc.record({
      name: fc.constantFrom("foo", "python"),
      version: fc.constantFrom("1.2", "1.2.3", "2", "1.4.1"),
      build: fc.constantFrom("b_0", "py39"),
      build_number: fc.nat(4),
      subdir: fc.constantFrom("linux-64", "noarch"),
      channel: fc.constantFrom("conda-forge", "https://h/c", "x"),
    });
    fc.assert(
      fc.property(specText, record, (text, candidate) => {
        const spec = parseMatchSpec(text);
        const printed = formatMatchSpec(spec);
        const again = parseMatchSpec(printed);
        expect(formatMatchSpec(again), text).toBe(printed);
        expect(matchSpecMatches(again, candidate)).toBe(matchSpecMatches(spec, candidate));
      }),
      { numRuns: 5000 },
    );
  });

  it("never crashes on any text", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.string({
        unit: fc.constantFrom(
          ..."ab1.:/=<>!~|,()[]{}'\"\\#^$* -_",
          "when=",
          "extras=",
          ".conda",
          " and ",
          "http://",
        ),
        maxLength: 30,
      }),
    );
    fc.assert(
      fc.property(text, (source) => {
        try {
          formatMatchSpec(parseMatchSpec(source));
        } catch (error) {
          expect(error, source).toBeInstanceOf(ToolError);
        }
      }),
      { numRuns: 8000 },
    );
  });

  it("reads the same from the short cut and the long way", () => {
    const version = fc.constantFrom("1.2", ">=1,<2", "1.*", "=1.2", "==1.2", "*", "!=1|2.0", "~=1.4");
    fc.assert(
      fc.property(version, fc.constantFrom("", "b_0", "*", "py3*_1"), (middle, build) => {
        const quick = `foo ${middle} ${build}`.trim();
        // The empty namespace sends the same text through the full parser.
        const { source: _a, ...short } = parseMatchSpec(quick);
        const { source: _b, ...full } = parseMatchSpec(`::${quick}`);
        expect(short).toEqual(full);
      }),
    );
  });
});
