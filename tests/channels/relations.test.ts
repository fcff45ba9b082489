import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../src/errors.ts";
import { orderRelatedChannels, readRelation, resolveReference } from "../../src/specs/channel-relations.ts";

describe("references to channels (CEP 42)", () => {
  it.each([
    ["../conda-forge", "https://h/bioconda", "https://h/conda-forge"],
    ["../..", "https://h/conda-forge/label/rc", "https://h/conda-forge"],
    ["../../", "https://h/conda-forge/label/rc", "https://h/conda-forge"],
    ["../x", "file:///srv/channels/y", "file:///srv/channels/x"],
  ])("%s from %s is %s", (reference, base, url) => {
    expect(resolveReference(reference, base)).toBe(url);
  });

  it.each([
    "conda-forge",
    "https://evil/x",
    "//evil/x",
    "../\\evil",
    "../a?b",
    "../a#b",
    "..//evil/x",
    "/x",
    "../a b",
    "../%2e%2e/x",
    "..x",
    "",
  ])("refuses %j", (reference) => {
    expect(() => resolveReference(reference, "https://h/c")).toThrow(/no path that starts with/);
  });

  it("refuses a path above the root of the server", () => {
    expect(() => resolveReference("../../x", "https://h/c")).toThrow(/above the root/);
    expect(() => resolveReference("../a/../../x", "https://h/c")).toThrow(/above the root/);
    expect(() => resolveReference("../../../etc", "file:///srv/c")).toThrow(/above the root/);
    expect(resolveReference("../../x", "https://h/a/c")).toBe("https://h/x");
  });

  it("refuses one channel as both, and a channel that names itself", () => {
    expect(() => readRelation("https://h/c", { base: "../x", overrides: "../x" })).toThrow(/both/);
    expect(() => readRelation("https://h/c", { base: "../c" })).toThrow(/itself/);
  });
});

describe("the order of related channels", () => {
  const order = (
    user: string[],
    ...relations: [from: string, kind: "base" | "overrides", to: string][]
  ): string[] =>
    orderRelatedChannels(
      user,
      relations.map(([from, kind, to]) => ({ from, [kind]: to })),
    );

  it("follows the examples of CEP 42", () => {
    expect(order(["bioconda"], ["bioconda", "base", "conda-forge"])).toEqual(["conda-forge", "bioconda"]);
    expect(order(["rc"], ["rc", "overrides", "main"])).toEqual(["rc", "main"]);
    expect(order(["my"], ["my", "base", "bioconda"], ["bioconda", "base", "cf"])).toEqual([
      "cf",
      "bioconda",
      "my",
    ]);
    expect(order(["my"], ["my", "base", "cf"], ["my", "overrides", "hot"])).toEqual(["cf", "my", "hot"]);
    expect(order(["cf", "bio"], ["bio", "base", "cf"])).toEqual(["cf", "bio"]);
    expect(order(["bio", "cf"], ["bio", "base", "cf"])).toEqual(["bio", "cf"]);
  });

  it("keeps the user's order and puts related channels beside theirs", () => {
    expect(order(["a", "b", "c"])).toEqual(["a", "b", "c"]);
    expect(order(["a", "b"], ["b", "base", "x"])).toEqual(["a", "x", "b"]);
    expect(order(["a", "b"], ["a", "overrides", "x"])).toEqual(["a", "x", "b"]);
  });

  it("takes cycles through channels that the user did not name for errors", () => {
    expect(() => order(["a"], ["a", "base", "x"], ["x", "base", "a"])).toThrow(/cycle/);
    expect(() => order(["a"], ["a", "base", "x"], ["x", "base", "y"], ["y", "base", "x"])).toThrow(/cycle/);
  });

  it("never changes the user's order, and keeps every relation that does not contradict it", () => {
    const url: fc.Arbitrary<string> = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const relation = fc.record({ base: url, overrides: url }, { requiredKeys: [] });
    fc.assert(
      fc.property(
        fc.uniqueArray(url, { minLength: 1, maxLength: 4 }),
        fc.dictionary(url, relation),
        (user, relations) => {
          const declared = Object.entries(relations).filter(
            ([name, { base, overrides }]) =>
              base !== name && overrides !== name && (base === undefined || base !== overrides),
          );
          let result: string[];
          try {
            result = orderRelatedChannels(
              user,
              declared.map(([from, each]) => ({ from, ...each })),
            );
          } catch (error) {
            expect(error).toBeInstanceOf(ToolError);
            return;
          }
          expect(result.filter((each) => user.includes(each))).toEqual(user);
          expect(new Set(result).size).toBe(result.length);
          const place = (each: string) => result.indexOf(each);
          for (const [name, { base, overrides }] of declared) {
            if (!result.includes(name)) continue;
            if (base !== undefined && !(user.includes(base) && user.includes(name)))
              expect(place(base)).toBeLessThan(place(name));
            if (overrides !== undefined && !(user.includes(overrides) && user.includes(name))) {
              expect(place(name)).toBeLessThan(place(overrides));
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
