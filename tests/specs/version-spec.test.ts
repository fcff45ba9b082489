import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../src/errors.ts";
import { formatVersionSpec, parseVersionSpec, versionSpecMatches } from "../../src/specs/version-spec.ts";

const matches = (spec: string, version: string) => versionSpecMatches(parseVersionSpec(spec), version);

describe("version specs", () => {
  const table: [spec: string, yes: string, no: string][] = [
    ["*", "1 0.0.1a 2!3", ""],
    ["1.7", "1.7 1.7.0", "1.7.1 1.70"],
    ["==1.7", "1.7.0.0", "1.7.1"],
    ["=1.7", "1.7 1.7.1 1.7rc1", "1.8 1.70 17"],
    ["1.7.*", "1.7 1.7.1", "1.8"],
    ["1.7*", "1.7.9", "1.70"],
    ["=1.7.*", "1.7.9", "1.8"],
    ["1!1.2.*", "1!1.2.3", "1.2.3"],
    ["!=1.7", "1.7.1 1.8", "1.7.0"],
    ["!=1.7.*", "1.8", "1.7.0 1.7.1"],
    [">=1.7", "1.7 1.8", "1.6 1.7rc1"],
    [">1.7", "1.7.1", "1.7.0"],
    ["<2.0a0", "1.9", "2.0a0 2.0rc1 2.0"],
    ["<=1.7.1post", "1.7.1", "1.8"],
    ["<=1.7", "1.7.0 1.6", "1.7.1"],
    [">=3.10.*", "3.10 3.11", "3.9"],
    [">=*", "0 1", ""],
    ["~=1.7", "1.7 1.8", "1.6 2.0"],
    ["~=0.5.3", "0.5.3 0.5.9", "0.5.2 0.6"],
    ["*.7.*", "1.7.1", "1.8.1 7"],
    ["1.*.3", "1.2.3", "1.2.4"],
    ["!=1.*.3", "1.2.4", "1.2.3"],
    ["0.2.18.*.", "0.2.18 0.2.18.1", "0.2.19"],
    ["^1\\.[78].*$", "1.7.1 1.8", "1.9 11.7"],
    ["^(1|2)\\.0$|3.0", "1.0 2.0 3.0", "1.1 4.0"],
    // `,` binds tighter than `|`.
    [">1.8,<2|==1.7", "1.9 1.7", "1.8 2.0"],
    ["(2.7.*|>=3.8),!=3.9.0", "2.7.5 3.8", "3.9.0 3.1"],
    [">= 1.0 , < 2", "1.5", "2.0"],
  ];
  it.each(table)("%s", (spec, yes, no) => {
    for (const version of yes.split(" ").filter(Boolean)) expect(matches(spec, version), version).toBe(true);
    for (const version of no.split(" ").filter(Boolean)) expect(matches(spec, version), version).toBe(false);
  });

  it("refuses what is no spec and says where", () => {
    const bad =
      "!!2.4.5;1.5);1.5||1.6;^1.5;1.2+;+1.2;==;>=;>=3.8<3.9;=>1.0;<>1.0;1.0|;,1.0;1.0,,2.0;();((1.0);1.0 2.0;=1.0=2;~1.0;1.0&2.0;1!*;^a(?=b)$;^(a$";
    for (const spec of bad.split(";")) expect(() => parseVersionSpec(spec), spec).toThrow(ToolError);
    expect(() => parseVersionSpec(">=1.0,<2.x.y.")).toThrow("(at position 8)");
    expect(() => parseVersionSpec("(".repeat(2000))).toThrow("nested too deeply");
  });

  it("prints canonical text", () => {
    const canonical = {
      "1.7.*": "=1.7",
      "1.7": "==1.7",
      "2023.*.*": "=2023",
      ">=2.*.*": ">=2",
      "=*": "*",
      "((>=1|>2),(>3|>4))|(>5,<6)": "(>=1|>2),(>3|>4)|>5,<6",
    };
    for (const [text, expected] of Object.entries(canonical))
      expect(formatVersionSpec(parseVersionSpec(text))).toBe(expected);
  });
});

const literal = fc.constantFrom(
  "1",
  "1.2",
  "1.2.3",
  "0",
  "2.0a0",
  "1!1.0",
  "1.0.1_",
  "3.10rc1",
  "1.8+local",
  "2024a",
);
const clause = fc.oneof(
  fc
    .tuple(fc.constantFrom("", "=", "==", "!=", "<", "<=", ">", ">=", "~="), literal)
    .map(([operator, version]) => operator + version),
  literal.map((version) => `${version}.*`),
  fc.constantFrom("*", "1.*.3", "*.2", "!=1.2.*", "^1.*$"),
);
const { expression } = fc.letrec<{ expression: string; inner: string }>((tie) => ({
  inner: fc.oneof(
    { depthSize: "small" },
    clause,
    tie("expression").map((text) => `(${text})`),
  ),
  expression: fc
    .tuple(fc.array(tie("inner"), { minLength: 1, maxLength: 3 }), fc.constantFrom(",", "|", " , ", "| "))
    .map(([parts, separator]) => parts.join(separator)),
}));

describe("version spec properties", () => {
  it("means the same after printing and parsing", () => {
    fc.assert(
      fc.property(expression, fc.array(literal, { minLength: 1, maxLength: 5 }), (text, versions) => {
        const spec = parseVersionSpec(text);
        const printed = formatVersionSpec(spec);
        const again = parseVersionSpec(printed);
        expect(formatVersionSpec(again)).toBe(printed);
        for (const version of versions)
          expect(versionSpecMatches(again, version)).toBe(versionSpecMatches(spec, version));
      }),
      { numRuns: 3000 },
    );
  });

  it("never crashes on any text", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom(..."01a._+!*=<>~|,()^$ \\[]{}?"), maxLength: 20 }),
    );
    fc.assert(
      fc.property(text, (source) => {
        try {
          versionSpecMatches(parseVersionSpec(source), "1.2.3");
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { numRuns: 10_000 },
    );
  });
});
