import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  formatMatchSpec,
  matchSpecMatches,
  parseMatchSpec,
  tryParseMatchSpec,
} from "../../src/specs/match-spec.ts";
import { isSafePackageName, isSafeVersionString } from "../../src/specs/names.ts";
import type { RepoDataRecord } from "../../src/specs/records.ts";
import { isValidVersion } from "../../src/specs/version.ts";
import { sharedPath } from "../support/shared.ts";

const depspecs = sharedPath("data", "depspecs.txt");
const versions = sharedPath("data", "versions.txt");
const names = sharedPath("data", "conda-forge-names.txt");
const environments = sharedPath("data", "solved", "envs.jsonl");
const records = sharedPath("data", "solved", "records.jsonl");

const lines = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");

describe("strings of real records", () => {
  it.skipIf(!depspecs)(
    "parses every dependency string, and prints each so that it parses to the same again",
    () => {
      const all = lines(depspecs as string);
      expect(all.length).toBeGreaterThan(30_000);
      for (const text of all) {
        const spec = tryParseMatchSpec(text);
        if (!spec) throw new Error(`not parsed: ${text}`);
        const printed = formatMatchSpec(spec);
        const again = formatMatchSpec(parseMatchSpec(printed));
        if (again !== printed) throw new Error(`${text}: ${printed} became ${again}`);
      }
    },
  );

  it.skipIf(!versions)("parses every version", () => {
    expect(
      lines(versions as string).filter((text) => !isValidVersion(text) || !isSafeVersionString(text)),
    ).toEqual([]);
  });

  it.skipIf(!names)("accepts every package name", () => {
    expect(lines(names as string).filter((name) => !isSafePackageName(name))).toEqual([]);
  });
});

/**
 * A URL has one record in these data, while channels correct the metadata of old packages: these pairs come from records that
 * were corrected between two locks. Each is plainly unsatisfied as written. The last two are the environment that says so.
 */
const UNSATISFIED = [
  "harfbuzz >=9.0.0,<10.0a0 | 10.4.0",
  "libdeflate >=1.24,<1.25.0a0 | 1.25",
  "libgfortran 5.* | 15.2.0",
  "libzlib >=1.2.13,<1.3.0a0 | 1.3.1",
  "vc14_runtime >=14.29.30139 | absent",
  "vc14_runtime >=14.38.33130 | absent",
];

describe("real solved environments", () => {
  it.skipIf(!environments || !records)(
    "finds every dependency and constraint satisfied, but for known corrections",
    () => {
      const all = lines(records as string).map((line) => JSON.parse(line) as RepoDataRecord);
      const byUrl = new Map(all.map((record) => [record.url, record]));
      const unsatisfied = new Set<string>();
      let checked = 0;
      for (const line of lines(environments as string)) {
        const { urls } = JSON.parse(line) as { urls: string[] };
        const environment = urls.map((url) => byUrl.get(url)).filter((record) => record !== undefined);
        checked += environment.length;
        for (const pair of findUnsatisfied(environment)) unsatisfied.add(pair);
      }
      expect(checked).toBeGreaterThan(50_000);
      expect([...unsatisfied].sort()).toEqual(UNSATISFIED);
    },
  );
});

function findUnsatisfied(environment: readonly RepoDataRecord[]): string[] {
  const byName = new Map(environment.map((record) => [record.name, record]));
  const found: string[] = [];
  for (const record of environment) {
    for (const text of record.depends ?? []) {
      const spec = tryParseMatchSpec(text);
      if (spec?.name?.startsWith("__")) continue;
      const other = byName.get(spec?.name ?? "");
      if (!spec || !other || !matchSpecMatches(spec, other))
        found.push(`${text} | ${other?.version ?? "absent"}`);
    }
    for (const text of record.constrains ?? []) {
      const spec = tryParseMatchSpec(text);
      const other = byName.get(spec?.name ?? "");
      if (!spec || (other && !matchSpecMatches(spec, other)))
        found.push(`constrains ${text} | ${other?.version ?? ""}`);
    }
  }
  return found;
}
