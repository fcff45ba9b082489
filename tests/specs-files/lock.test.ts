import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../src/errors.ts";
import {
  parseCondaLock,
  parseLockFile,
  parseMambajsLock,
  parsePixiLock,
  selectLocked,
} from "../../src/specs/lock/index.ts";

const digest = "0123456789abcdef0123456789abcdef";
const file = (fileName: string) => ({ fileName });

const META =
  "version: 1\nmetadata: {content_hash: {}, channels: [{url: conda-forge, used_env_vars: []}], platforms: [linux-64], sources: []}\n";
const entry = (fields: Record<string, string> = {}) => {
  const all: Record<string, string> = {
    name: "zlib",
    version: "'1.3'",
    manager: "conda",
    platform: "linux-64",
    url: "https://h/cf/linux-64/zlib-1.3-h1_4.conda",
    hash: `{md5: ${digest}}`,
    dependencies: "{libc: '>=2', __glibc: ''}",
    ...fields,
  };
  return `- {${Object.entries(all)
    .map(([key, value]) => `${key}: ${value}`)
    .join(", ")}}\n`;
};

describe("conda-lock.yml", () => {
  it("gives records", () => {
    const lock = parseCondaLock(`${META}package:\n${entry()}`, file("conda-lock.yml"));
    const chosen = selectLocked(lock, { platform: "linux-64" });
    expect(chosen).toMatchObject({ platform: "linux-64", channels: ["conda-forge"], pypi: [] });
    expect(chosen.conda[0]?.record).toEqual({
      name: "zlib",
      version: "1.3",
      build: "h1_4",
      build_number: 4,
      subdir: "linux-64",
      depends: ["libc >=2", "__glibc"],
      md5: digest,
      fn: "zlib-1.3-h1_4.conda",
      url: "https://h/cf/linux-64/zlib-1.3-h1_4.conda",
      channel: "https://h/cf",
    });
  });

  it("keeps credentials out of the record", () => {
    const lock = parseCondaLock(
      `${META}package:\n${entry({ url: "'https://u:pw@h/t/tk/cf/linux-64/zlib-1.3-h1_4.conda'" })}`,
      file("x"),
    );
    const [locked] = selectLocked(lock, { platform: "linux-64" }).conda;
    expect(JSON.stringify(locked?.record)).not.toMatch(/pw|tk/);
    expect(locked?.auth).toEqual({ user: "u", password: "pw", token: "tk" });
  });

  it("selects categories, each package once", () => {
    const text = `${META}package:\n${entry()}${entry({ category: "dev" })}${entry({ category: "dev", name: "pkg", manager: "pip", url: "https://h/pkg.whl" })}`;
    const lock = parseCondaLock(text, file("x"));
    expect(selectLocked(lock, { platform: "linux-64" }).pypi).toEqual([]);
    const both = selectLocked(lock, { platform: "linux-64", categories: ["main", "dev"] });
    expect([both.conda.length, both.pypi.map(({ name }) => name)]).toEqual([1, ["pkg"]]);
    const differing = parseCondaLock(
      `${META}package:\n${entry()}${entry({ category: "dev", url: "https://h/cf/linux-64/zlib-1.4-h1_0.conda" })}`,
      file("x"),
    );
    expect(() => selectLocked(differing, { platform: "linux-64", categories: ["main", "dev"] })).toThrow(
      /locks `zlib` twice/,
    );
    expect(() => selectLocked(lock, { platform: "win-64" })).toThrow(
      expect.objectContaining({ code: "package-not-found", hint: "its platforms are `linux-64`" }),
    );
  });

  it.each([
    ["another version", "version: 2\nmetadata: {}\n", /version 2/],
    [
      "an unknown metadata key",
      `${META.replace("sources: []", "sources: [], extra: 1")}package: []\n`,
      /unknown key `extra`/,
    ],
    ["no metadata", "version: 1\npackage: []\n", /no `metadata`/],
    ["no hash", `${META}package:\n${entry().replace(/hash: [^}]*}/, "optional: false")}`, /no `hash`/],
    ["no manager", `${META}package:\n${entry({ manager: "''" })}`, /no `manager`/],
    ["an unknown manager", `${META}package:\n${entry({ manager: "npm" })}`, /unknown manager `npm`/],
    [
      "an unlisted platform",
      `${META}package:\n${entry({ platform: "win-64" })}`,
      /which `metadata.platforms` does not list/,
    ],
    ["a repeated package", `${META}package:\n${entry()}${entry()}`, /locked twice/],
    [
      "a wheel as conda package",
      `${META}package:\n${entry({ url: "https://h/x.whl" })}`,
      /not the location of a conda package/,
    ],
    ["a digest that is none", `${META}package:\n${entry({ hash: "{md5: zz}" })}`, /not a hexadecimal digest/],
    ["a list", "[]", /not a mapping/],
    ["nothing", "", /empty/],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseCondaLock(text, file("conda-lock.yml"))).toThrow(
      expect.objectContaining({ code: "parse-error", message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ["a name that leaves the directory", { name: "../../etc" }],
    ["a version with a slash", { version: "1/2" }],
    ["an encoded slash in the file name", { url: "https://h/cf/linux-64/zlib-1.3-..%2f..%2fx_4.conda" }],
    ["a build that leaves the directory", { build: "'../x'" }],
  ])("refuses %s", (_, fields) => {
    expect(() => parseCondaLock(`${META}package:\n${entry(fields)}`, file("x"))).toThrow(
      expect.objectContaining({ code: "unsafe-name" }),
    );
  });
});

describe("pixi.lock", () => {
  const url = "https://h/cf/noarch/tzdata-2024b-pyh1_3.conda";
  const v6 = (environments: string, packages: string) =>
    `version: 6\nenvironments:\n${environments}packages:\n${packages}`;

  it("reads version 6, deriving what it leaves out", () => {
    const lock = parsePixiLock(
      v6(
        `  default:\n    channels: [{url: https://h/cf/}]\n    indexes: [https://index.invalid/simple]\n    packages:\n      linux-64:\n      - conda: ${url}\n      - conda: ./local/a-1-0.conda\n      - conda: ../src\n      - pypi: ./py\n`,
        `- conda: ${url}\n  sha256: ${digest}\n  depends: [python >=3]\n  track_features: [x, y]\n  purls: []\n  timestamp: 1\n- conda: ./local/a-1-0.conda\n  subdir: linux-64\n- conda: ../src\n  name: src\n- pypi: ./py\n  name: py\n  editable: true\n`,
      ),
      { fileName: "pixi.lock", directoryUrl: "file:///project" },
    );
    const chosen = selectLocked(lock, { platform: "linux-64" });
    expect(chosen.conda.map(({ record }) => record)).toEqual([
      {
        name: "tzdata",
        version: "2024b",
        build: "pyh1_3",
        build_number: 3,
        subdir: "noarch",
        noarch: "python",
        sha256: digest,
        depends: ["python >=3"],
        track_features: "x y",
        timestamp: 1,
        fn: "tzdata-2024b-pyh1_3.conda",
        url,
        channel: "https://h/cf",
      },
      expect.objectContaining({ name: "a", url: "file:///project/local/a-1-0.conda", subdir: "linux-64" }),
    ]);
    expect(chosen.condaSources).toEqual(["../src"]);
    expect(chosen.pypi).toEqual([
      { name: "py", location: "./py", requiresDist: [], editable: true, category: "main" },
    ]);
    expect(() => selectLocked(lock, { platform: "linux-64", environment: "test" })).toThrow(
      /no environment `test`/,
    );
  });

  it("reads version 7 with named platforms", () => {
    const lock = parsePixiLock(
      `version: 7\nplatforms:\n- name: gpu\n  subdir: linux-64\n  virtual-packages: [__cuda=12]\nenvironments:\n  default:\n    channels: []\n    packages:\n      gpu:\n      - conda: ${url}\n      - conda_source: "a[1] @ ."\npackages:\n- conda: ${url}\n- conda_source: "a[1] @ ."\n`,
      file("pixi.lock"),
    );
    const platform = lock.environments.get("default")?.platforms.get("gpu");
    expect(platform).toMatchObject({
      subdir: "linux-64",
      virtualPackages: ["__cuda=12"],
      condaSources: ["a[1] @ ."],
    });
    expect(selectLocked(lock, { platform: "linux-64" }).conda).toHaveLength(1);
  });

  it("reads version 5 and, as conda-lock's format, version 3", () => {
    const five = parsePixiLock(
      `version: 5\nenvironments:\n  default:\n    channels: []\n    packages:\n      win-64:\n      - conda: ${url}\npackages:\n- kind: conda\n  name: tzdata\n  version: 2024b\n  build: pyh1_3\n  subdir: noarch\n  url: ${url}\n`,
      file("pixi.lock"),
    );
    expect(selectLocked(five, { platform: "win-64" }).conda[0]?.record.name).toBe("tzdata");
    const three = parsePixiLock(
      `${META.replace("version: 1", "version: 3")}package:\n${entry({ dependencies: "[libc >=2]" })}`,
      file("pixi.lock"),
    );
    expect(selectLocked(three, { platform: "linux-64" }).conda[0]?.record.depends).toEqual(["libc >=2"]);
  });

  it.each([
    ["a newer version", "version: 8\n", /newer than supported/],
    ["no version", "environments: {}\n", /no `version`/],
    [
      "a package that is not described",
      v6(
        `  d:\n    channels: []\n    packages:\n      linux-64:\n      - conda: ${url}\n`,
        "- {conda: b-1-0.conda}\n",
      ),
      /not described/,
    ],
    [
      "an unknown platform",
      v6("  d:\n    packages:\n      linux-XX: []\n", "- {conda: b-1-0.conda}\n"),
      /`linux-XX` is not a known platform/,
    ],
    [
      "an undefined platform",
      "version: 7\nplatforms: []\nenvironments: {d: {packages: {linux-64: []}}}\npackages: []\n",
      /not defined/,
    ],
    [
      "a platform name with a slash",
      "version: 7\nplatforms: [{name: ../x, subdir: linux-64}]\n",
      /not possible as the name/,
    ],
  ])("refuses %s", (_, text, message) => {
    expect(() => parsePixiLock(text, file("pixi.lock"))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message) }),
    );
  });
});

