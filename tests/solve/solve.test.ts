import { describe, expect, it } from "vitest";
import { ask, dists, installed, message, record, virtual } from "./world.ts";

const python = ["3.10.1 h_0", "3.10.9 h_0", "3.11.5 h_0", "3.12.0 h_0"].map((text) =>
  record(`python ${text}`),
);
const numpy = ["1.23", "1.26"].flatMap((version) =>
  ["310", "311", "312"].map((minor) =>
    record(`numpy ${version} py${minor}_0`, [
      `python >=3.${minor.slice(1)},<3.${Number(minor.slice(1)) + 1}.0a0`,
    ]),
  ),
);
const pip = [record("pip 23.0 pyh_0", ["python >=3.7"], { subdir: "noarch", noarch: "python" })];
const channel = [...python, ...numpy, ...pip];
const env = [installed("python 3.10.1 h_0"), installed("numpy 1.23 py310_0", ["python >=3.10,<3.11.0a0"])];
const history = ["python", "numpy"];

describe("create", () => {
  it("takes the newest of what is asked for, in the order asked", () => {
    const pair = [
      record("a 1 0", ["c <2"]),
      record("a 2 0", ["c >=2"]),
      record("b 1 0", ["c >=2"]),
      record("b 2 0", ["c <2"]),
    ];
    const c = [record("c 1 0"), record("c 2 0")];
    expect(dists(ask([[...pair, ...c]], { specs: ["a", "b"] }))).toEqual(["c-2-0", "a-2-0", "b-1-0"]);
    expect(dists(ask([[...pair, ...c]], { specs: ["b", "a"] }))).toEqual(["c-1-0", "a-1-0", "b-2-0"]);
  });

  it("does not let the build number of one request cost another its version", () => {
    const world = [
      record("a 1 h_1", ["c <2"]),
      record("a 1 h_0", ["c"]),
      record("b 1 0", ["c <2"]),
      record("b 2 0", ["c >=2"]),
      record("c 1 0"),
      record("c 2 0"),
    ];
    expect(dists(ask([world], { specs: ["a", "b"] }))).toEqual(["c-2-0", "a-1-h_0", "b-2-0"]);
  });

  it("of equal builds takes the one whose dependencies may be newer, each named twice", () => {
    const libs = ["1", "2", "3"].map((version) => record(`lib ${version} 0`));
    const world = [record("a 1 z", ["lib >=1", "lib <2"]), record("a 1 b", ["lib >=1", "lib <3"]), ...libs];
    expect(dists(ask([world], { specs: ["a"] }))).toEqual(["lib-2-0", "a-1-b"]);
  });

  it("gives pip to those who ask for python, when told to", () => {
    expect(dists(ask([channel], { specs: ["python"], addPip: true }))).toContain("pip-23.0-pyh_0");
    expect(dists(ask([channel], { specs: ["numpy"], addPip: true }))).not.toContain("pip-23.0-pyh_0");
    expect(dists(ask([channel], { specs: ["python"] }))).not.toContain("pip-23.0-pyh_0");
  });

  it("links python before pip where they need each other, and dependencies before dependents", () => {
    const world = [record("python 3 0", ["pip", "zlib"]), record("pip 1 0", ["python"]), record("zlib 1 0")];
    expect(dists(ask([world], { specs: ["pip"] }))).toEqual(["zlib-1-0", "python-3-0", "pip-1-0"]);
  });

  it("orders chains far longer than a call stack", () => {
    const chain = Array.from({ length: 20_000 }, (_, i) =>
      record(`n${i} 1 0`, i < 19_999 ? [`n${i + 1}`] : []),
    );
    const order = dists(ask([chain], { specs: ["n0"] }));
    expect(order).toHaveLength(20_000);
    expect(order[0]).toBe("n19999-1-0");
  });
});

