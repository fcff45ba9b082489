import { renameSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openForReading } from "../../src/fs/index-files.ts";
import { FlatIndex } from "../../src/repodata/flat-index.ts";
import { IndexFile } from "../../src/repodata/index-format.ts";
import { indexRepodataTask } from "../../src/repodata/index-task.ts";
import { OutlineRecord } from "../../src/repodata/outline.ts";
import { repeatedNames } from "../../src/repodata/stems.ts";
import { completeRecord } from "../../src/specs/package-index.ts";
import type { RepoDataRecord } from "../../src/specs/records.ts";
import { fileNames, record, repodata, temporaryDirectory } from "./support.ts";

async function index(value: unknown): Promise<{ index: FlatIndex; problems: string[] }> {
  const path = join(temporaryDirectory(), "x.index");
  const input = {
    label: "ch/linux-64",
    path,
    compression: "none",
    url: "https://h/ch/linux-64",
    source: "repodata.json",
    validators: { checkedAt: 0 },
  } as const;
  const task = await indexRepodataTask(input, {
    signal: new AbortController().signal,
    progress() {},
    transfer() {},
  });
  await task.write(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));
  renameSync((await task.end()).temporary, path);
  const problems: string[] = [];
  const file = IndexFile.open(openForReading(path)!)!;
  problems.push(...file.header.problems);
  return {
    problems,
    index: new FlatIndex(file, {
      channel: "ch",
      subdir: "linux-64",
      archiveBase: "https://h/ch/linux-64/",
      onProblem: (message) => void problems.push(message),
      onDamage: () => {
        throw new Error("damaged");
      },
    }),
  };
}

describe("names with repeated records", () => {
  const table = (runs: readonly (readonly [name: number, stems: readonly number[]])[]) =>
    repeatedNames({
      names: 3,
      runs: runs.length,
      runName: Uint32Array.from(runs, ([name]) => name),
      runInfo: Uint32Array.from(runs, ([, stems]) => (stems.length << 2) | 1),
      stems: Uint32Array.from(runs.flatMap(([, stems]) => [...stems])),
    });

  it("are those with two equal hashes, in one run or several", () => {
    expect([
      ...table([
        [0, [1, 2, 3]],
        [1, [1, 2]],
        [0, [4, 5]],
        [2, [7]],
      ]),
    ]).toEqual([0, 0, 0]);
    expect([
      ...table([
        [0, [1, 2, 1]],
        [1, [1, 2]],
        [2, [7]],
      ]),
    ]).toEqual([1, 0, 0]);
    expect([
      ...table([
        [1, [9]],
        [0, [1, 2, 3]],
        [2, [7]],
        [1, [8, 9]],
      ]),
    ]).toEqual([0, 1, 0]);
  });
});

