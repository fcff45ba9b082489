import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../src/errors.ts";
import {
  checkDependencies,
  type EnvironmentFile,
  parseEnvironmentFile,
} from "../../src/specs/environment-file.ts";
import { parseMatchSpec } from "../../src/specs/match-spec.ts";

function read(
  text: string,
  options: { platform?: string; home?: string; env?: Record<string, string> } = {},
): EnvironmentFile {
  return parseEnvironmentFile(text, { fileName: "environment.yml", platform: "linux-64", ...options });
}

function messages(file: EnvironmentFile): string[] {
  return file.warnings.map(({ message, hint }) => (hint ? `${message} (${hint})` : message));
}

describe("environment.yml", () => {
  it("reads pip's extras in a conda dependency as the package alone, and says so", () => {
    const file = parseEnvironmentFile("dependencies:\n  - dask[complete]>=2024\n  - numpy[version='>=2']\n", {
      fileName: "environment.yml",
      platform: "linux-64",
    });
    expect(file.dependencies).toEqual(["dask >=2024", "numpy[version='>=2']"]);
    expect(file.warnings).toHaveLength(1);
    expect(file.warnings[0]?.message).toContain("`dask[complete]>=2024` is read as `dask >=2024`");
  });

  it("reads every key", () => {
    const file = read(
      `
name: stats
prefix: ~/envs/$WHERE
channels: [conda-forge, nodefaults, "https://h/t/\${TOKEN}/c"]
dependencies:
  - python=3.10
  - conda-forge::numpy >=1.2  # fast
  - pip:
    - -r requirements.txt
    - -e .
    - git+https://github.com/o/p@main#egg=p
    - "name @ file:///x"
    - 3.10
variables: {A: 1.50, B: yes, C: "", D: null, E:}
platforms: [linux-64, osx-arm64]
category: dev
`,
      { home: "/home/u", env: { WHERE: "here", TOKEN: "tk" } },
    );
    expect(file).toMatchObject({
      name: "stats",
      prefix: "/home/u/envs/here",
      channels: ["conda-forge", "https://h/t/tk/c"],
      nodefaults: true,
      dependencies: ["python=3.10", "conda-forge::numpy >=1.2", "pip"],
      pip: [
        "-r requirements.txt",
        "-e .",
        "git+https://github.com/o/p@main#egg=p",
        "name @ file:///x",
        "3.10",
      ],
      variables: { A: "1.50", B: "yes", C: "", D: "null", E: "" },
      platforms: ["linux-64", "osx-arm64"],
      category: "dev",
      warnings: [],
    });
    expect(file.positions.get("conda-forge::numpy >=1.2")).toEqual({ line: 7, column: 5 });
  });

  it("pip is added only when nobody asks for it", () => {
    const section = "\n  - pip: [x]\n";
    expect(read(`dependencies:\n  - a${section}`).dependencies).toEqual(["a", "pip"]);
    for (const spec of ["pip", "pip>=20", "conda-forge::pip", "pip =24", "pip[version='>=1']"]) {
      expect(read(`dependencies:\n  - "${spec}"${section}`).dependencies).toEqual([spec]);
    }
    expect(read(`dependencies:\n  - pip-tools${section}`).dependencies).toEqual(["pip-tools", "pip"]);
    expect(read("dependencies:\n  - a\n  - pip:\n").dependencies).toEqual(["a"]);
    expect(read("dependencies:\n  - a\n  - uv: [b]\n")).toMatchObject({
      uv: ["b"],
      dependencies: ["a", "uv"],
    });
  });

  it("a spec that is repeated counts once, a second spec of a package is another", () => {
    expect(read("dependencies: [python, python, python=3.11]").dependencies).toEqual([
      "python",
      "python=3.11",
    ]);
  });

  it("selects by platform, in file order", () => {
    const text = `
dependencies:
  - sel(win): a-win
  - sel(unix): a-unix
  - b  # [linux64]
  - c  # [osx or win]
  - d  #[not win]
  - e  # [see the docs]
  - f  # [(linux and not aarch64) or osx-arm64]
  - "g # [win]"
  - pip:
    - h  # [win]
    - i
`;
    expect(read(text)).toMatchObject({
      dependencies: ["a-unix", "b", "d", "e", "f", "g # [win]", "pip"],
      pip: ["i"],
    });
    expect(read(text, { platform: "win-64" })).toMatchObject({
      dependencies: ["a-win", "c", "e", "g # [win]", "pip"],
      pip: ["h", "i"],
    });
    expect(read(text, { platform: "osx-arm64" }).dependencies).toContain("f");
    expect(messages(read("dependencies:\n  - a  # [py38 and win]\n"))).toEqual([
      expect.stringContaining("line 2"),
    ]);
    expect(() => read("dependencies:\n  - sel(amiga): a\n")).toThrow(
      /line 2, column 5: unknown selector `sel\(amiga\)`/,
    );
  });

  it("anchors, aliases and merge keys work", () => {
    const file = read(`
x-common: &common
  channels: [conda-forge]
y: &p python=3.11
<<: *common
dependencies: [*p, numpy]
`);
    expect(file).toMatchObject({
      channels: ["conda-forge"],
      dependencies: ["python=3.11", "numpy"],
      warnings: [],
    });
  });

  it("unknown keys are warned about with the nearest known one", () => {
    const file = read("chanels: [a]\ndependecies: [b]\nextras: {}\n");
    expect(file.dependencies).toEqual([]);
    expect(messages(file)).toEqual([
      "`environment.yml`, line 1, column 1: the key `chanels` is ignored (did you mean `channels`?)",
      "`environment.yml`, line 2, column 1: the key `dependecies` is ignored (did you mean `dependencies`?)",
      "`environment.yml`, line 3, column 1: the key `extras` is ignored",
    ]);
  });

  it.each([
    ["name: a/b", /line 1, column 7: the name `a\/b`/],
    ["name: a:b", /the name/],
    ['name: "a#b"', /the name/],
    ["name: ..", /the name/],
    ['name: "a\\\\b"', /the name/],
    ["name: [a]", /`name` must be text/],
    ["prefix: {a: b}", /`prefix` must be a path/],
    ["channels:\ndependencies: []", /line 1, column 1: `channels` must be a list/],
    ["channels: conda-forge", /`channels` must be a list/],
    ["channels: [{a: b}]", /a channel must be text/],
    ["dependencies:\n  - npm: [x]", /line 2, column 5: the section `npm`/],
    ["dependencies:\n  - -r requirements.txt", /`-r requirements.txt` is an option of pip/],
    ["dependencies:\n  - [a]", /line 2, column 5: a dependency must be a spec/],
    ["dependencies:\n  - pip: x", /`pip` must be a list/],
    ["dependencies:\n  - pip:\n    - a: b", /line 3, column 7: a pip requirement must be text/],
    ["variables: [A=1]", /`variables` must be a mapping/],
    ["variables: {A: [1]}", /the value of `A` must be text/],
    ['variables: {"A=B": 1}', /cannot be the name of a variable/],
    ["dependencies:\n\t- a", /line 2/],
    ["name: a\nname: b", /line 2, column 1/],
    ["just text", /this is text/],
    ["a: &a [*a]\n<<: *a", /must name a mapping/],
  ])("%j is refused", (text, message) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: "env-file-invalid", message: expect.stringMatching(message) }),
    );
  });

  it("`base` is a possible name, a space only a warning", () => {
    expect(read("name: base")).toMatchObject({ name: "base", warnings: [] });
    expect(read('name: "a b"')).toMatchObject({
      name: "a b",
      warnings: [{ message: expect.stringContaining("space") }],
    });
    expect(read("name: 3.10").name).toBe("3.10");
    expect(read("name: null").name).toBeUndefined();
  });

  it("the last of two pip sections counts, with a warning", () => {
    const file = read("dependencies:\n  - pip: [a]\n  - pip: [b]\n");
    expect(file.pip).toEqual(["b"]);
    expect(messages(file)).toEqual([
      expect.stringContaining("line 3, column 5: this `pip` section replaces"),
    ]);
  });

  it("a variable may be called like a property of objects", () => {
    expect(Object.entries(read("variables: {__proto__: x, constructor: y}").variables)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  it("a spec's complaint has its place in the file", () => {
    const file = read("dependencies:\n  - python\n  - numpy >=1.2,,<\n");
    expect(() => checkDependencies(file, (spec) => parseMatchSpec(spec))).toThrow(
      expect.objectContaining({
        code: "env-file-invalid",
        message: expect.stringContaining("`environment.yml`, line 3, column 5"),
      }),
    );
  });

  it("hostile YAML costs little and ends", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${"bcdefghij"
      .split("")
      .map((name, i) => `${name}: &${name} [${Array(10).fill(`*${"abcdefghij"[i]}`).join(",")}]`)
      .join("\n")}\ndependencies: *j\n`;
    expect(() => read(bomb)).toThrow(ToolError);
    expect(() => read(`dependencies: ${"[".repeat(100_000)}`)).toThrow(ToolError);
    expect(() => read(`${"a: &a0 {}\n"}${"<<: *a0\n"}`)).not.toThrow();
    expect(read(`dependencies:\n  - a  # [${"(".repeat(400)}linux]\n`).dependencies).toEqual(["a"]);
  });

  it("any text gives a file or a ToolError", () => {
    const line = fc.constantFrom(
      "name: x",
      "channels:",
      "dependencies:",
      "  - a",
      "  - pip:",
      "    - b",
      "  - *x",
      "x: &x",
      "<<: *x",
      "variables: {A: 1}",
      "  - sel(win): c",
      "- d",
      "\t",
      "%YAML 1.2",
      "---",
      "...",
      "'",
      '"',
      "? a",
      "!!binary x",
      "  - &x y # [linux]",
      "  - {}",
    );
    const soup = fc
      .array(fc.oneof({ weight: 4, arbitrary: line }, fc.string()), { maxLength: 12 })
      .map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: "binary" })), (text) => {
        try {
          const file = read(text);
          expect(file.dependencies.every((spec) => typeof spec === "string")).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { numRuns: 1200 },
    );
  });
});

