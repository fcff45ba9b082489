import { describe, expect, test } from "vitest";
import {
  formatRevision,
  historyName,
  parseHistory,
  parseSpecList,
  requestedSpecs,
  splitDist,
  stateAtRevision,
} from "../../src/prefix/history.ts";
import type { PrefixRecord, RepoDataRecord } from "../../src/specs/records.ts";

const record = (name: string, version: string): RepoDataRecord & PrefixRecord =>
  ({ name, version, build: "0", subdir: "linux-64", channel: "https://host/chan" }) as RepoDataRecord &
    PrefixRecord;

describe("conda-meta/history", () => {
  const first = formatRevision({
    date: new Date(2026, 0, 2, 3, 4, 5),
    command: ["taipan", "create", "-n", "x", "numpy >=1,<2"],
    linked: [record("numpy", "1.0"), record("python", "3.11")],
    unlinked: [],
    updateSpecs: ["numpy >=1,<2", 'pandas[version=">=0.25,<3"]'],
    removeSpecs: [],
  });
  const second = formatRevision({
    date: new Date(2026, 0, 2, 3, 4, 6),
    command: ["taipan", "remove", "numpy"],
    linked: [],
    unlinked: [record("numpy", "1.0")],
    updateSpecs: [],
    removeSpecs: ["numpy"],
  });

  test("a block has the form that conda and micromamba read", () => {
    expect(first).toBe(
      [
        "==> 2026-01-02 03:04:05 <==",
        "# cmd: taipan create -n x numpy >=1,<2",
        "# conda version: 3.8.0",
        "+https://host/chan/linux-64::numpy-1.0-0",
        "+https://host/chan/linux-64::python-3.11-0",
        // An escaped quote would stop libmamba.
        `# update specs: ["numpy >=1,<2", 'pandas[version=">=0.25,<3"]']`,
        "",
      ].join("\n"),
    );
  });

  test("what is written is read again", () => {
    const history = parseHistory(first + second);
    expect(history.revisions).toHaveLength(2);
    expect(history.revisions[0]?.specs).toEqual([
      { action: "update", specs: ["numpy >=1,<2", 'pandas[version=">=0.25,<3"]'] },
    ]);
    expect(history.revisions[1]).toMatchObject({
      command: "taipan remove numpy",
      unlinked: ["https://host/chan/linux-64::numpy-1.0-0"],
    });
    expect([...requestedSpecs(history, (spec) => /^[a-z]+/.exec(spec)?.[0])]).toEqual([
      ["pandas", 'pandas[version=">=0.25,<3"]'],
    ]);
    expect(stateAtRevision(history, 0)).toHaveLength(2);
    expect(stateAtRevision(history, 1)).toEqual(["https://host/chan/linux-64::python-3.11-0"]);
  });

  test("newlines in specs and commands cannot forge lines", () => {
    const text = formatRevision({
      date: new Date(),
      command: ["x\n+evil::a-1-0"],
      linked: [],
      unlinked: [],
      updateSpecs: ["a\n-b"],
      removeSpecs: [],
    });
    expect(parseHistory(text).revisions[0]?.linked).toEqual([]);
    expect(parseHistory(text).revisions[0]?.unlinked).toEqual([]);
  });

  const written = (spec: string): string =>
    formatRevision({
      date: new Date(),
      command: [],
      linked: [],
      unlinked: [],
      removeSpecs: [],
      updateSpecs: [spec, "b"],
    });

  test.each(["a", 'a[build="x[12]"]', "a[build='x']", `a[when="b[build='x']"]`, 'a[fn="b\\c"]', 'a"\\"'])(
    "a spec with quotes and backslashes is read as it was: %s",
    (spec) => {
      expect(parseHistory(written(spec)).revisions[0]?.specs).toEqual([
        { action: "update", specs: [spec, "b"] },
      ]);
    },
  );

  test("of two kinds of quotes, which mean the same, one is written: nothing to escape", () => {
    expect(written(`a[build='x', version="1"]`)).toContain(`["a[build='x', version='1']", "b"]`);
  });

  test("spec lists in Python, JSON and the old comma form", () => {
    expect(parseSpecList("['numpy', \"pandas[version='>=1']\"]")).toEqual(["numpy", "pandas[version='>=1']"]);
    expect(parseSpecList("python>=3,<4,numpy")).toEqual(["python>=3,<4", "numpy"]);
    expect(parseSpecList("[]")).toEqual([]);
  });

  test("names with and without the subdir in the channel", () => {
    expect(historyName({ ...record("a", "1"), channel: "https://host/chan/linux-64" })).toBe(
      "https://host/chan/linux-64::a-1-0",
    );
    expect(historyName({ ...record("a", "1"), channel: "" })).toBe("linux-64::a-1-0");
    expect(splitDist("conda-forge/linux-64::ca-certificates-2024.8.30-hbcca054_0")).toEqual({
      name: "ca-certificates",
      version: "2024.8.30",
      build: "hbcca054_0",
    });
  });

  test("anything else is ignored, never an error", () => {
    expect(parseHistory("rubbish\n\0\n==> x <==\npython-2.7-0\n#\n# foo").revisions).toEqual([
      { date: "x", linked: ["python-2.7-0"], unlinked: [], specs: [] },
    ]);
  });
});