describe("mambajs lock", () => {
  const base = {
    lockVersion: "1.0.1",
    platform: "emscripten-wasm32",
    specs: ["x"],
    channels: ["ef"],
    channelInfo: { ef: [{ url: "https://h/ef/", protocol: "https" }] },
    packages: {
      "x-1-h_0.tar.bz2": {
        name: "x",
        version: "1",
        build: "h_0",
        channel: "ef",
        subdir: "noarch",
        hash: { sha256: digest },
      },
    },
    pipPackages: { p: { name: "p", version: "2", url: "https://h/p.whl", registry: "PyPi" } },
  };

  it("gives records", () => {
    const chosen = selectLocked(parseMambajsLock(JSON.stringify(base), file("x-lock.json")), {
      platform: "emscripten-wasm32",
    });
    expect(chosen.conda[0]?.record).toMatchObject({
      url: "https://h/ef/noarch/x-1-h_0.tar.bz2",
      channel: "https://h/ef",
      sha256: digest,
    });
    expect(chosen.pypi[0]).toMatchObject({ name: "p", location: "https://h/p.whl" });
  });

  it.each([
    [{ lockVersion: "2.0.0" }, /version 2.0.0/],
    [{ platform: "x" }, /not a known platform/],
    [{ channels: ["ef", "cf"] }, /`cf` has no URL/],
    [{ channels: [] }, /`ef`, which `channels` does not list/],
    [
      { packages: { "../x-1-0.conda": { name: "x", version: "1", build: "0", channel: "ef" } } },
      /not allowed/,
    ],
    [{ packages: [] }, /not a mapping/],
  ])("refuses %j", (change, message) => {
    expect(() => parseMambajsLock(JSON.stringify({ ...base, ...change }), file("x-lock.json"))).toThrow(
      message,
    );
  });
});

it("any text gives a lock file or a ToolError", () => {
  const line = fc.constantFrom(
    "version: 6",
    "version: 1",
    "metadata:",
    "  channels: []",
    "  platforms: [linux-64]",
    "package:",
    "environments:",
    "  default:",
    "    packages:",
    "      linux-64:",
    "      - conda: a-1-0.conda",
    "packages:",
    "- conda: a-1-0.conda",
    "- {}",
    "{",
    "}",
    '"a": 1',
  );
  const soup = fc.array(line, { maxLength: 14 }).map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(
      fc.oneof(soup, fc.string(), fc.json()),
      fc.constantFrom("pixi.lock", "a-lock.yml", "a-lock.json", "x"),
      (text, fileName) => {
        try {
          parseLockFile(text, { fileName });
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      },
    ),
    { numRuns: 1200 },
  );
});
