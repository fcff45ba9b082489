import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  checkSolution,
  type PackageRecord,
  parseMatchSpec,
  type RepoDataRecord,
  tryParseMatchSpec,
} from "../../src/index.ts";
import { sharedPath } from "../support/shared.ts";
import { ask, dists, message, virtual } from "./world.ts";

const solved = sharedPath("data", "solved");
const condaForge = sharedPath("data", "conda-forge");

/**
 * Upper bounds that conda-forge's repodata patches widened between the locks: the data keeps one record of a URL, so in a few
 * environments it is not the one that was locked there.
 */
const WIDENED_SINCE = new Set([
  "libzlib >=1.2.13,<1.3.0a0",
  "libdeflate >=1.24,<1.25.0a0",
  "libgfortran 5.*",
  "harfbuzz >=9.0.0,<10.0a0",
]);

interface Environment {
  source: string;
  env: string;
  problems: number;
  urls: string[];
}

function jsonLines<T>(path: string): T[] {
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe.skipIf(!solved)("957 environments that another solver made", () => {
  const records = new Map<string, RepoDataRecord>();
  for (const record of solved
    ? jsonLines<Partial<RepoDataRecord> & { url: string }>(`${solved}/records.jsonl`)
    : []) {
    const [subdir, fn] = record.url.split("/").slice(-2) as [string, string];
    const [, name, version, build] = /^(.+)-([^-]+)-([^-]+?)(?:\.conda|\.tar\.bz2)$/.exec(
      decodeURIComponent(fn),
    ) as unknown as [string, string, string, string];
    const fromName = { name, version, build, build_number: 0, depends: [], subdir, fn, channel: "chan" };
    records.set(record.url, Object.assign(fromName, record));
  }
  const environments = (solved ? jsonLines<Environment>(`${solved}/envs.jsonl`) : []).map((env) => ({
    ...env,
    records: env.urls.map((url) => records.get(url)!) as RepoDataRecord[],
  }));

  it("accepts every one but the one that says that it lacks a dependency", () => {
    const refused = environments.filter((env) => {
      const violations = checkSolution(env.records).filter(
        ({ text }) => !text.startsWith("__") && !WIDENED_SINCE.has(text),
      );
      return violations.length > 0;
    });
    expect(environments.length).toBeGreaterThan(900);
    expect(refused.map(({ source }) => source)).toEqual([expect.stringContaining("missing-dependency")]);
  });

  it("solves what nothing else needs, over exactly those records, to all of them", () => {
    let compared = 0;
    for (const env of environments) {
      if (env.problems > 0) continue;
      const bare = env.records.map((record) => withoutVirtual(record));
      const needed = new Set(
        bare.flatMap((record) => record.depends.map((text) => tryParseMatchSpec(text)?.name)),
      );
      const roots = bare.filter((record) => !needed.has(record.name));
      const noarch = bare.map((record) => ({
        ...record,
        subdir: record.subdir === "noarch" ? "noarch" : "linux-64",
      }));
      const result = ask([noarch], {
        specs: roots.map(({ name, version }) => `${name}==${version}`),
      });
      expect(
        result.kind,
        `${env.source} ${env.env}: ${result.kind === "conflict" ? result.message : ""}`,
      ).toBe("solution");
      if (result.kind !== "solution") continue;
      expect(checkSolution(result.records)).toEqual([]);
      compared += result.records.length;
    }
    expect(compared).toBeGreaterThan(50_000);
  });
});

function withoutVirtual(record: RepoDataRecord): RepoDataRecord {
  const keep = (text: string): boolean => !text.startsWith("__") && !WIDENED_SINCE.has(text);
  return { ...record, depends: record.depends.filter(keep), constrains: record.constrains?.filter(keep) };
}

describe.skipIf(!condaForge)("real conda-forge records", () => {
  const channel: RepoDataRecord[] = [];
  for (const subdir of condaForge ? ["linux-64", "noarch"] : []) {
    const repodata = JSON.parse(readFileSync(`${condaForge}/${subdir}/repodata.json`, "utf8"));
    for (const section of ["packages", "packages.conda"]) {
      for (const [fn, record] of Object.entries<PackageRecord>(repodata[section] ?? {})) {
        channel.push({
          ...record,
          subdir,
          fn,
          url: `https://conda.example/${subdir}/${fn}`,
          channel: "conda-forge",
        });
      }
    }
  }
  const system = [
    virtual("__glibc", "2.36"),
    virtual("__linux", "6.1"),
    virtual("__unix", "0"),
    virtual("__archspec", "1", "x86_64"),
  ];

  it.each([
    ["python numpy pandas scipy matplotlib jupyterlab"],
    ["python=3.12 scikit-learn pytorch"],
    ["geopandas qgis"],
    ["r-base compilers"],
  ])("answers %s consistently", (text) => {
    const specs = text.split(" ");
    const result = ask([channel], { specs, virtual: system, priority: "strict" });
    expect(dists(result).length).toBeGreaterThan(20);
    if (result.kind !== "solution") return;
    expect(
      checkSolution(
        result.records,
        specs.map((spec) => parseMatchSpec(spec)),
        system,
      ),
    ).toEqual([]);
  });

  it.each([["python=3.8 pandas"], ["python=3.12 torchvision"], ["spyder"]])(
    "proves that %s is impossible",
    (text) => {
      const explanation = message(ask([channel], { specs: text.split(" "), virtual: system }));
      expect(explanation).toContain("python");
      expect(explanation.split("\n").length).toBeLessThan(20);
    },
  );
});
