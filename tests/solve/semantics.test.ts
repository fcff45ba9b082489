import { describe, expect, it } from "vitest";
import {
  buildRequest,
  type Conflict,
  MemoryIndex,
  parseMatchSpec,
  type RepoDataRecord,
  type Solution,
} from "../../src/index.ts";
import { solveWithPauses } from "../../src/solve/solve.ts";
import { ask, dists, installed, record } from "./world.ts";

describe("what stays", () => {
  const old = [
    installed("python 3.7 0"),
    installed("yaml 2 0"),
    installed("pyyaml 2 py37_0", ["python 3.7", "yaml 2"]),
  ];
  const world = [
    record("python 3.7 0"),
    record("python 3.6 0"),
    record("yaml 2 0"),
    record("yaml 1 0"),
    record("pyyaml 2 py36_0", ["python 3.6", "yaml 2"]),
    record("pyyaml 3 py36_0", ["python 3.6", "yaml 1"]),
  ];

  it("keeps what can stay before another package takes its best", () => {
    const result = ask([world], { command: "install", specs: ["python=3.6"], installed: old });
    expect(dists(result).sort()).toEqual(["python-3.6-0", "pyyaml-2-py36_0", "yaml-2-0"]);
  });

  it("keeps a package in another version rather than drops it for one that could stay as it is", () => {
    const tight = world.filter(({ name, version }) => name !== "pyyaml" || version === "3");
    const result = ask([tight], { command: "install", specs: ["python=3.6"], installed: old });
    expect(dists(result).sort()).toEqual(["python-3.6-0", "pyyaml-3-py36_0", "yaml-1-0"]);
  });

  it("never takes away python that was asked for, for the sake of another package", () => {
    const before = [
      installed("python 3.13 0", ["ssl >=3"]),
      installed("ssl 3 0"),
      installed("tool 1 0", ["ssl >=3"]),
    ];
    const channel = [
      ...before,
      record("python 3.4 0", ["ssl <2"]),
      record("ssl 1 0"),
      record("old 1 0", ["ssl <2"]),
      record("none 1 0", [], { constrains: ["python <3"] }),
    ];
    const asked = { installed: before, history: ["python=3.13", "tool"] };
    const install = (specs: string[], more = {}) =>
      ask([channel], { command: "install", specs, ...asked, ...more });
    const hints = (result: Solution | Conflict) => (result.kind === "conflict" ? result.hints : []);
    expect(hints(install(["old"]))).toContainEqual(expect.stringContaining("--no-py-pin"));
    expect(hints(install(["none"]))).toContainEqual(expect.stringContaining("`remove python` first"));
    // Other packages give way, as in mamba, and so does python to its own name, or where it may.
    expect(dists(install(["old", "python"])).sort()).toEqual(["old-1-0", "python-3.4-0", "ssl-1-0"]);
    expect(dists(install(["none"], { flags: { noPythonPin: true } })).sort()).toEqual([
      "none-1-0",
      "ssl-3-0",
      "tool-1-0",
    ]);
  });

  it("takes orphans away with what is removed while something else is installed", () => {
    const before = [installed("a 1 0", ["lib"]), installed("lib 1 0"), installed("b 1 0")];
    const request = buildRequest({
      command: "install",
      specs: [parseMatchSpec("c")],
      alsoRemove: [parseMatchSpec("a")],
      flags: {},
      channelPriority: "flexible",
      addPip: false,
      installed: before,
      history: ["a", "b"].map((text) => parseMatchSpec(text)),
      pins: [],
      indexes: [new MemoryIndex("chan", "linux-64", 0, [record("c 1 0")])],
      virtualPackages: [],
      platform: "linux-64",
    });
    return solveWithPauses(request, () => Promise.resolve()).then((result) =>
      expect(dists(result).sort()).toEqual(["b-1-0", "c-1-0"]),
    );
  });

  it("updates what is named with --update-deps, and what that needs", () => {
    const before = [installed("app 1 0", ["lib"]), installed("lib 1 0"), installed("other 1 0")];
    const newer = ["app 1 0", "app 2 0", "lib 1 0", "lib 2 0", "other 1 0", "other 2 0"].map((text) =>
      record(text, text.startsWith("app") ? ["lib"] : []),
    );
    const options = { command: "install" as const, specs: ["app"], installed: before };
    expect(dists(ask([newer], options)).sort()).toEqual(["app-1-0", "lib-1-0", "other-1-0"]);
    expect(dists(ask([newer], { ...options, flags: { updateDeps: true } })).sort()).toEqual([
      "app-2-0",
      "lib-2-0",
      "other-1-0",
    ]);
  });
});