describe("channel priority", () => {
  const first = [record("a 1 0", [], { channel: "first" }), record("b 1 0", ["a >=2"], { channel: "first" })];
  const second = [record("a 2 0", [], { channel: "second" })];

  it("strict hides other channels' builds of a name, and says so", () => {
    const result = ask([first, second], { specs: ["b"], priority: "strict" });
    expect(message(result)).toContain("which strict channel priority hides");
    expect(result.kind === "conflict" && result.hints[0]).toContain("second::a");
  });

  it("flexible prefers the better channel and uses the other when it must", () => {
    expect(dists(ask([first, second], { specs: ["a"] }))).toEqual(["a-1-0"]);
    expect(dists(ask([first, second], { specs: ["b"] }))).toEqual(["a-2-0", "b-1-0"]);
  });

  it("disabled goes by version", () => {
    expect(dists(ask([first, second], { specs: ["a"], priority: "disabled" }))).toEqual(["a-2-0"]);
  });

  it("lets a spec that names its channel through strict priority", () => {
    expect(dists(ask([first, second], { specs: ["second::a"], priority: "strict" }))).toEqual(["a-2-0"]);
  });
});

describe("install", () => {
  it("changes nothing for what is installed and good enough", () => {
    const result = ask([channel], { command: "install", specs: ["numpy"], installed: env, history });
    expect(result.kind === "solution" && result.records.every((r) => env.includes(r as never))).toBe(true);
  });

  it("keeps python's minor version unless the request names python", () => {
    const asked = { command: "install" as const, installed: env, history };
    expect(dists(ask([channel], { ...asked, specs: ["numpy>=1.26"] }))).toEqual([
      "python-3.10.1-h_0",
      "numpy-1.26-py310_0",
    ]);
    expect(dists(ask([channel], { ...asked, specs: ["python=3.12"] }))).toEqual([
      "python-3.12.0-h_0",
      "numpy-1.26-py312_0",
    ]);
  });

  it("refuses to touch frozen packages", () => {
    const result = ask([channel], {
      command: "install",
      specs: ["numpy>=1.26"],
      installed: env,
      flags: { freezeInstalled: true },
    });
    expect(message(result)).toContain("is installed and frozen");
  });

  it("rather takes an older version of the new package than drops one that was asked for", () => {
    const world = [
      record("foobar 1 0", ["libfoo 1"]),
      record("foobar 2 0", ["libfoo 2"]),
      record("libfoo 1 0"),
      record("libfoo 2 0"),
      record("qux 1 0", ["libfoo 1"]),
      record("qux 2 0", ["other", "libfoo 3"]),
      record("qux 3 0", ["libfoo 1", "nothing-else"]),
      record("nothing-else 1 0", [], { constrains: ["foobar <0"] }),
    ];
    const before = [installed("foobar 2 0", ["libfoo 2"]), installed("libfoo 2 0")];
    const result = ask([world], {
      command: "install",
      specs: ["qux"],
      installed: before,
      history: ["foobar"],
    });
    expect(dists(result)).toEqual(["libfoo-1-0", "foobar-1-0", "qux-1-0"]);
  });

  it("leaves packages alone whose dependencies were broken before", () => {
    const broken = [installed("a 1 0", ["b 2"]), installed("b 1 0")];
    const world = [record("b 1 0"), record("b 2 0"), record("c 1 0")];
    expect(dists(ask([world], { command: "install", specs: ["c"], installed: broken })).sort()).toEqual([
      "a-1-0",
      "b-1-0",
      "c-1-0",
    ]);
  });
});