describe("a slip in environment.yml", () => {
  const refusal = (text: string): string => {
    try {
      read(text);
    } catch (error) {
      if (error instanceof ToolError) return `${error.message} (${error.hint})`;
      throw error;
    }
    throw new Error("it was read");
  };

  it.each([
    [
      "a tab",
      "channels:\n\t- a\n",
      "line 2, column 1: the line is indented with a tab (YAML is indented with spaces)",
    ],
    [
      "no colon",
      "name: x\ndependencies\n  - a\n",
      "line 2, column 1: a `:` is missing after this key (write `key: value`, or `key:` before a list)",
    ],
    [
      "another indent",
      "name: x\n dependencies:\n  - a\n",
      "line 1, column 7: this value is followed by a key, which cannot stand here (start keys that belong together at the same column, and put text that contains `: ` in quotes)",
    ],
    [
      "pip without a colon",
      "dependencies:\n  - pip\n    - requests\n",
      "line 2, column 5: `pip - requests` is several lines that YAML joined into one (write `pip:` with a colon before its list)",
    ],
    [
      "one channel as text",
      "channels: conda-forge\n",
      "line 1, column 11: `channels` must be a list (write `channels: [conda-forge]`)",
    ],
  ])("%s is explained", (_, text, expected) => {
    expect(refusal(text)).toBe(`\`environment.yml\`, ${expected}`);
  });

  it.each([
    ["a misspelt key", "dependancies: [a]\n", "did you mean `dependencies`?"],
    ["no space after the dash", "dependencies:\n  -a\n  -b\n", "write a space after each `-`"],
    ["a mapping", "dependencies:\n  a: 1\n", "write one `- package` a line"],
  ])("%s is marked as losing what was asked for", (_, text, hint) => {
    const { warnings, dependencies } = read(text);
    expect(dependencies).toEqual([]);
    expect(warnings).toMatchObject([{ losesDependencies: true, hint }]);
  });

  it("a pip section whose lines are not indented is noticed", () => {
    expect(messages(read("dependencies:\n  - pip:\n  - requests\n"))).toEqual([
      "`environment.yml`, line 2, column 5: the `pip` section is empty (indent its lines further than its name)",
    ]);
  });
});
