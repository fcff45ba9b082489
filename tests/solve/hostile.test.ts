import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkSolution, type RepoDataRecord, ToolError } from "../../src/index.ts";
import { ask, record } from "./world.ts";

/** Anything that may stand where a list of specs is expected. */
const names = ["a", "b", "c"];
const goodSpec = fc
  .tuple(
    fc.constantFrom(...names),
    fc.constantFrom("", " 1", " >=2", " <2", " 1|3", " * *_1", "[when='c>1']"),
  )
  .map(([name, rest]) => name + rest);
const badSpec = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    "a >=)(",
    "[]",
    "::",
    "a[version=",
    "a 1 2 3",
    "^(a+)+$",
    "a\u0000b",
    "../../x",
    "*",
    "a[extras=[x",
  ),
);
const anything = fc.oneof(
  fc.array(fc.oneof({ weight: 4, arbitrary: goodSpec }, { weight: 1, arbitrary: badSpec }), { maxLength: 3 }),
  fc.constantFrom(null, undefined, 7, "a", {}, [null], [["a"]]),
);
const hostile = fc.record({
  name: fc.constantFrom(...names),
  version: fc.oneof({ weight: 4, arbitrary: fc.constantFrom("1", "2", "3") }, fc.string({ maxLength: 5 })),
  build: fc.oneof(fc.constantFrom("x_0", "y_1"), fc.constantFrom(null, 3, "")),
  build_number: fc.constantFrom(0, 1, -1, Number.NaN, "1", null),
  depends: anything,
  constrains: anything,
  track_features: fc.constantFrom(undefined, "", "f g", ["f"], 3, null),
  timestamp: fc.constantFrom(undefined, 0, -1, 1e300, "now", null),
  extra_depends: fc.constantFrom(undefined, null, [], { x: ["b"] }, { x: "b" }, { __proto__: null }),
});

describe("records of a hostile channel", () => {
  it("give a consistent answer, a conflict with an explanation, or a ToolError; never anything else", () => {
    let solved = 0;
    let conflicts = 0;
    fc.assert(
      fc.property(
        fc.array(hostile, { minLength: 1, maxLength: 12 }),
        fc.uniqueArray(fc.constantFrom("a", "b", "c>=2", "a[extras=[x]]", "*[build=y_1]"), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.constantFrom("strict", "flexible", "disabled"),
        (fields, specs, priority) => {
          const records = fields.map((field) => ({ ...record("a 1 0"), ...field })) as RepoDataRecord[];
          let result: ReturnType<typeof ask>;
          try {
            result = ask([records], { specs, priority });
          } catch (error) {
            expect(error).toBeInstanceOf(ToolError);
            return;
          }
          if (result.kind === "conflict") {
            conflicts++;
            expect(result.message.split("\n").length).toBeGreaterThan(1);
          } else {
            solved++;
            expect(checkSolution(result.records)).toEqual([]);
          }
        },
      ),
      { numRuns: 1500, seed: 42 },
    );
    expect(solved).toBeGreaterThan(100);
    expect(conflicts).toBeGreaterThan(100);
  });
});