describe("update and remove", () => {
  it("updates what is named and keeps the rest", () => {
    expect(dists(ask([channel], { command: "update", specs: ["numpy"], installed: env, history }))).toEqual([
      "python-3.10.1-h_0",
      "numpy-1.26-py310_0",
    ]);
  });

  it("updates everything within python's minor version", () => {
    const result = ask([channel], { command: "update", installed: env, history, flags: { updateAll: true } });
    expect(dists(result)).toEqual(["python-3.10.9-h_0", "numpy-1.26-py310_0"]);
  });

  it("says what it cannot update", () => {
    const result = ask([channel], { command: "update", specs: ["pip"], installed: env });
    expect(result.kind === "solution" && result.notes).toEqual([
      "`pip` is not installed, so there is nothing to update; `install` adds it",
    ]);
  });

  it("says which wish of before gives way", () => {
    const world = [
      ...[record("lib 1 0"), record("lib 2 0"), record("app 1 0", ["lib 1"]), record("app 2 0", ["lib 2"])],
      record("only 1 0", ["lib 1"]),
    ];
    const before = [installed("lib 1 0"), installed("app 1 0", ["lib 1"]), installed("only 1 0", ["lib 1"])];
    const result = ask([world], {
      command: "install",
      specs: ["lib=2"],
      installed: before,
      history: ["app=1", "only", "gone=3"],
    });
    expect(dists(result)).toEqual(["lib-2-0", "app-2-0"]);
    expect(result.kind === "solution" && result.notes).toEqual([
      "`app=1` was asked for before; this gives app 2",
      "`only` was asked for before; this removes it",
    ]);
  });

  it("removes what needs the package, and what only that needed", () => {
    const before = [
      installed("app 1 0", ["lib"]),
      installed("lib 1 0", ["base"]),
      installed("base 1 0"),
      installed("other 1 0", ["base"]),
    ];
    const remove = (specs: string[], flags = {}) =>
      dists(ask([[]], { command: "remove", specs, flags, installed: before, history: ["app", "other"] }));
    expect(remove(["lib"])).toEqual(["base-1-0", "other-1-0"]);
    expect(remove(["app"])).toEqual(["base-1-0", "other-1-0"]);
    expect(remove(["app"], { prune: false })).toEqual(["base-1-0", "lib-1-0", "other-1-0"]);
    expect(remove(["lib"], { force: true })).toEqual(["app-1-0", "base-1-0", "other-1-0"]);
  });

  it("keeps only what the request needs where that is all that is wanted", () => {
    const before = [installed("app 1 0", ["lib"]), installed("lib 1 0"), installed("other 1 0")];
    const keep = (onlyRequested: boolean) =>
      dists(
        ask([before], {
          command: "install",
          specs: ["app"],
          flags: { onlyRequested },
          installed: before,
          history: ["app", "other"],
        }),
      ).sort();
    expect(keep(true)).toEqual(["app-1-0", "lib-1-0"]);
    expect(keep(false)).toEqual(["app-1-0", "lib-1-0", "other-1-0"]);
  });

  it("does not prune an environment that has no history", () => {
    const before = [installed("app 1 0"), installed("tool 1 0", ["lib"]), installed("lib 1 0")];
    expect(dists(ask([[]], { command: "remove", specs: ["app"], installed: before }))).toEqual([
      "lib-1-0",
      "tool-1-0",
    ]);
  });
});

