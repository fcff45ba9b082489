import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMatchSpec } from "../../src/specs/match-spec.ts";
import { evaluateSelector } from "../../src/specs/selectors.ts";
import {
  checkExplicit,
  checkSpecs,
  isLockFileName,
  parseSpecFile,
  specFileKind,
} from "../../src/specs/spec-file.ts";

const md5 = "0123456789abcdef0123456789abcdef";
const sha256 = md5 + md5;
const context = { fileName: "specs.txt", cwd: "/here", home: "/home/u", env: { DIR: "/pkgs" } };

function entries(text: string) {
  const file = parseSpecFile(`@EXPLICIT\n${text}`, context);
  return file.kind === "explicit" ? file.entries : [];
}

describe("text spec files (CEP 23)", () => {
  it("reads specs line by line", () => {
    const file = parseSpecFile(
      "\uFEFF# platform: linux-64\r\n\r\nxtensor >=0.20\r\n  # no\r\n  xsimd # kept\r\n",
      context,
    );
    expect(file).toMatchObject({
      kind: "specs",
      specs: ["xtensor >=0.20", "xsimd # kept"],
      platform: "linux-64",
    });
  });

  it("a spec's complaint has its line", () => {
    const file = parseSpecFile("a\n\nnumpy >=1,,\n", context);
    if (file.kind !== "specs") throw new Error("not specs");
    expect(() => checkSpecs(file, "specs.txt", (spec) => parseMatchSpec(spec))).toThrow(
      /`specs.txt`, line 3/,
    );
  });

  it("reads archives, hashes and paths", () => {
    expect(
      entries(`https://h/c/linux-64/a-1-0.conda#${md5}
https://h/c/linux-64/b-1-0.tar.bz2#SHA256:${sha256.toUpperCase()}
https://h/c/linux-64/c-1-0.conda#${sha256}
./d-1-0.conda
~/e-1-0.conda
$DIR/f-1-0.conda
C:\\pkgs\\g-1-0.conda`).map(({ url, md5, sha256 }) => [url, md5, sha256]),
    ).toEqual([
      ["https://h/c/linux-64/a-1-0.conda", md5, undefined],
      ["https://h/c/linux-64/b-1-0.tar.bz2", undefined, sha256],
      ["https://h/c/linux-64/c-1-0.conda", undefined, sha256],
      ["file:///here/d-1-0.conda", undefined, undefined],
      ["file:///home/u/e-1-0.conda", undefined, undefined],
      ["file:///pkgs/f-1-0.conda", undefined, undefined],
      ["file:///C:/pkgs/g-1-0.conda", undefined, undefined],
    ]);
  });

  it.each(["numpy", "https://h/c/a-1-0.zip", "https://h/c/a-1-0.conda#xyz", `https://h/a-1-0.conda#${md5}0`])(
    "%s is no archive, and checkExplicit says where",
    (line) => {
      const list = entries(`https://h/c/linux-64/a-1-0.conda\n${line}`);
      expect(() => checkExplicit(list, "specs.txt")).toThrow(/`specs.txt`, line 3, column 1/);
    },
  );

  it("a complaint shows no token", () => {
    expect(() => checkExplicit(entries("https://u:secret@h/t/secret/x"), "specs.txt")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") }),
    );
  });

  it("the marker decides for the whole file, in capitals only", () => {
    expect(parseSpecFile("foo\n @EXPLICIT \nhttps://h/a-1-0.conda\n", context)).toMatchObject({
      kind: "explicit",
      entries: [{ url: "https://h/a-1-0.conda", line: 3 }],
    });
    expect(parseSpecFile("@explicit\nfoo\n", context)).toMatchObject({ kind: "specs", specs: ["foo"] });
  });

  it("any text is read", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseSpecFile(text, context)));
    fc.assert(fc.property(fc.string(), (text) => void parseSpecFile(`@EXPLICIT\n${text}`, context)));
  });

  it("files are told by name", () => {
    expect(specFileKind("a/conda-lock.yml")).toBe("conda-lock");
    expect(specFileKind("https://h/environment.yaml?raw=1")).toBe("environment");
    expect(specFileKind("x-lock.json")).toBe("mambajs-lock");
    expect(specFileKind("pixi.lock")).toBe("pixi-lock");
    expect(specFileKind("requirements.txt")).toBe("text");
    expect(isLockFileName("env.yml")).toBe(false);
    expect(isLockFileName("dir/pixi.lock")).toBe(true);
  });
});

describe("selectors", () => {
  it.each([
    ["linux", "linux-64", true],
    ["unix and not osx", "osx-64", false],
    ["win or osx", "osx-arm64", true],
    ["not (win or osx)", "linux-aarch64", true],
    ["arm64", "linux-aarch64", true],
    ["osx64", "osx-arm64", false],
    ["linux-64", "linux-64", true],
    ["win or amiga", "win-64", undefined],
    ["linux linux", "linux-64", undefined],
    ["(linux", "linux-64", undefined],
    ["", "linux-64", undefined],
    ["constructor", "linux-64", undefined],
    ["not", "linux-64", undefined],
  ])("%s on %s", (expression, platform, expected) => {
    expect(evaluateSelector(expression, platform)).toBe(expected);
  });
});
