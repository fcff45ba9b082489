import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileRegex } from "../../src/specs/regex.ts";
import { parseStringMatcher, stringMatches } from "../../src/specs/string-matcher.ts";

const atom = fc.constantFrom("a", "b", "0", ".", "[ab]", "[^a]", "[a-c0-9]", "\\d", "\\w", "\\.", "_", "A");
const quantifier = fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,3}", "{0,}", "*?");
/** One level of groups, and short texts: more nesting stalls the RegExp that we compare with. */
const item = fc.tuple(atom, quantifier).map((parts) => parts.join(""));
const sequence = fc.array(item, { maxLength: 3 }).map((items) => items.join(""));
const group = fc
  .tuple(
    fc.constantFrom("(", "(?:"),
    fc.array(sequence, { minLength: 1, maxLength: 2 }).map((choices) => choices.join("|")),
    quantifier,
  )
  .map(([open, inner, count]) => `${open}${inner})${count}`);
const pattern = fc
  .array(fc.oneof(item, group, fc.constant("|")), { maxLength: 4 })
  .map((parts) => parts.join(""));

describe("linear regular expressions", () => {
  it("reads the look-ahead at the start that conda writes when it merges two globs, and no other", () => {
    const merged = compileRegex("^(?=.*np17.*)(?=py.*)(?:.*27.*)$");
    expect(merged.test("py27_np17_0")).toBe(true);
    expect(merged.test("py27_np16_0")).toBe(false);
    expect(merged.test("np17_py27_0")).toBe(false);
    expect(compileRegex("^(?=.*np15.*)(?:.*py33.*)$").test("np17py33_0")).toBe(false);
    for (const text of ["^a(?=b)$", "^(?!a)b$", "^(?=a)b|c$", "(?=a)b", "^(?=a", "^(?<=a)b$"])
      expect(() => compileRegex(text), text).toThrow(/regular expression/);
  });

  it("agrees with RegExp", () => {
    const anchored = fc
      .tuple(pattern, fc.constantFrom("", "^"), fc.constantFrom("", "$"))
      .map(([text, start, end]) => `${start}${text}${end}`);
    const input = fc.string({ unit: fc.constantFrom(..."abcABC01._-"), maxLength: 6 });
    fc.assert(
      fc.property(anchored, fc.array(input, { minLength: 1, maxLength: 5 }), (source, texts) => {
        const ours = compileRegex(source);
        const theirs = new RegExp(source, "i");
        for (const text of texts) expect(ours.test(text), `${source} on ${text}`).toBe(theirs.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("is not stalled by nested repetition", () => {
    // A backtracking engine needs 2^60 steps here.
    expect(compileRegex("^(a+)+$").test(`${"a".repeat(60)}b`)).toBe(false);
    expect(compileRegex("^(a|a)*(a|aa)+$").test(`${"a".repeat(500)}b`)).toBe(false);
  });

  it("refuses look-around, back-references and runaway sizes", () => {
    for (const source of [
      "(?=a)",
      "(?!a)",
      "(?<=a)b",
      "(?<n>a)",
      "(a)\\1",
      "(",
      ")",
      "[a",
      "a**",
      "*a",
      "^*",
      "a{3,1}",
      "\\",
      "[b-a]",
      "((a{99}){99}){99}",
      "a".repeat(600),
      "(".repeat(60),
    ]) {
      expect(() => compileRegex(source), source).toThrow(/regular expression/);
    }
  });
});

describe("string matchers", () => {
  it("matches exactly, by glob and by regular expression, without case", () => {
    const matches = (matcher: string, text: string) => stringMatches(parseStringMatcher(matcher), text);
    expect(matches("BSD", "bsd")).toBe(true);
    expect(matches("bsd", "bsd3")).toBe(false);
    expect(matches("*_cp27mu", "1_cp27mu")).toBe(true);
    expect(matches("py3*_2", "py310_2")).toBe(true);
    expect(matches("py3*_2", "py310_21")).toBe(false);
    expect(matches("a*a", "a")).toBe(false);
    expect(matches("^.*(openblas|mkl)$", "20_linux64_mkl")).toBe(true);
    expect(matches("a.c", "abc")).toBe(false);
  });

  it("globs as the regular expression of CEP 29 does", () => {
    const glob = fc.string({ unit: fc.constantFrom(..."ab*."), maxLength: 6 });
    const text = fc.string({ unit: fc.constantFrom(..."ab."), maxLength: 8 });
    fc.assert(
      fc.property(glob, text, (source, input) => {
        const reference = new RegExp(`^${source.replaceAll(".", "\\.").replaceAll("*", ".*")}$`, "i");
        expect(stringMatches(parseStringMatcher(source), input)).toBe(reference.test(input));
      }),
      { numRuns: 5000 },
    );
  });

  it("globs of many stars cost no more than their length", () => {
    expect(stringMatches(parseStringMatcher(`${"*a".repeat(200)}b`), "a".repeat(400))).toBe(false);
  });
});
