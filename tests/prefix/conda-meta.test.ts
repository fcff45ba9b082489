import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { formatPrefixRecord, parsePrefixRecord, readPrefixRecord } from "../../src/prefix/conda-meta.ts";
import { cutRecord } from "../../src/prefix/lazy-record.ts";

const record = {
  name: "a",
  version: "1",
  build: "0",
  build_number: 0,
  channel: "https://host/chan",
  files: ["lib/a", 'odd "files": [ name', "back\\slash", "ünï"],
  link: { source: "/pkgs/a-1-0", type: 1 },
  paths_data: { paths_version: 1, paths: [{ _path: "lib/a", path_type: "hardlink" }] },
  subdir: "linux-64",
  url: "https://host/chan/linux-64/a-1-0.conda",
};

describe("records of conda-meta", () => {
  test.each([
    ["conda's and taipan's form", JSON.stringify(record, null, 2)],
    ["micromamba's form", JSON.stringify(record, null, 4)],
    ["one line", JSON.stringify(record)],
    ["tabs", JSON.stringify(record, null, "\t")],
    ["lists closed inside a line", JSON.stringify(record, null, 2).replace(/\n {2}\],/, "],")],
    [
      "long lists last",
      JSON.stringify({ name: "a", ...Object.fromEntries(Object.entries(record).reverse()) }, null, 2),
    ],
  ])("%s", (_name, text) => {
    const parsed = parsePrefixRecord(text, "a.json");
    expect(parsed.files).toEqual(["lib/a", 'odd "files": [ name', "back/slash", "ünï"]);
    expect(parsed.paths_data).toEqual(record.paths_data);
    expect({ ...parsed }).toMatchObject({ name: "a", link: record.link });
    expect(JSON.parse(JSON.stringify(parsed)).files).toHaveLength(4);
    parsed.files = ["other"];
    expect(parsed.files).toEqual(["other"]);
  });

  test.each([
    ["other-9-9.conda", "a-1-0.conda"],
    ["a-1-0.tar.bz2", "a-1-0.tar.bz2"],
    ["a-1", "a-1-0"],
  ])("are written without null, and under the name that others look for: %s", (fn, recorded) => {
    const whole = { ...parsePrefixRecord(JSON.stringify(record), "a.json"), fn, license: null, noarch: null };
    const written = JSON.parse(formatPrefixRecord(whole as never)) as Record<string, unknown>;
    expect(written).not.toHaveProperty("license");
    expect(written).not.toHaveProperty("noarch");
    expect(written["fn"]).toBe(recorded);
  });

  test("the long lists are not parsed with the rest", () => {
    for (const indent of [2, 4]) {
      const cut = cutRecord(Buffer.from(JSON.stringify(record, null, indent)));
      expect(JSON.parse(cut.head)).toEqual({ ...record, files: null, paths_data: null });
      expect(JSON.parse(cut.files!.toString())).toEqual(record.files);
      expect(JSON.parse(cut.pathsData!.toString())).toEqual(record.paths_data);
    }
  });

  test("lists of something inside the record are not taken for its own", () => {
    const text =
      '{\n  "name": "a", "version": "1", "build": "0", "link": {\n  "files": [\n    "x"\n  ]}, "files": ["y"]}';
    expect(parsePrefixRecord(text, "a.json").files).toEqual(["y"]);
  });

  test("a broken list is an error that names the file, at the latest when it is read", () => {
    const text = JSON.stringify(record, null, 2).replace('"lib/a",', '"lib/a"');
    expect(() => parsePrefixRecord(text, "/p/conda-meta/a.json").files).toThrowError(
      /\/p\/conda-meta\/a\.json/,
    );
  });

  test("however it is laid out, a record means the same", () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), value, { maxKeys: 5 }),
        fc.array(fc.string(), { maxLength: 5 }),
        fc.constantFrom(0, 1, 2, 3, 4, 8),
        (extra, files, indent) => {
          const whole = { ...extra, name: "a", version: "1", build: "0", files, depends: ["x"] };
          const parsed = parsePrefixRecord(JSON.stringify(whole, null, indent), "a.json");
          expect(parsed.files).toEqual(files.map((file) => file.replace(/\\/g, "/")));
          expect(parsed.depends).toEqual(["x"]);
        },
      ),
    );
  });
});

describe("long records on disk", () => {
  const directory = mkdtempSync(join(tmpdir(), "taipan-records-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "a-1-0.json");
  const files = Array.from({ length: 2000 }, (_, i) => `lib/file-${i}`);
  const long = parsePrefixRecord(
    JSON.stringify({
      ...record,
      files,
      paths_data: { paths_version: 1, paths: files.map((_path) => ({ _path, path_type: "hardlink" })) },
      requested_specs: ["a >=1", "a"],
      depends: ["x", 'odd ",\n  "files": ['],
    }),
    path,
  );
  const text = formatPrefixRecord(long);
  const read = () => readPrefixRecord(path)!;

  test("are what they were, however much of them is read", () => {
    writeFileSync(path, text);
    expect(read()).toEqual(parsePrefixRecord(text, path));
    expect(read().requested_specs).toEqual(["a >=1", "a"]);
    expect(readPrefixRecord(`${path}.none`)).toBeUndefined();
    // Names longer than everything else.
    const names = Array.from({ length: 300 }, (_, i) => `${"ü".repeat(80)}${i}`);
    const wide = formatPrefixRecord({ ...long, files: names });
    writeFileSync(path, wide);
    expect(read().files).toEqual(names);
  });

  test("their lists are not read before they are needed, and only from the same file", () => {
    // A broken list is not seen as long as nobody reads it.
    writeFileSync(path, text.replace('"lib/file-1000",', '"lib/file-1000"'));
    const damaged = read();
    expect(damaged.name).toBe("a");
    expect(() => damaged.files).toThrowError(/a-1-0\.json/);
    writeFileSync(path, text.replace(/("_path": "lib\/file-1000"),/, "$1"));
    expect(read().files).toEqual(files);
    expect(() => read().paths_data).toThrowError(/a-1-0\.json/);
    writeFileSync(path, text);
    const [changed, gone] = [read(), read()];
    writeFileSync(path, `${text}\n`);
    expect(() => changed.files).toThrowError(/changed by another program/);
    rmSync(path);
    expect(() => gone.paths_data).toThrowError(/changed by another program/);
  });

  test.each([
    ["keys between the lists", (key: string) => (key === "paths_data" ? 2 : key === "build" ? 1 : 0)],
    ["keys behind the lists", (key: string) => (key === "files" ? 0 : key === "paths_data" ? 1 : 2)],
    ["sorted keys", undefined],
  ])("of other tools are read whole: %s", (_name, rank) => {
    const entries = Object.entries(JSON.parse(text));
    entries.sort(([a], [b]) => (rank ? rank(a) - rank(b) : a < b ? -1 : 1));
    writeFileSync(path, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
    expect(read()).toEqual(parsePrefixRecord(text, path));
    writeFileSync(path, JSON.stringify(Object.fromEntries(entries)));
    expect(read()).toEqual(parsePrefixRecord(text, path));
  });

  test("lists of something inside the record are not taken for its own", () => {
    const inside = text.replace(
      /^\{\n/,
      '{\n  "odd": {\n  "requested_spec": "",\n  "files": [\n    "x"\n  ]},\n',
    );
    writeFileSync(path, inside);
    expect(read().files).toEqual(files);
  });
});
