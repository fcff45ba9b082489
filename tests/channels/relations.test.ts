import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../src/errors.ts";
import {
  type ChannelRelations,
  orderRelatedChannels,
  packageBaseUrl,
  parseChannelRelations,
} from "../../src/specs/channel-relations.ts";

describe("channel relations (CEP 42)", () => {
  it("resolves references against the channel", () => {
    expect(parseChannelRelations({ base: "../conda-forge", future: 1 }, "https://h/bioconda")).toEqual({
      base: "https://h/conda-forge",
    });
    expect(parseChannelRelations({ overrides: "../.." }, "https://h/conda-forge/label/rc")).toEqual({
      overrides: "https://h/conda-forge",
    });
    expect(parseChannelRelations({}, "https://h/c")).toBeUndefined();
    expect(parseChannelRelations(undefined, "https://h/c")).toBeUndefined();
  });

  it.each([
    ["another host", { base: "https://evil/x" }],
    ["an absolute path", { base: "/x" }],
    ["the channel itself", { base: "../c" }],
    ["the same channel twice", { base: "../x", overrides: "../x/" }],
    ["above the root", { base: "../../x" }],
    ["encoded dots", { base: "../%2e%2e/x" }],
    ["a backslash", { base: "../\\evil" }],
    ["a number", { base: 3 }],
    ["a list", []],
  ])("refuses %s", (_, value) => {
    expect(() => parseChannelRelations(value, "https://h/c")).toThrow(
      expect.objectContaining({ code: "channel-invalid" }),
    );
  });

  const order = (user: string[], relations: Record<string, ChannelRelations>) =>
    orderRelatedChannels(user, new Map(Object.entries(relations)));

  it("follows the examples of the CEP", () => {
    expect(order(["bio"], { bio: { base: "cf" } })).toEqual(["cf", "bio"]);
    expect(order(["rc"], { rc: { overrides: "cf" } })).toEqual(["rc", "cf"]);
    expect(order(["mine"], { mine: { base: "bio" }, bio: { base: "cf" } })).toEqual(["cf", "bio", "mine"]);
    expect(order(["m"], { m: { base: "cf", overrides: "fix" } })).toEqual(["cf", "m", "fix"]);
    expect(order(["cf", "bio"], { bio: { base: "cf" } })).toEqual(["cf", "bio"]);
    expect(order(["bio", "cf"], { bio: { base: "cf" } })).toEqual(["bio", "cf"]);
  });

  it("places related channels beside the one that names them", () => {
    expect(order(["a", "bio", "z"], { bio: { base: "cf" } })).toEqual(["a", "cf", "bio", "z"]);
    expect(order(["a", "z"], { a: { overrides: "b" } })).toEqual(["a", "b", "z"]);
  });

  it("reports a cycle", () => {
    expect(() => order(["a"], { a: { base: "b" }, b: { base: "a" } })).toThrow(/cycle: .*`a`/);
  });

  it("never changes the user's order, and keeps every relation that does not contradict it", () => {
    const url: fc.Arbitrary<string> = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const relation = fc.record({ base: url, overrides: url }, { requiredKeys: [] });
    fc.assert(
      fc.property(
        fc.uniqueArray(url, { minLength: 1, maxLength: 4 }),
        fc.dictionary(url, relation),
        (user, relations) => {
          let result: string[];
          try {
            result = order(user, relations);
          } catch (error) {
            expect(error).toBeInstanceOf(ToolError);
            return;
          }
          expect(result.filter((each) => user.includes(each))).toEqual(user);
          expect(new Set(result).size).toBe(result.length);
          const place = (each: string) => result.indexOf(each);
          for (const [name, { base, overrides }] of Object.entries(relations)) {
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

describe("base_url (CEP 15)", () => {
  it.each([
    [undefined, "https://h/c/linux-64/"],
    ["https://mirror/x", "https://mirror/x/"],
    ["../other/", "https://h/c/other/"],
    ["/abs", "https://h/abs/"],
    ["//cdn/x", "https://cdn/x/"],
  ])("%s", (baseUrl, expected) => {
    expect(packageBaseUrl("https://h/c/linux-64", baseUrl)).toBe(expected);
  });

  it("a remote channel cannot point at files of this machine", () => {
    for (const evil of ["file:///etc", "javascript:x", 7, "http://["]) {
      expect(() => packageBaseUrl("https://h/c/linux-64", evil)).toThrow(
        expect.objectContaining({ code: "repodata-invalid" }),
      );
    }
    expect(packageBaseUrl("file:///c/linux-64", "../x")).toBe("file:///c/x/");
  });
});
