import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareVersions,
  isValidVersion,
  majorMinor,
  parseVersion,
  truncateVersion,
  type Version,
  type VersionComponent,
  versionCompatibleWith,
  versionStartsWith,
} from "../../src/specs/version.ts";
import {
  bumpVersion,
  bumpVersionWithAlpha,
  extendVersion,
  stripLocalVersion,
} from "../../src/specs/version-edit.ts";

/** The ordering of CEP 33 written down as it is told there: the reference for the encoded keys. */
function referenceCompare(a: Version, b: Version): number {
  const main = compareSegments([[a.epoch], ...a.segments], [[b.epoch], ...b.segments]);
  return main !== 0 ? main : compareSegments(a.local, b.local);
}

function compareSegments(
  a: readonly (readonly VersionComponent[])[],
  b: readonly (readonly VersionComponent[])[],
): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const left = a[i] ?? [0];
    const right = b[i] ?? [0];
    for (let j = 0; j < Math.max(left.length, right.length); j++) {
      const order = compareComponents(left[j] ?? 0, right[j] ?? 0);
      if (order !== 0) return order;
    }
  }
  return 0;
}

function compareComponents(a: VersionComponent, b: VersionComponent): number {
  if (a === b) return 0;
  if (typeof a === "string" && typeof b === "string") {
    if (a === "dev") return -1;
    if (b === "dev") return 1;
    return a < b ? -1 : 1;
  }
  if (typeof a === "string") return -1;
  if (typeof b === "string") return 1;
  return a < b ? -1 : 1;
}

const run = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("0", "0", "1", "2", "10", "007", "20240101") },
  { weight: 2, arbitrary: fc.constantFrom("a", "b", "rc", "alpha", "dev", "post", "DEV", "Post", "x", "_") },
);
const segment = fc.array(run, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
const dotted = fc
  .array(segment, { minLength: 1, maxLength: 5 })
  .chain((segments) => fc.constantFrom(".", "_", ".").map((separator) => segments.join(separator)));
const versionText = fc
  .record({
    epoch: fc.constantFrom("", "", "", "0!", "1!"),
    main: dotted,
    tail: fc.constantFrom("", "", "_"),
    local: fc.constantFrom("", "", "+0", "+1", "+a", "+1.0.b", "+1_"),
  })
  .map(({ epoch, main, tail, local }) => `${epoch}${main}${tail}${local}`)
  .filter(isValidVersion);

describe("version order", () => {
  it("sorts the examples of CEP 33", () => {
    const groups = [
      ["0.4", "0.4.0"],
      ["0.4.1.rc", "0.4.1.RC"],
      ["0.4.1+local"],
      ["0.4.1+0.local"],
      ["0.4.1", "0.4.1+0"],
      ["0.4.1+1.local"],
      ["0.5a1"],
      ["0.5b3"],
      ["0.5C1"],
      ["0.5"],
      ["0.9.6"],
      ["0.960923"],
      ["1.0"],
      ["1.1dev1"],
      ["1.1a1"],
      ["1.1.0dev1", "1.1.dev1"],
      ["1.1.a1"],
      ["1.1.0rc1"],
      ["1.1.0.0", "1.1.0", "1.1"],
      ["1.1.post1", "1.1.0post1"],
      ["1.1post1"],
      ["1996.07.12"],
      ["1!0.4.1"],
      ["1!3.1.1.6"],
      ["2!0.4.1"],
    ];
    for (const [i, group] of groups.entries()) {
      for (const version of group) {
        expect(compareVersions(version, group[0] as string), `${version} == ${group[0]}`).toBe(0);
        const next = groups[i + 1]?.[0];
        if (next !== undefined) expect(compareVersions(version, next), `${version} < ${next}`).toBe(-1);
      }
    }
  });

  it("sorts the openssl convention", () => {
    const versions =
      "1.0.1dev 1.0.1_ 1.0.1a 1.0.1b 1.0.1r 1.0.1rc 1.0.1rc1 1.0.1s 1.0.1 1.0.1post.a 1.0.1post.za 1.0.2".split(
        " ",
      );
    expect(versions.toReversed().sort(compareVersions)).toEqual(versions);
  });

  it("agrees with the order as CEP 33 tells it", () => {
    fc.assert(
      fc.property(versionText, versionText, (a, b) => {
        expect(compareVersions(a, b)).toBe(referenceCompare(parseVersion(a), parseVersion(b)));
      }),
      { numRuns: 8000 },
    );
  });

  it("is a total order: antisymmetric and transitive", () => {
    fc.assert(
      fc.property(versionText, versionText, versionText, (a, b, c) => {
        expect(compareVersions(a, b) + compareVersions(b, a)).toBe(0);
        const [low, middle, high] = [a, b, c].sort(compareVersions) as [string, string, string];
        expect(compareVersions(low, middle)).toBeLessThanOrEqual(0);
        expect(compareVersions(middle, high)).toBeLessThanOrEqual(0);
        expect(compareVersions(low, high)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 5000 },
    );
  });

  it("gives plain numbers the same key as the general way", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat()), { minLength: 1, maxLength: 6 }), (numbers) => {
        const text = numbers.join(".");
        // An epoch of 0 says nothing, but keeps the text from the short cut.
        const { epoch, segments, local, key } = parseVersion(text);
        expect(parseVersion(`0!${text}`)).toEqual({ text: `0!${text}`, epoch, segments, local, key });
      }),
    );
  });

  it("counts trailing zeros as nothing", () => {
    fc.assert(
      fc.property(
        dotted.filter((text) => isValidVersion(text) && !text.endsWith("_")),
        (text) => {
          expect(compareVersions(text, `${text}.0.0`)).toBe(0);
        },
      ),
    );
  });
});

