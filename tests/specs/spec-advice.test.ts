import { describe, expect, it } from "vitest";
import { parseMatchSpec, ToolError } from "../../src/index.ts";

function failure(text: string): ToolError {
  try {
    parseMatchSpec(text);
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error(`\`${text}\` is a match spec`);
}

describe("a slip in a match spec", () => {
  it.each([
    ["numpy=>1.2", "numpy>=1.2"],
    ["numpy>=1.2.", "numpy>=1.2"],
    ["numpy>=1.2,", "numpy>=1.2"],
    ["numpy>=1.2.,<2", "numpy>=1.2,<2"],
    ["numpy~1.2", "numpy~=1.2"],
    ["numpy===1.2", "numpy==1.2"],
    ["numpy@1.2", "numpy=1.2"],
    ["numpy >=1 <2", "numpy >=1,<2"],
    ["numpy>=1<2", "numpy>=1,<2"],
    ["numpy==1.2==py_0", "numpy=1.2=py_0"],
    ["python>=3 and <4", "python>=3,<4"],
    ["python^3.2", "python>=3.2,<4"],
    ['"numpy"', "numpy"],
    ["numpy≥2", "numpy>=2"],
    ['numpy[version="=>1"]', 'numpy[version=">=1"]'],
    ["conda-forge::numpy=>1.2", "conda-forge::numpy>=1.2"],
  ])("%s is answered with %s", (written, meant) => {
    expect(failure(written).hint).toBe(`did you mean \`${meant}\`?`);
    expect(() => parseMatchSpec(meant)).not.toThrow();
  });

  it("names the whole spec and the place in it, not the version alone", () => {
    expect(failure("numpy=>1.2").message).toBe(
      "invalid match spec `numpy=>1.2`: `>1.2` is not a version (at position 7)",
    );
  });

  it.each([
    ["./environment.yml", /-f \.\/environment\.yml/],
    ["requirements/dev.txt", /-f requirements\/dev\.txt/],
    ["git+https://github.com/a/b", /`pip:`/],
    [">=1.2", /one argument/],
  ])("%s, which is something else, is answered with where it belongs", (written, hint) => {
    expect(failure(written).hint).toMatch(hint);
  });

  it("gets no guess where none would parse", () => {
    expect(failure("numpy>=").hint).toBeUndefined();
    expect(failure("a/b").hint).toBeUndefined();
  });
});