describe("pins, virtual packages, dates, strategies", () => {
  it("never removes what breaks a pin", () => {
    const before = [installed("app 1 0", ["lib"]), installed("lib 2 0")];
    const pinned = { command: "install" as const, specs: ["new"], pins: ["lib <2"], installed: before };
    const world = [record("new 1 0"), record("app 1 0", ["lib"]), record("lib 2 0")];
    for (const history of [[], ["app"], ["lib"]]) {
      const result = ask([world], { ...pinned, history });
      expect(result.kind === "conflict" && result.message).toContain("`lib <2` is pinned");
    }
    expect(dists(ask([[...world, record("lib 1 0")]], pinned))).toEqual(["lib-1-0", "app-1-0", "new-1-0"]);
  });

  it("holds pins also for dependencies", () => {
    const world = [record("app 1 0", ["lib"]), record("lib 1 0"), record("lib 2 0")];
    expect(dists(ask([world], { specs: ["app"], pins: ["lib=1"] }))).toEqual(["lib-1-0", "app-1-0"]);
    expect(dists(ask([world], { specs: ["app"], pins: ["lib=1"], flags: { noPin: true } }))).toEqual([
      "lib-2-0",
      "app-1-0",
    ]);
  });

  it("checks virtual packages, against dependencies and constraints, and does not list them", () => {
    const world = [
      record("a 2 0", ["__glibc >=2.28"]),
      record("a 1 0", ["__glibc >=2.17"]),
      record("b 1 0", [], { constrains: ["__glibc >=2.30"] }),
    ];
    const system = [virtual("__glibc", "2.17")];
    expect(dists(ask([world], { specs: ["a"], virtual: system }))).toEqual(["a-1-0"]);
    expect(message(ask([world], { specs: ["b"], virtual: system }))).toContain(
      "`__glibc=2.17=0` is what this system has",
    );
  });

  it("uses a channel's own `__glibc` where the system has none", () => {
    const world = [record("a 1 0", ["__glibc >=2.17"]), record("__glibc 2.28 0")];
    expect(dists(ask([world], { specs: ["a"] }))).toEqual(["__glibc-2.28-0", "a-1-0"]);
  });

  it("knows nothing newer than a date, by the index's clock before the builder's", () => {
    const world = [
      record("a 1 0", [], { timestamp: 1_600_000_000 }),
      record("a 2 0", [], { timestamp: 1_600_000_000_000, indexed_timestamp: 1_900_000_000_000 }),
      record("a 2.5 0", [], { timestamp: 1_600_000_000, indexed_timestamp: 1_900_000_000 }),
      record("a 3 0", [], { timestamp: 1_900_000_000_000 }),
    ];
    const excludeNewer = 1_700_000_000_000;
    expect(dists(ask([world], { specs: ["a"], flags: { excludeNewer } }))).toEqual(["a-1-0"]);
    // A limit of its own stands in place of the one for all.
    const own = (limit: number) => ({ excludeNewer, excludeNewerByName: new Map([["a", limit]]) });
    expect(dists(ask([world], { specs: ["a"], flags: own(Infinity) }))).toEqual(["a-3-0"]);
    expect(ask([world], { specs: ["a"], flags: own(1_500_000_000_000) })).toHaveProperty("kind", "conflict");
  });

  it("can take the lowest versions", () => {
    const world = [
      record("main 1 0", ["dep"]),
      record("main 2 0", ["dep"]),
      record("dep 1 0"),
      record("dep 2 0"),
    ];
    expect(dists(ask([world], { specs: ["main"], flags: { strategy: "lowest" } }))).toEqual([
      "dep-1-0",
      "main-1-0",
    ]);
    expect(dists(ask([world], { specs: ["main"], flags: { strategy: "lowest-direct" } }))).toEqual([
      "dep-2-0",
      "main-1-0",
    ]);
  });
});

describe("hostile and unlucky input", () => {
  it("skips what cannot be read and uses the rest", () => {
    const odd = record("a 3 0", ["lib >=)("]);
    const nulls = { ...record("a 2 0"), constrains: null, depends: undefined } as never;
    const badVersion = record("a !!! 0");
    expect(dists(ask([[odd, nulls, badVersion, record("a 1 0")]], { specs: ["a"] }))).toEqual(["a-2-0"]);
  });

  it("stops at the timeout and when aborted", () => {
    // Pigeons and holes: hard for resolution, so the search is still running when the clock is looked at.
    const holes = Array.from({ length: 9 }, (_, hole) => `h${hole}`);
    const world = Array.from({ length: 10 }, (_, pigeon) =>
      holes.map((hole, i) => record(`p${pigeon} ${i} 0`, [`${hole} ${pigeon}`])),
    ).flat();
    const slots = holes.flatMap((hole) =>
      Array.from({ length: 10 }, (_, pigeon) => record(`${hole} ${pigeon} 0`)),
    );
    const specs = Array.from({ length: 10 }, (_, pigeon) => `p${pigeon}`);
    let time = 0;
    const now = (): number => (time += 1000);
    expect(() => ask([[...world, ...slots]], { specs, now, flags: { timeout: 3000 } })).toThrow(
      /no solution was found within 3 s/,
    );
    expect(() => ask([[...world, ...slots]], { specs, signal: AbortSignal.abort() })).toThrow(/interrupted/);
  });
});