describe("version literals", () => {
  it("parses components as CEP 33 shows", () => {
    expect(parseVersion("1.2g.beta15.rc")).toMatchObject({
      epoch: 0,
      segments: [[1], [2, "g"], [0, "beta", 15], [0, "rc"]],
      local: [],
    });
    expect(parseVersion("1!2.15.1_ALPHA")).toMatchObject({
      epoch: 1,
      segments: [[2], [15], [1], [0, "alpha"]],
    });
    expect(parseVersion("1!2.15.1alpha_").segments).toEqual([[2], [15], [1, "alpha_"]]);
    expect(parseVersion("2.15.1_alpha+1.2.3h123").local).toEqual([[1], [2], [3, "h", 123]]);
    expect(parseVersion("1.0post").segments).toEqual([[1], [0, Number.POSITIVE_INFINITY]]);
  });

  it("refuses what is no version and says where", () => {
    for (const text of [
      "",
      " ",
      "3.5&1",
      "5.5++",
      "5.5..mw",
      "!1",
      "a!1",
      "1!",
      "1+",
      "1.0.",
      "1!1!1",
      "1-1_1",
      "1___",
      "1.0+.",
      "99999999999999999999",
      `1${"0".repeat(300)}`,
    ]) {
      expect(isValidVersion(text), text).toBe(false);
    }
    expect(() => parseVersion("1.2/3")).toThrow("`/` is not allowed in a version (at position 4)");
    expect(() => parseVersion("1..2")).toThrow("it has an empty segment (at position 3)");
  });

  it("gives the same object for the same text", () => {
    expect(parseVersion("1.2.3")).toBe(parseVersion("1.2.3"));
    expect(parseVersion("1.2.30")).not.toBe(parseVersion("1.2.3"));
  });

  it("never crashes on any text", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(..."01a._-+!* ") })),
        (text) => {
          if (isValidVersion(text)) expect(parseVersion(text).text).toBe(text);
          else expect(() => parseVersion(text)).toThrow(/^invalid version/);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("prefixes and parts", () => {
  it("starts with a prefix", () => {
    const yes = [
      ["1.7.1", "1.7"],
      ["1", "1.0.0"],
      ["1.0.1g", "1.0.1"],
      ["0.4.1+1.3", "0.4.1+1"],
      ["2013ab", "2013a"],
      ["1.2", "1.2"],
    ];
    const no = [
      ["1.70", "1.7"],
      ["1!1", "1"],
      ["0.4", "0.4.1"],
      ["0.4.1", "0.4.1+1"],
      ["1.0.0_ver", "1.0.0_version"],
      ["1.1", "1.1a"],
      // `dev` is a mark of its own, no text that could begin with `d`.
      ["1.0dev", "1.0d"],
    ];
    for (const [version, prefix] of yes)
      expect(versionStartsWith(version as string, prefix as string), `${version} ${prefix}`).toBe(true);
    for (const [version, prefix] of no)
      expect(versionStartsWith(version as string, prefix as string), `${version} ${prefix}`).toBe(false);
  });

  it("starts with each of its own truncations", () => {
    const plain = fc.array(fc.nat(30), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(plain, fc.integer({ min: 1, max: 6 }), (numbers, level) => {
        const version = numbers.join(".");
        expect(versionStartsWith(version, truncateVersion(version, level))).toBe(true);
      }),
    );
  });

  it("is compatible with older versions of the same leading segments", () => {
    expect(versionCompatibleWith("1.3", "1", 1)).toBe(true);
    expect(versionCompatibleWith("2.0", "1.9", 1)).toBe(false);
    expect(versionCompatibleWith("1.1", "1.2", 1)).toBe(false);
    expect(versionCompatibleWith("1!1.3", "1", 0)).toBe(false);
  });

  it("reads major and minor numbers", () => {
    expect(majorMinor("3.12.1")).toEqual([3, 12]);
    expect(majorMinor("5!1.2.3")).toEqual([1, 2]);
    expect(majorMinor("1.2a")).toBeUndefined();
    expect(majorMinor("3")).toBeUndefined();
  });

  it("computes next versions", () => {
    expect(bumpVersion("1.1l", "last")).toBe("1.2a");
    expect(bumpVersion("1.2.3", "minor")).toBe("1.3.0");
    expect(bumpVersion("1.2.3", "major")).toBe("2.0.0");
    expect(bumpVersion("1.1.9", -2)).toBe("1.2.9");
    expect(bumpVersion("1.2.3", 5)).toBe("1.2.3.0.0.1");
    expect(() => bumpVersion("1.2", -3)).toThrow("segment -3 does not exist");
    expect(bumpVersionWithAlpha("1.1.9", 0)).toBe("2.1.9.a0");
    expect(bumpVersionWithAlpha("1.0.0a", 2)).toBe("1.0.1a");
    expect(stripLocalVersion("5!1.0.0+3.4")).toBe("5!1.0.0");
    expect(extendVersion("4!1.2+3.4", 3)).toBe("4!1.2.0+3.4");
  });
});
