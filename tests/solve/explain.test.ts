import { describe, expect, it } from "vitest";
import type { Conflict } from "../../src/index.ts";
import { type Ask, ask, installed, record, virtual } from "./world.ts";

/** The whole text, as users read it, with the hints. */
function explained(
  channel: ReturnType<typeof record>[],
  options: Ask,
  more: ReturnType<typeof record>[] = [],
): string {
  const result = ask(more.length > 0 ? [channel, more] : [channel], options);
  expect(result.kind).toBe("conflict");
  const { message, hints } = result as Conflict;
  return ["", message, ...hints.map((hint) => `hint: ${hint}`), ""].join("\n");
}

const pythons = ["3.8.20", "3.11.5", "3.12.0"].map((version) => record(`python ${version} h_0`));
const pandas = ["1.5", "2.0", "2.1", "2.2"].flatMap((version) =>
  ["3.11", "3.12"].map((minor) =>
    record(`pandas ${version} py${minor.replace(".", "")}_0`, [`python ${minor}.*`]),
  ),
);

describe("explanations, word for word", () => {
  it("merges all builds that fail for the same reason", () => {
    expect(explained([...pythons, ...pandas], { specs: ["python=3.8", "pandas"] })).toBe(`
these cannot be met together:
├─ \`pandas\` is requested
│  └─ every build of pandas 1.5 to 2.2 needs \`python 3.12.*\` or \`python 3.11.*\`, but \`python=3.8\` is requested
└─ \`python=3.8\` is requested
hint: \`pandas\` is there for python 3.11 and 3.12
`);
  });

  it("says many specs of python as the minors that they leave", () => {
    const minors = ["2.7", "3.8", "3.9", "3.10", "3.11", "3.12"];
    const all = minors.map((minor) => record(`python ${minor}.1 0`));
    const builds = ["2.7", "3.9", "3.10", "3.11", "3.12"].map((minor, i) =>
      record(`numpy 1.${i} py${i}_0`, [`python ${minor}.*`]),
    );
    expect(explained([...all, ...builds], { specs: ["python=3.8", "numpy"] })).toBe(`
these cannot be met together:
├─ \`numpy\` is requested
│  └─ every build of numpy 1.0 to 1.4 needs python 2.7 or 3.9 to 3.12, but \`python=3.8\` is requested
└─ \`python=3.8\` is requested
hint: \`numpy\` is there for python 2.7 and 3.9 to 3.12
`);
  });

  it("says what stands between a package and what it lacks", () => {
    const world = [
      record("torch 2 cuda_0", ["cuda-rt"]),
      record("torch 1 cuda_0", ["cuda-rt 1.*"]),
      record("cuda-rt 2 0", ["__cuda >=12"]),
      record("cuda-rt 1 0", ["__cuda >=11"]),
    ];
    expect(explained(world, { specs: ["torch"] })).toBe(`
the request cannot be met:
└─ \`torch\` is requested
   └─ every build of torch 1 and 2 needs \`__cuda >=12\` or \`__cuda >=11\` (through cuda-rt), which this system does not have
hint: CONDA_OVERRIDE_CUDA=VERSION solves for a system that has another \`__cuda\`
`);
  });

  it("names the version of a virtual package that is too old", () => {
    const world = [record("a 1 0", ["__glibc >=2.28"])];
    expect(explained(world, { specs: ["a"], virtual: [virtual("__glibc", "2.17")] })).toBe(`
the request cannot be met:
└─ \`a\` is requested
   └─ a 1 0 needs \`__glibc >=2.28\`, but this system has __glibc 2.17
hint: CONDA_OVERRIDE_GLIBC=VERSION solves for a system that has another \`__glibc\`
`);
  });

  it("follows two chains to where they meet", () => {
    const world = [
      record("a 1 0", ["b"]),
      record("b 1 0", ["c >=2"]),
      record("c 1 0"),
      record("c 2 0"),
      record("d 1 0", ["e"]),
      record("e 1 0", ["c <2"]),
    ];
    expect(explained(world, { specs: ["a", "d"] })).toBe(`
these cannot be met together:
├─ \`a\` is requested
│  └─ a 1 0 needs
│     └─ \`b\`
│        └─ b 1 0 needs
│           └─ \`c >=2\`, which conflicts with \`c <2\`, which e 1 0 needs
└─ \`d\` is requested
   └─ d 1 0 needs
      └─ \`e\`
         └─ e 1 0 needs
            └─ \`c <2\`, which conflicts with \`c >=2\`, which b 1 0 needs
`);
  });

  it("shows both sides of a package that contradicts itself", () => {
    const world = [
      record("app 1 0", ["lib 1", "tool"]),
      record("tool 1 0", ["lib 2"]),
      record("lib 1 0"),
      record("lib 2 0"),
    ];
    expect(explained(world, { specs: ["app"] })).toBe(`
the request cannot be met:
└─ \`app\` is requested
   └─ app 1 0 needs
      ├─ \`lib 1\`
      └─ \`tool\`
         └─ tool 1 0 needs
            └─ \`lib 2\`, which conflicts with \`lib 1\`
`);
  });

  it("leaves out what has no part in the conflict", () => {
    const noise = Array.from({ length: 5 }, (_, i) => record(`noise${i} 1 0`, ["python"]));
    const specs = ["noise0", "noise1", "python=3.8", "noise2", "pandas", "noise3", "noise4"];
    const text = explained([...pythons, ...pandas, ...noise], { specs });
    expect(text).not.toContain("noise");
  });

  it("tells apart unknown names, unknown versions and misspelt names", () => {
    expect(explained(pythons, { specs: ["pyhton", "python=4", "zzzzzzzz"] })).toBe(`
these specs match nothing:
├─ \`pyhton\` is requested, which no channel has; did you mean \`python\`?
├─ \`python=4\` is requested, of which no channel has a match (there is 3.8.20, 3.11.5 and 3.12.0)
└─ \`zzzzzzzz\` is requested, which no channel has
hint: searched chan for linux-64 and noarch; other channels are added with -c
`);
  });

  it("explains constraints of packages and of the user's pins", () => {
    const world = [record("a 1 0", [], { constrains: ["b <2"] }), record("b 2 0"), record("b 1 0")];
    expect(explained(world, { specs: ["a", "b=2"] })).toBe(`
these cannot be met together:
├─ \`a\` is requested
│  └─ a 1 0 allows only \`b <2\`, but \`b=2\` is requested
└─ \`b=2\` is requested
`);
    expect(explained(world, { specs: ["b=2"], pins: ["b=1"] })).toBe(`
these cannot be met together:
├─ \`b=2\` is requested
└─ \`b=1\` is pinned
hint: pins come from \`conda-meta/pinned\` and \`pinned_packages\`; --no-pin leaves them out
`);
  });

  it("says that python's minor version is kept", () => {
    const world = [...pythons, record("new 1 0", ["python >=3.12"])];
    const before = [installed("python 3.11.5 h_0")];
    expect(explained(world, { command: "install", specs: ["new"], installed: before })).toBe(`
these cannot be met together:
├─ \`new\` is requested
│  └─ new 1 0 needs \`python >=3.12\`, but \`python 3.11.*\` is installed, and its minor version is kept
└─ \`python 3.11.*\` is installed, and its minor version is kept
hint: python keeps its minor version unless the request names it: add \`python\`, or use --no-py-pin
hint: \`new\` is there for python 3.12
`);
  });

  it("points to the channel that strict priority hides", () => {
    const world = [record("a 1 0", ["lib >=2"]), record("lib 1 0")];
    const other = [record("lib 2 0", [], { channel: "other" })];
    expect(explained(world, { specs: ["a"], priority: "strict" }, other)).toBe(`
the request cannot be met:
└─ \`a\` is requested
   └─ a 1 0 needs \`lib >=2\`, which strict channel priority hides
hint: other has other builds of \`lib\`, hidden by strict channel priority: ask for \`other::lib\`, or use --channel-priority flexible
`);
  });

  it("gives the same as nodes", () => {
    const result = ask([[...pythons, ...pandas]], { specs: ["python=3.8", "pandas"] }) as Conflict;
    expect(result.roots.map(({ kind, name, spec }) => ({ kind, name, spec }))).toEqual([
      { kind: "requested", name: "pandas", spec: "pandas" },
      { kind: "requested", name: "python", spec: "python=3.8" },
    ]);
    expect(result.roots[0]!.children[0]).toMatchObject({
      kind: "conflict",
      name: "pandas",
      versions: ["2.2", "2.1", "2.0", "1.5"],
    });
  });
});
