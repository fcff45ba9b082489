import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RepodataScanner, type ScanSink } from "../../src/repodata/scan.ts";
import { record, repodata } from "./support.ts";

interface Seen {
  records: { kind: number; key: string; name: string; value: unknown }[];
  removed: string[];
  info: Record<string, unknown>[];
  skipped: string[];
}

/** Scans text cut at the given sizes. */
function scan(text: string | Buffer, sizes: readonly number[] = [1 << 16]): Seen {
  const seen: Seen = { records: [], removed: [], info: [], skipped: [] };
  const sink: ScanSink = {
    record(kind, window, _base, { keyStart, end, nameStart, nameEnd }) {
      const [[key, value]] = Object.entries(JSON.parse(`{${window.toString("utf8", keyStart, end)}}`)) as [
        [string, unknown],
      ];
      seen.records.push({ kind, key, name: window.toString("utf8", nameStart, nameEnd), value });
    },
    removed: (fn) => void seen.removed.push(fn),
    info: (value) => void seen.info.push(value),
    skipped: (key, reason) => void seen.skipped.push(`${key}: ${reason}`),
  };
  const scanner = new RepodataScanner("ch/linux-64", sink);
  const bytes = Buffer.from(text);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    scanner.push(bytes.subarray(at, at + size));
    at += size;
  }
  scanner.end();
  return seen;
}

const nastyText = fc.oneof(
  fc.string(),
  fc.constantFrom(
    '"',
    "\\",
    '\\"',
    "},",
    '"},"',
    "{",
    "]",
    "name",
    '"name":"x"',
    "\u0000",
    "é",
    "🐍",
    "\n    }",
  ),
);
const nastyRecord = fc.record(
  {
    name: fc.oneof(fc.constantFrom("numpy", "a", "name"), nastyText),
    depends: fc.array(nastyText, { maxLength: 3 }),
    build: nastyText,
    nested: fc.dictionary(
      fc.constantFrom("name", "x"),
      fc.oneof(nastyText, fc.array(fc.dictionary(nastyText, nastyText))),
    ),
    number: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null), fc.boolean()),
  },
  { requiredKeys: [] },
);
const document = fc.record({
  info: fc.dictionary(nastyText, nastyText),
  before: fc.jsonValue(),
  packages: fc.dictionary(nastyText, nastyRecord, { maxKeys: 4 }),
  "packages.conda": fc.dictionary(nastyText, nastyRecord, { maxKeys: 4 }),
  signatures: fc.jsonValue(),
  removed: fc.array(nastyText),
});

describe("the repodata scanner", () => {
  it("finds what JSON.parse finds, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        document,
        fc.constantFrom(undefined, 1, 2, "\t"),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (value, indent, sizes) => {
          const text = JSON.stringify(value, undefined, indent);
          const parsed = JSON.parse(text) as typeof value;
          const seen = scan(text, sizes);
          const expected = (["packages", "packages.conda"] as const).flatMap((key, kind) =>
            Object.entries(parsed[key]).map(([fn, item]) => ({ kind, key: fn, value: item })),
          );
          expect(seen.records.map(({ kind, key, value: item }) => ({ kind, key, value: item }))).toEqual(
            expected,
          );
          for (const item of seen.records) {
            const { name } = item.value as { name?: string };
            expect(item.name).toBe(name === undefined ? "" : JSON.stringify(name).slice(1, -1));
          }
          expect(seen.info).toEqual([parsed.info]);
          expect(seen.removed.map((fn) => JSON.parse(`"${fn}"`))).toEqual(parsed.removed);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("takes an empty file for an empty dictionary, and so an empty dictionary", () => {
    expect(scan("").records).toEqual([]);
    expect(scan("\n").records).toEqual([]);
    expect(scan("{}").records).toEqual([]);
    expect(scan('\ufeff{"packages":{}}').records).toEqual([]);
  });

  it("rejects every proper beginning of a document", () => {
    const text = JSON.stringify(
      repodata([record("a", "1"), record("b", "2", { extra: { deep: ["x", { y: 'z"' }] } })]),
    );
    for (let length = 1; length < text.length; length++)
      expect(() => scan(text.slice(0, length)), text.slice(0, length)).toThrow(
        /`ch\/linux-64` is malformed: it ends in the middle/,
      );
    expect(scan(text).records).toHaveLength(2);
  });

  it.each([
    ["[]", "no JSON dictionary"],
    ["<!doctype html><html></html>", "no JSON dictionary"],
    ['{"packages": []}', "`packages` is no dictionary"],
    ['{"packages.conda": "x"}', "`packages.conda` is no dictionary"],
    ['{"packages": {} "info": {}}', "a comma is missing"],
    ['{"packages" {}}', "a colon is missing"],
    ["{packages: {}}", "a key is missing"],
    ['{"packages": {}}}', "something after its end"],
    ['{"packages": {}}{"packages": {}}', "something after its end"],
    ['{"info": {"subdir": }}', "`info` is no valid JSON"],
    ['{"x": }', "a value is missing"],
    ['{"packages": {"a-1-0.conda": }}', "a value is missing"],
  ])("rejects %s", (text, reason) => {
    expect(() => scan(text)).toThrow(reason);
  });

  it("skips what it does not know, whatever its size", () => {
    const text = `{"signatures": {"x": "${"s".repeat(5 << 20)}"}, "n": -1.5e3, "t": true, "packages": {"a-1-0.tar.bz2": {"name":"a"}}}`;
    expect(scan(text, [1 << 15]).records.map(({ key }) => key)).toEqual(["a-1-0.tar.bz2"]);
  });

  it("leaves out a record that is no dictionary or too long, and keeps its neighbours", () => {
    const long = `{"name":"b","summary":"${"x".repeat(5 << 20)}"}`;
    const text = `{"packages": {"a-1-0.conda": {"name":"a"}, "b-1-0.conda": ${long}, "s": "text", "n": null, "c-1-0.conda": {"name":"c"}}}`;
    const seen = scan(text, [100_000]);
    expect(seen.records.map(({ name }) => name)).toEqual(["a", "c"]);
    expect(seen.skipped).toEqual([
      "b-1-0.conda: it is longer than 4 MB",
      "s: it is no dictionary",
      "n: it is no dictionary",
    ]);
  });

  it("reads the v3 dictionaries of archives and ignores others", () => {
    const text =
      '{"v3": {"conda": {"a-1-0": {"name":"a"}}, "tar.bz2": {"b-1-0": {"name":"b"}}, "whl": {"c": {"name":"c"}}, "x": 1}, "packages": null}';
    expect(scan(text, [7]).records.map(({ kind, key }) => [kind, key])).toEqual([
      [3, "a-1-0"],
      [2, "b-1-0"],
    ]);
  });
});
