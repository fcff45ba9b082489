import { describe, expect, it } from "vitest";
import { checkSolution, parseMatchSpec } from "../../src/index.ts";
import { record, virtual } from "./world.ts";

/** The judge of all other tests of solving: it must refuse what is wrong. */
describe("checkSolution", () => {
  const kinds = (...input: Parameters<typeof checkSolution>): string[] =>
    checkSolution(...input).map(({ kind, name }) => `${kind} ${name}`);

  it("accepts what fits", () => {
    const records = [
      record("a 1", ["b >=1", "__glibc >=2"], { constrains: ["c >=2", "d"] }),
      record("b 1"),
      record("c 2"),
    ];
    expect(kinds(records, [parseMatchSpec("a")], [virtual("__glibc", "2.36")])).toEqual([]);
  });

  it.each([
    ["missing a", [record("a 1", ["b"])]],
    ["missing a", [record("a 1", ["b >=2"]), record("b 1")]],
    ["missing a", [record("a 1", ["__cuda"])]],
    ["constrains a", [record("a 1", [], { constrains: ["b >=2"] }), record("b 1")]],
    ["duplicate a", [record("a 1"), record("a 2")]],
    ["unreadable a", [record("a 1", ["b >="])]],
    ["missing a", [record("a 1", ["b[when=c]"]), record("c 1")]],
    ["missing b", [record("a 1", ["b[extras=[x]]"]), record("b 1", [], { extra_depends: { x: ["c"] } })]],
  ])("%s", (expected, records) => {
    expect(kinds(records)).toEqual([expected]);
  });

  it("refuses a request that nothing satisfies", () => {
    expect(kinds([record("a 1")], [parseMatchSpec("a >=2"), parseMatchSpec("a[when=b]")])).toEqual([
      "requested a >=2",
    ]);
  });

  it("conditions that do not hold ask for nothing", () => {
    expect(kinds([record("a 1", ["b[when='__win or c']"])])).toEqual([]);
  });
});
