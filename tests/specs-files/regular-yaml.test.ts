import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseRegularYaml } from "../../src/specs/lock/regular-yaml.ts";
import { sharedPath } from "../support/shared.ts";

/** Whatever the fast reader returns, the complete parser must return too. */
function agree(text: string): void {
  const value = parseRegularYaml(text);
  if (value === undefined) return;
  expect(parse(text) ?? {}).toEqual(value);
}

describe("regular YAML", () => {
  it("reads what lock files are made of", () => {
    const text = `# comment
version: 6
environments:
  default:
    channels:
    - url: https://h/c/
    packages:
      linux-64:
      - conda: https://h/c/a-1-0.conda
        build: '0'
      - pypi: ./
    options: {}
packages:
- conda: https://h/c/a-1-0.conda
  version: "1.10"
  number: 1.10
  size: 012
  depends:
  - python >=3.8,<4
  - b 1.* *_cp
  purls: []
  license: None
  empty:
  flag: true
  nothing: null
`;
    expect(parseRegularYaml(text)).toMatchObject({
      packages: [{ version: "1.10", number: 1.1, size: 12, empty: null, flag: true }],
    });
    agree(text);
  });

  it.each([
    "a: &x b",
    "a: *x",
    "a: [b, c]",
    "a: {b: c}",
    "a: b # c",
    "a: |\n  b",
    "a: b\n  c",
    "a: 'it''s'",
    'a: "b\\n"',
    "a: b: c",
    "a: 1\na: 2",
    "? a",
    "a:\n\tb: c",
    "- - a",
    "a: 0x10",
    "a: .inf",
    "a: !!str b",
    "--- \na: b",
    "<<: a",
    "a: -\n",
    "a:\n  b: 1\n c: 2",
    "a: >=1",
    "a: @b",
  ])("%j is left to the complete parser", (text) => {
    expect(parseRegularYaml(text)).toBeUndefined();
  });

  it("never disagrees with the complete parser", () => {
    const scalar = fc.oneof(
      fc.constantFrom(
        "a",
        "1",
        "1.5",
        "1e3",
        "true",
        "null",
        "~",
        "'x'",
        '"y"',
        "[]",
        "{}",
        "a b",
        "a: b",
        "- a",
        ".5",
        "012",
        "1_0",
        "x:",
        "#c",
        "a #c",
        "yes",
        "2024-01-01",
        "'",
        "a'b",
      ),
      fc.string({ maxLength: 6 }),
    );
    const line = fc
      .record({
        indent: fc.integer({ min: 0, max: 5 }),
        dash: fc.boolean(),
        key: fc.constantFrom("", "a: ", "b: ", "c:", "'q': ", "1: "),
        value: fc.oneof(fc.constant(""), scalar),
      })
      .map(({ indent, dash, key, value }) => `${" ".repeat(indent)}${dash ? "- " : ""}${key}${value}`);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 7 }), (lines) => agree(lines.join("\n"))),
      { numRuns: 20_000 },
    );
  });

  const locks = sharedPath("data", "locks");
  it.skipIf(!locks)("agrees on real lock files", () => {
    const files = readdirSync(locks as string).filter(
      (name, index) => name !== "index.json" && index % 24 === 0,
    );
    for (const name of files) {
      const text = readFileSync(join(locks as string, name, "pixi.lock"), "utf8");
      expect(parseRegularYaml(text), name).toBeDefined();
      agree(text);
    }
  });
});