describe("an index file", () => {
  it("gives back every record by name, whatever the order of the file", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.constantFrom("a", "a-b", "b", "a_b", "aa", "z", "numpy"),
            fc.integer({ min: 0, max: 30 }),
          ),
          { maxLength: 60 },
        ),
        async (pairs) => {
          const records = pairs.map(([name, version]) => record(name, String(version)));
          const value = repodata(records);
          const { index: made, problems } = await index(value);
          const expected = Object.keys(value["packages.conda"] as object).map((fn) => `linux-64/${fn}`);
          expect(fileNames([made])).toEqual(expected.sort());
          expect([...made.names()]).toEqual([...new Set(pairs.map(([name]) => name))].sort());
          for (const name of made.names()) expect(made.has(name)).toBe(true);
          expect(made.has("aab")).toBe(false);
          expect(problems).toEqual([]);
          made.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it("prefers .conda over the .tar.bz2 of the same stem, v3 over both, and drops what is removed", async () => {
    const old = record("a", "1.0");
    const { index: made } = await index({
      packages: {
        "a-1.0-0.tar.bz2": old,
        "a-0.9-0.tar.bz2": record("a", "0.9"),
        "a-0.8-0.tar.bz2": record("a", "0.8"),
      },
      "packages.conda": { "a-1.0-0.conda": old },
      v3: { conda: { "a-1.0-0": { ...old, extra_depends: { test: ["pytest"] }, flags: ["cuda"] } } },
      removed: ["a-0.9-0.tar.bz2", "unknown-1-0.conda"],
    });
    expect(fileNames([made])).toEqual(["linux-64/a-0.8-0.tar.bz2", "linux-64/a-1.0-0.conda"]);
    const [newest] = made.records("a").filter(({ version }) => version === "1.0");
    expect(newest).toMatchObject({ flags: ["cuda"], extra_depends: { test: ["pytest"] } });
    made.close();
  });

  it.each([
    ["another form", { packages: ["a-1.0-0.tar.bz2"], "packages.conda": ["a-1.0-0.conda"] }],
    ["v3", { "packages.conda": ["a-1.0-0.conda"], v3: ["a-1.0-0"] }],
  ])("knows without looking at the records that a name is repeated in %s", async (_, groups) => {
    const members = (keys: readonly string[] = []) =>
      Object.fromEntries(
        ["a-2.0-0.conda", "b-1.0-0.conda", ...keys].map((key) => [key, record(key[0]!, key.split("-")[1]!)]),
      );
    const { packages, "packages.conda": conda, v3 } = groups as Record<string, string[]>;
    const { index: made } = await index({
      packages: Object.fromEntries(
        Object.entries(members(packages)).filter(([key]) => packages?.includes(key)),
      ),
      "packages.conda": members(conda),
      v3: { conda: Object.fromEntries(Object.entries(members(v3)).filter(([key]) => v3?.includes(key))) },
    });
    expect(
      made
        .outlines("a")
        .map(({ fn }) => fn)
        .sort(),
    ).toEqual(["a-1.0-0.conda", "a-2.0-0.conda"]);
    expect(fileNames([made])).toEqual([
      "linux-64/a-1.0-0.conda",
      "linux-64/a-2.0-0.conda",
      "linux-64/b-1.0-0.conda",
    ]);
    made.close();
  });

  it("outlines what it gives in whole, whatever is in the records", async () => {
    const keys = [
      ...[
        "name",
        "version",
        "build",
        "build_number",
        "subdir",
        "depends",
        "constrains",
        "timestamp",
        "md5",
        "sha256",
      ],
      ...[
        "indexed_timestamp",
        "track_features",
        "python_site_packages_path",
        "extra_depends",
        "flags",
        "noarch",
        "x",
      ],
    ];
    const odd = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        -1,
        0,
        1.5,
        12,
        1e21,
        "",
        "a",
        "1.0",
        "../x",
        "é",
        "\n",
        "noarch",
        "osx-64",
      ),
      fc.constantFrom<unknown>(
        [],
        ["a"],
        ["a", 1],
        [["a"]],
        {},
        { a: ["b"] },
        "0".repeat(32),
        "f".repeat(64),
      ),
      fc.constantFrom<unknown>("lib/python3.13/site-packages", 1_528_259_771_638, "x".repeat(9000)),
      fc.jsonValue(),
    );
    const changes = fc.dictionary(fc.constantFrom(...keys), odd, { maxKeys: 3 });
    const space = fc.constantFrom("", " ", "\n    ", "\t");
    const extension = fc.constantFrom(".conda", ".tar.bz2", "", ".zip");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), changes, extension), { maxLength: 12 }),
        fc.constantFrom("packages", "packages.conda"),
        space,
        async (list, group, indent) => {
          const records = list.map(([version, change, ext]) => [
            `a-${version}-0${ext}`,
            { ...record("a", String(version)), ...change },
          ]);
          const text = JSON.stringify({ [group]: Object.fromEntries(records) }, null, indent);
          const { index: outlined, problems } = await index(text);
          const { index: whole, problems: expected } = await index(text);
          for (const name of whole.names()) {
            const outlines = outlined.outlines(name);
            expect(outlines.map((outline) => ({ ...completeRecord(outline) }))).toEqual(whole.records(name));
            for (const [i, complete] of whole.records(name).entries())
              for (const key of Object.keys(complete) as (keyof RepoDataRecord)[])
                expect(outlines[i]![key]).toEqual(complete[key]);
          }
          expect(problems).toEqual(expected);
          outlined.close();
          whole.close();
        },
      ),
      {
        numRuns: 300,
        // A path that is empty is malformed, also where it is the first that is seen.
        examples: [[[[1, { python_site_packages_path: "" }, ".conda"]], "packages.conda", ""]],
      },
    );
  });

  it("makes outlines of records that are in order without parsing them", async () => {
    const { index: made } = await index({
      "packages.conda": {
        "a-1-0.conda": record("a", "1", { timestamp: 5, track_features: "x y", indexed_timestamp: 7 }),
        "a-1-1.conda": { ...record("a", "1"), build: "1", build_number: 1 },
        "a-2-0.conda": { ...record("a", "2"), flags: ["cuda"] },
      },
    });
    const outlines = made.outlines("a");
    expect(outlines.map((outline) => outline instanceof OutlineRecord)).toEqual([true, true, false]);
    expect(outlines.map(({ version, build_number }) => [version, build_number])).toEqual([
      ["1", 0],
      ["1", 1],
      ["2", 0],
    ]);
    expect(JSON.stringify(outlines)).toBe(JSON.stringify(made.records("a")));
    made.close();
  });

  it("takes the last of duplicate keys, as JSON.parse does", async () => {
    const text = `{"packages.conda": {"a-1-0.conda": ${JSON.stringify(record("a", "1", { size: 1 }))}, "b-1-0.conda": ${JSON.stringify(record("b", "1"))}, "a-1-0.conda": ${JSON.stringify(record("a", "1", { size: 2 }))}}}`;
    const { index: made } = await index(text);
    expect(made.records("a").map(({ size }) => size)).toEqual([2]);
    made.close();
  });

  it.each([
    ["name", "../../x", "is no package name"],
    ["name", "a\u0000b", "is no package name"],
    ["name", { megabyte: true }, "is no package name"],
    ["name", 7, "its name is malformed"],
    ["version", "1/../../2", "version is malformed"],
    ["version", null, "version is malformed"],
    ["build", "../x", "build is malformed"],
    ["build_number", "7", "build_number is no number"],
    ["depends", "python", "depends is no list"],
    ["depends", [1], "depends is no list"],
    ["constrains", { a: 1 }, "constrains is no list"],
    ["sha256", "0".repeat(63), "hash of it is malformed"],
    ["md5", ["x"], "hash of it is malformed"],
    ["subdir", "../..", "subdir is malformed"],
    ["python_site_packages_path", "../../lib", "leaves the prefix"],
    ["extra_depends", ["x"], "extra_depends is malformed"],
  ])("leaves out a record whose %s is %j", async (key, value, reason) => {
    const huge = key === "name" && typeof value === "object";
    const bad = { ...record("bad", "1"), [key]: huge ? "x".repeat(1 << 20) : value };
    const { index: made, problems } = await index({
      "packages.conda": { "bad-1-0.conda": bad, "good-1-0.conda": record("good", "1") },
    });
    expect(fileNames([made])).toEqual(["linux-64/good-1-0.conda"]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(reason);
    expect(problems[0]).toContain("bad-1-0.conda");
    expect(problems[0]!.length).toBeLessThan(400);
    made.close();
  });

  it("leaves out hostile file names", async () => {
    const evil = [
      "../../etc/a-1-0.conda",
      "/a-1-0.conda",
      "a-1-0.zip",
      "a\\b-1-0.conda",
      "a-1-0.conda/../x.conda",
      "a\u0000-1-0.conda",
      "",
    ];
    const packages = Object.fromEntries(evil.map((fn) => [fn, record("a", "1")]));
    const { index: made, problems } = await index({ packages });
    expect(fileNames([made])).toEqual([]);
    expect(problems).toHaveLength(evil.length);
    made.close();
  });

  it("loses only the record that is no JSON inside", async () => {
    const text = `{"packages": {"a-1-0.conda": ${JSON.stringify(record("a", "1"))}, "a-2-0.conda": {"name": "a", "version": tru}, "a-3-0.conda": ${JSON.stringify(record("a", "3"))}}}`;
    const { index: made, problems } = await index(text);
    expect(made.records("a").map(({ version }) => version)).toEqual(["1", "3"]);
    expect(problems).toEqual(['record "a-2-0.conda" of `ch/linux-64` is left out: it is no valid JSON']);
    made.close();
  });

  it("accepts what old and odd channels write", async () => {
    const { index: made, problems } = await index({
      packages: {
        "yarn-0.25.2-0.tar.bz2": {
          name: "yarn",
          version: "0.25.2",
          build: "0",
          build_number: 0,
          noarch: true,
          depends: null,
          constrains: null,
          license: null,
        },
        "x-1-0.tar.bz2": {
          name: "x",
          version: "1",
          build: "0",
          track_features: ["mkl", "blas"],
          timestamp: "soon",
          summary: "unknown keys do not matter",
        },
      },
    });
    expect(problems).toEqual([]);
    expect(made.records("yarn")[0]).toMatchObject({ noarch: "generic", depends: [], subdir: "linux-64" });
    expect(made.records("x")[0]).toMatchObject({
      track_features: "mkl blas",
      build_number: 0,
      timestamp: undefined,
    });
    made.close();
  });
});