describe("which of several builds", () => {
  const chosen = (...records: RepoDataRecord[]): string => {
    // Whatever the order in which the channel lists them.
    const answers = [records, records.toReversed()].map((world) => {
      const { records: answer } = ask([world], { specs: ["a"] }) as Solution;
      return answer.map(({ name, version, build, subdir, fn }) =>
        [name, version, build, subdir, (fn ?? "").replace(/^.*\.(?=conda$|bz2$)/, "")].join(" "),
      );
    });
    expect(answers[0]).toEqual(answers[1]);
    return answers[0]!.join(", ");
  };
  const noarch = { subdir: "noarch" };

  it("fewest track_features before the version, then the build number, the time, arch, and the form", () => {
    expect(chosen(record("a 1 0"), record("a 2 0", [], { track_features: "slow" }))).toMatch(/^a 1 0/);
    expect(chosen(record("a 1 x_0", [], { timestamp: 9e12 }), record("a 1 y_1"))).toMatch(/^a 1 y_1/);
    expect(
      chosen(
        // Seconds, as in the first years; a later moment than the milliseconds of the other.
        record("a 1 x_0", [], { timestamp: 1_600_000_000 }),
        record("a 1 y_0", [], { timestamp: 1_500_000_000_000 }),
      ),
    ).toMatch(/^a 1 x_0/);
    expect(chosen(record("a 1 z_0", [], noarch), record("a 1 b_0"))).toMatch(/^a 1 b_0 linux-64/);
    const legacy = { fn: "a-1-z_0.tar.bz2" };
    expect(chosen(record("a 1 z_0", [], legacy), record("a 1 b_0"))).toMatch(/^a 1 b_0/);
  });
});

it("without channel priority the version comes first, and channels break ties before the build number", () => {
  const answer = (...channels: ReturnType<typeof record>[][]): string[] =>
    dists(ask(channels, { specs: ["a"], priority: "disabled" }));
  expect(answer([record("a 1 0")], [record("a 2 0")])).toEqual(["a-2-0"]);
  expect(answer([record("a 1 x_0")], [record("a 1 y_1")])).toEqual(["a-1-x_0"]);
  expect(answer([record("a 1 x_0")], [record("a 1 y_1"), record("a 1.1 0", ["missing"])])).toEqual([
    "a-1-x_0",
  ]);
});

describe("notes and hints", () => {
  it("says which clock --exclude-newer went by", () => {
    const world = [
      record("a 1 0", [], { indexed_timestamp: 1_600_000_000_000 }),
      record("a 2 0", [], { timestamp: 1_600_000_000_000 }),
      record("a 3 0"),
    ];
    const result = ask([world], { specs: ["a"], flags: { excludeNewer: Date.UTC(2024, 0, 1) } }) as Solution;
    expect(result.notes).toEqual([
      "--exclude-newer 2024-01-01T00:00:00Z: 1 record has no time of listing; the time of building was used; " +
        "1 record has no time, and counts as old enough",
    ]);
  });

  it("says that a package has no such extra", () => {
    const world = [record("a 1 0", [], { extra_depends: { gui: ["b"] } }), record("b 1 0")];
    const result = ask([world], { specs: ["a[extras=[gui, tui]]"] }) as Solution;
    expect(dists(result).sort()).toEqual(["a-1-0", "b-1-0"]);
    expect(result.notes).toEqual(["a 1 has no extra `tui`; it has `gui`"]);
  });

  it("says where a package is that the named channel or platform does not have", () => {
    const hints = (spec: string): readonly string[] => {
      const result = ask([[record("a 1 0")]], { specs: [spec] });
      return result.kind === "conflict" ? result.hints : [];
    };
    expect(hints("other::a")).toEqual(["chan/linux-64 has it"]);
    expect(hints("chan/osx-64::a")).toEqual([
      "chan/linux-64 has it; --platform osx-64 solves for another platform",
    ]);
  });
});

describe("hints about what nothing matches", () => {
  const hints = (spec: string, channels = [[record("numpy 2.4.6 0")]]): readonly string[] => {
    const result = ask(channels, { specs: [spec] });
    return result.kind === "conflict" ? result.hints : [];
  };

  it("a version written into the name", () => {
    expect(hints("numpy-2.4.6")).toEqual(["a version is written `numpy=2.4.6`"]);
    expect(hints("3.11")).toEqual(["name and version are one word: `NAME=3.11`"]);
    expect(hints("scipy-1.0")[0]).toMatch(/^searched chan for linux-64 and noarch/);
  });

  it("a virtual package that this machine lacks", () => {
    expect(hints("__cuda >=12")).toEqual([
      "CONDA_OVERRIDE_CUDA=VERSION solves for a system that has another `__cuda`",
    ]);
  });
});

describe("pauses", () => {
  const pigeons = Array.from({ length: 9 }, (_, i) => `p${i}`);
  const holes = Array.from({ length: 8 }, (_, i) => `h${i}`);
  const world = [
    ...pigeons.flatMap((pigeon, p) => holes.map((hole, h) => record(`${pigeon} ${h} 0`, [`${hole} ${p}`]))),
    ...holes.flatMap((hole) => pigeons.map((_, p) => record(`${hole} ${p} 0`))),
  ];
  const request = (signal?: AbortSignal) => {
    let time = 0;
    return buildRequest({
      command: "create",
      specs: pigeons.map((text) => parseMatchSpec(text)),
      flags: {},
      channelPriority: "flexible",
      addPip: false,
      installed: [],
      history: [],
      pins: [],
      indexes: [new MemoryIndex("chan", "linux-64", 0, world)],
      virtualPackages: [],
      platform: "linux-64",
      signal,
      now: () => (time += 15),
    });
  };

  it("gives way while it solves, and stops when it is aborted meanwhile", async () => {
    let pauses = 0;
    const whole = await solveWithPauses(request(), async () => void pauses++);
    expect(whole.kind).toBe("conflict");
    expect(pauses).toBeGreaterThan(3);

    const abort = new AbortController();
    const stopped = solveWithPauses(request(abort.signal), async () => abort.abort());
    await expect(stopped).rejects.toThrow(/interrupted/);
  });
});
