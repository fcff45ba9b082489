import { describe, expect, it } from "vitest";
import { planTransaction } from "../../src/plan/diff.ts";
import type { PrefixRecord, RepoDataRecord } from "../../src/specs/records.ts";
import { installed, record } from "../solve/world.ts";

/** `kind name-version-build` of every operation, in order. */
function plan(
  before: PrefixRecord[],
  after: (RepoDataRecord | PrefixRecord)[],
  asked: { requested?: [string, string[]][]; reinstall?: string[] } = {},
) {
  const transaction = planTransaction(
    before,
    { records: after, requested: new Map(asked.requested), reinstall: new Set(asked.reinstall) },
    { platform: "linux-64" },
  );
  const shown = transaction.operations.map((operation) => {
    const { name, version, build } = (operation.new ?? operation.old)!;
    return `${operation.kind} ${name}-${version}-${build}`;
  });
  return { ...transaction, shown };
}

describe("what takes an environment to the solution", () => {
  it.each<[string, PrefixRecord, RepoDataRecord]>([
    ["upgrade a-2-0", installed("a 1 0"), record("a 2 0")],
    ["downgrade a-1-0", installed("a 2 0"), record("a 1 0")],
    ["upgrade a-1-h1_1", installed("a 1 h0_0"), record("a 1 h1_1")],
    ["downgrade a-1-h0_0", installed("a 1 h1_1"), record("a 1 h0_0")],
    ["change a-1-gpu_0", installed("a 1 cpu_0"), record("a 1 gpu_0")],
    // The same name, other bytes: another package.
    [
      "change a-1-0",
      installed("a 1 0", [], { sha256: "a".repeat(64) }),
      record("a 1 0", [], { sha256: "b".repeat(64) }),
    ],
    [
      "change a-1-0",
      installed("a 1 0", [], { md5: "a".repeat(32) }),
      record("a 1 0", [], { md5: "b".repeat(32) }),
    ],
    ["change a-1-0", installed("a 1 0", [], { subdir: "noarch" }), record("a 1 0")],
  ])("%s", (expected, before, after) => {
    expect(plan([before], [after]).shown).toEqual([expected]);
  });

  it("the same archive stays, also where one side knows fewer hashes or has the other form of it", () => {
    const before = installed("a 1 0", [], { sha256: "a".repeat(64), fn: "a-1-0.tar.bz2" });
    for (const after of [record("a 1 0", [], { sha256: "a".repeat(64) }), record("a 1 0")]) {
      expect(plan([before], [after])).toMatchObject({ shown: [], unchanged: [before] });
    }
    expect(plan([before], [before]).shown).toEqual([]);
  });

  it("removes first, installs what is new, and reinstalls what is named for it", () => {
    const before = [installed("gone 1 0"), installed("a 1 0")];
    expect(plan(before, [record("a 1 0"), record("b 1 0")], { reinstall: ["a"] }).shown).toEqual([
      "remove gone-1-0",
      "reinstall a-1-0",
      "install b-1-0",
    ]);
  });

  it("links pure modules again when python moves, and only then", () => {
    const noarch = { subdir: "noarch", noarch: "python" as const };
    const before = [installed("python 3.12.1 0"), installed("pure 1 0", [], noarch), installed("tool 1 0")];
    const withPython = (python: RepoDataRecord) => [
      python,
      record("pure 1 0", [], noarch),
      record("tool 1 0"),
    ];
    expect(plan(before, withPython(record("python 3.12.2 0"))).shown).toEqual(["upgrade python-3.12.2-0"]);
    expect(plan(before, withPython(record("python 3.13.0 0"))).shown).toEqual([
      "upgrade python-3.13.0-0",
      "reinstall pure-1-0",
    ]);
    // A free-threaded build of the same minor version has another site-packages (CEP 17).
    const threaded = { python_site_packages_path: "lib/python3.12t/site-packages" };
    expect(plan(before, withPython(record("python 3.12.1 t_1", [], threaded))).shown).toEqual([
      "upgrade python-3.12.1-t_1",
      "reinstall pure-1-0",
    ]);
    // `remove --force python`: there is nothing to link it for. With the next python it is.
    const without = before.slice(1);
    expect(plan(before, without).shown).toEqual(["remove python-3.12.1-0"]);
    expect(plan(without, withPython(record("python 3.13.0 0"))).shown).toEqual([
      "install python-3.13.0-0",
      "reinstall pure-1-0",
    ]);
  });

  it("remembers what is requested, also of packages that stay", () => {
    const before = [
      installed("a 1 0", [], { requested_specs: ["a"] } as Partial<PrefixRecord>),
      installed("b 1 0"),
    ];
    const result = plan(before, [...before, record("c 1 0")], {
      requested: [
        ["a", ["a"]],
        ["b", ["b >=1"]],
        ["c", ["c"]],
      ],
    });
    expect([...result.newlyRequested]).toEqual([["b", ["b >=1"]]]);
    expect(result.operations).toMatchObject([{ kind: "install", requestedSpecs: ["c"] }]);
  });
});
