import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { extractFile } from "../../src/archive/extract.ts";
import { readIndexJson } from "../../src/archive/info.ts";
import { parseOffsets } from "../../src/archive/info-offsets.ts";
import { parsePathsJson } from "../../src/archive/info-paths.ts";
import { replacePrefix } from "../../src/prefix/placeholder.ts";
import { replaceAtOffsets } from "../../src/prefix/placeholder-offsets.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import { makePackage, PLACEHOLDER, sandbox, snapshot, withoutHistory } from "../support/extracted.ts";
import { sharedPath } from "../support/shared.ts";

type Mode = "text" | "binary";
interface Offsets {
  offsets: { encoding: string; ranges: number[] | number[][] }[];
  shebang_length?: number;
}

/** What a build tool records: every occurrence, found by searching. */
function record(data: Buffer, placeholder: string, mode: Mode): Offsets | undefined {
  const from = Buffer.from(placeholder);
  const region =
    mode === "text" && data.toString("latin1", 0, 2) === "#!"
      ? data.includes(10)
        ? data.indexOf(10) + 1
        : data.length
      : 0;
  const found: number[] = [];
  for (let at = data.indexOf(from, region); at >= 0; at = data.indexOf(from, at + from.length))
    found.push(at);
  const strings = new Map<number, number[]>();
  for (const at of found) {
    const nul = data.indexOf(0, at);
    const end = nul < 0 ? data.length : nul;
    strings.set(end, [...(strings.get(end) ?? []), at]);
  }
  const ranges = mode === "text" ? found : [...strings].map(([end, starts]) => [...starts, end]);
  if (ranges.length === 0 && region === 0) return undefined;
  const offsets = ranges.length > 0 ? [{ encoding: "utf-8", ranges }] : [];
  return region > 0 ? { offsets, shebang_length: region } : { offsets };
}

const entry = (placeholder: string, mode: Mode, said: Partial<Record<keyof Offsets, unknown>>) => ({
  _path: "x",
  prefix_placeholder: placeholder,
  file_mode: mode,
  offsets: parseOffsets(said.offsets, said.shebang_length, mode),
});

const FROM = "/opt/placeholder";
const contents = fc
  .tuple(
    fc.constantFrom(
      "",
      "#!",
      `#!${FROM}/bin/python -u`,
      `#!${FROM}/${FROM}\r`,
      `#! /${"l".repeat(140)}/sh x`,
    ),
    fc.constantFrom("", "\n", "\r\n"),
    fc.array(fc.constantFrom(FROM, FROM, "/opt/pla", "lib", ":", "\0", "\n", "\xff", "#!"), {
      maxLength: 30,
    }),
  )
  .map(([first, end, parts]) => Buffer.from(first + end + parts.join(""), "latin1"));

describe("offsets of paths.json", () => {
  test("give the bytes that a search gives, without one", () => {
    fc.assert(
      fc.property(
        contents,
        fc.constantFrom<Mode>("text", "binary"),
        fc.constantFrom("/p", "/opt/placeholdr", FROM, "/with space", `/${"long/".repeat(40)}`),
        fc.constantFrom("linux-64", "osx-arm64", "win-64"),
        (data, mode, prefix, platform) => {
          const said = record(data, FROM, mode);
          fc.pre(said !== undefined && (mode === "text" || prefix.length <= FROM.length));
          const result = replaceAtOffsets(data, entry(FROM, mode, said!), prefix, platform);
          const plain = { _path: "x", prefix_placeholder: FROM, file_mode: mode };
          expect(result.searched).toBe(false);
          expect(result.data.toString("latin1")).toBe(
            replacePrefix(data, plain, prefix, platform).toString("latin1"),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("decide: an occurrence that the package does not list stays", () => {
    const data = Buffer.from(`a ${FROM} b ${FROM}`);
    const said = { offsets: [{ encoding: "utf-8", ranges: [2] }] };
    expect(replaceAtOffsets(data, entry(FROM, "text", said), "/p", "linux-64")).toEqual({
      data: Buffer.from(`a /p b ${FROM}`),
      searched: false,
    });
  });

  test("of other encodings are left as a search leaves them", () => {
    const wide = Buffer.from(`${FROM}\0`, "utf16le");
    const data = Buffer.concat([Buffer.from(`${FROM}/x\0`), wide]);
    const said = {
      offsets: [
        { encoding: "utf-16-le", ranges: [[FROM.length + 3, data.length - 2]] },
        { encoding: "utf-8", ranges: [[0, FROM.length + 2]] },
      ],
    };
    const { data: out, searched } = replaceAtOffsets(data, entry(FROM, "binary", said), "/p", "linux-64");
    expect(searched).toBe(false);
    expect(out.equals(Buffer.concat([Buffer.from("/p/x".padEnd(FROM.length + 3, "\0")), wide]))).toBe(true);
  });

  test("any list, whatever it holds, gives the bytes of a search or of a list that is true of the file", () => {
    const number = fc.oneof(fc.integer({ min: -2, max: 60 }), fc.constantFrom(1.5, 2 ** 53, -0, Number.NaN));
    const junk = fc.oneof(number, fc.constantFrom(null, "1", {}, [], true));
    const ranges = fc.oneof(
      fc.array(fc.oneof(number, junk), { maxLength: 4 }),
      fc.array(fc.array(number, { maxLength: 4 }), { maxLength: 4 }),
      junk,
    );
    const group = fc.oneof(
      fc.record({ encoding: fc.constantFrom<unknown>("utf-8", "utf-8", "utf-16-le", "utf-7", 3), ranges }),
      fc.record({ encoding: fc.constant("utf-8"), ranges, more: fc.constant(1) }),
      junk,
    );
    fc.assert(
      fc.property(
        contents,
        fc.constantFrom<Mode>("text", "binary"),
        fc.oneof(fc.array(group, { maxLength: 3 }), junk),
        fc.oneof(fc.constant(undefined), junk),
        (data, mode, offsets, shebang_length) => {
          const said = entry(FROM, mode, { offsets, shebang_length });
          const { data: out, searched } = replaceAtOffsets(data, said, "/p", "linux-64");
          const plain = { _path: "x", prefix_placeholder: FROM, file_mode: mode };
          if (mode === "binary") expect(out.length).toBe(data.length);
          const wanted = replacePrefix(data, plain, "/p", "linux-64");
          // A list that is true but leaves something out: done with the rest, the strings are those of a search.
          if (searched) expect(out.equals(wanted)).toBe(true);
          else expect(finished(out)).toBe(finished(wanted));
        },
      ),
      { numRuns: 2000 },
    );
  });

  const finished = (data: Buffer): string =>
    data
      .toString("latin1")
      .replaceAll(FROM, "/p")
      .split("\0")
      .filter((part) => part !== "")
      .join("|");

  const text = Buffer.from(`#!${FROM}/bin/sh\n${FROM} and ${FROM}\n`);
  const region = FROM.length + 10;
  const second = region + FROM.length + 5;
  const good = { offsets: [{ encoding: "utf-8", ranges: [region, second] }], shebang_length: region };
  const ranges = (...values: unknown[]) => ({ ...good, offsets: [{ encoding: "utf-8", ranges: values }] });
  test.each<[string, Partial<Record<keyof Offsets, unknown>>]>([
    ["in the first line", ranges(2, region, second)],
    ["out of order", ranges(second, region)],
    ["twice", ranges(region, region)],
    ["overlapping", ranges(region, region + 1)],
    ["where the placeholder is not", ranges(region + 1, second)],
    ["behind the end", ranges(region, second + 10_000)],
    ["at the very end", ranges(region, second, text.length)],
    ["beyond what numbers can say", ranges(region, 2 ** 60)],
    ["negative", ranges(-1, second)],
    ["a fraction", ranges(region + 0.5)],
    ["text", ranges(String(region))],
    ["lists in a text", ranges([region, second])],
    ["none in a group", ranges()],
    ["two groups of one encoding", { ...good, offsets: [...good.offsets, ...good.offsets] }],
    ["an unknown encoding", { ...good, offsets: [{ encoding: "ebcdic", ranges: [region] }] }],
    ["an unknown member", { ...good, offsets: [{ ...good.offsets[0], padding: "/" }] }],
    ["no list", { ...good, offsets: { "utf-8": [region] } }],
    ["no shebang_length", { offsets: good.offsets }],
    ["a wrong shebang_length", { ...good, shebang_length: region - 1 }],
    ["a malformed shebang_length", { ...good, shebang_length: "30" }],
  ])("that do not agree with a text are not used: %s", (_, said) => {
    const { data, searched } = replaceAtOffsets(text, entry(FROM, "text", said), "/p", "linux-64");
    expect(data.toString()).toBe("#!/p/bin/sh\n/p and /p\n");
    expect(searched).toBe(true);
  });
  test("that agree are used", () => {
    const { data, searched } = replaceAtOffsets(text, entry(FROM, "text", good), "/p", "linux-64");
    expect(data.toString()).toBe("#!/p/bin/sh\n/p and /p\n");
    expect(searched).toBe(false);
  });
  test("shebang_length of a file without a first line for the kernel is not used", () => {
    const said = { offsets: [{ encoding: "utf-8", ranges: [4] }], shebang_length: 4 };
    const { searched } = replaceAtOffsets(
      Buffer.from(`abc\n${FROM}`),
      entry(FROM, "text", said),
      "/p",
      "linux-64",
    );
    expect(searched).toBe(true);
  });

  const L = FROM.length;
  const binary = Buffer.from(`${FROM}/a:${FROM}\0tail\0${FROM}`);
  const starts = [0, L + 3, 2 * L + 3] as const;
  const last = [2 * L + 9, binary.length] as const;
  test.each<[string, unknown]>([
    ["an end behind the first NUL", [[0, L + 3, 2 * L + 8], last]],
    ["an end before the NUL", [[0, L + 3, 2 * L + 2], last]],
    ["an end that is no NUL", [[0, L + 2], last]],
    ["an end behind the file", [starts, [2 * L + 9, binary.length + 1]]],
    ["one string in two", [[0, 2 * L + 3], [L + 3, 2 * L + 3], last]],
    ["strings out of order", [last, starts]],
    ["an end alone", [[2 * L + 3]]],
    ["positions without ends", [0, L + 3]],
  ])("that do not agree with a binary are not used: %s", (_, given) => {
    const said = { offsets: [{ encoding: "utf-8", ranges: given }] };
    const { data, searched } = replaceAtOffsets(binary, entry(FROM, "binary", said), "/p", "linux-64");
    const padded = "/p/a:/p".padEnd(2 * L + 3, "\0");
    expect(data.toString("latin1")).toBe(`${padded}\0tail\0${"/p".padEnd(L, "\0")}`);
    expect(searched).toBe(true);
  });
  test("a prefix that does not fit into a binary is an error, listed or not", () => {
    const said = { offsets: [{ encoding: "utf-8", ranges: [starts, last] }] };
    expect(() => replaceAtOffsets(binary, entry(FROM, "binary", said), `${FROM}s`, "linux-64")).toThrowError(
      /too long for `x`/,
    );
  });

  test("are read from paths.json only for files with a placeholder", () => {
    const path = { _path: "a", path_type: "hardlink" };
    const offsets = [{ encoding: "utf-8", ranges: [7] }];
    const read = (item: object) =>
      parsePathsJson(JSON.stringify({ paths_version: 1, paths: [{ ...path, ...item }] }))[0];
    expect(read({ offsets })).toEqual(path);
    expect(read({ offsets, prefix_placeholder: "/p", file_mode: "text" })).toEqual({
      ...path,
      prefix_placeholder: "/p",
      file_mode: "text",
      offsets: { positions: [7] },
    });
    expect(read({ offsets: [], prefix_placeholder: "/p" })?.offsets).toBe("malformed");
    expect(read({ shebang_length: 7, prefix_placeholder: "/p" })?.offsets).toBeUndefined();
  });
});

/** Writes what a build tool would have recorded into an extracted package; the number of files it told of. */
function addOffsets(directory: string): number {
  const file = join(directory, "info/paths.json");
  const json = JSON.parse(readFileSync(file, "utf8"));
  let told = 0;
  for (const item of json.paths) {
    if (!item.prefix_placeholder || !existsSync(join(directory, item._path))) continue;
    const said = record(
      readFileSync(join(directory, item._path)),
      item.prefix_placeholder,
      item.file_mode ?? "text",
    );
    if (said) told++;
    Object.assign(item, said);
  }
  writeFileSync(file, JSON.stringify(json));
  return told;
}

describe("linking with offsets", () => {
  const files = {
    "bin/tool": { content: `#!${PLACEHOLDER}/bin/sh\n# ${PLACEHOLDER}\n`, prefix: "text", mode: 0o755 },
    "lib/x.so": { content: `\x7fELF\0${PLACEHOLDER}/lib\0rest`, prefix: "binary" },
  } as const;

  test("makes the environment that linking without them makes", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files });
    await box.set([a]);
    const plain = snapshot(box.prefix, withoutHistory);
    await box.set([]);
    expect(addOffsets(a.extracted_package_dir)).toBe(2);
    await box.set([a]);
    // Records, too: offsets are those of the packaged file and are not kept.
    expect(snapshot(box.prefix, withoutHistory)).toEqual(plain);
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
  });

  test("warns once of a package whose offsets are wrong, and links it all the same", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files });
    await box.set([a]);
    const plain = snapshot(box.prefix, withoutHistory);
    await box.set([]);
    addOffsets(a.extracted_package_dir);
    const file = join(a.extracted_package_dir, "info/paths.json");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(/"ranges":\[\[?(\d+)/g, (all, at) =>
        all.replace(at, String(Number(at) + 1)),
      ),
    );
    await box.set([a]);
    expect(snapshot(box.prefix, withoutHistory)).toEqual(plain);
    const warnings = box.events.filter((event) => event.type === "warning");
    expect(warnings).toEqual([
      expect.objectContaining({
        code: "placeholder-offsets",
        message: "the offsets in paths.json of `a-1.0-0` are not those of `bin/tool` and 1 more",
      }),
    ]);
  });

  const shared = sharedPath("data", "packages");
  test.skipIf(!shared)("real packages", { timeout: 60_000 }, async () => {
    const index = JSON.parse(readFileSync(join(shared!, "INDEX.json"), "utf8")) as {
      path: string;
      name?: string;
      features?: string[];
    }[];
    const chosen = index
      .filter((item) => item.features?.some((feature) => feature.startsWith("placeholder-binary")))
      .filter((item, i, all) => all.findIndex((other) => other.name === item.name) === i);
    let told = 0;
    for (const [i, item] of chosen.entries()) {
      const box = sandbox();
      const directory = join(box.pkgs, `x${i}`);
      await extractFile(join(shared!, item.path), directory);
      if (!existsSync(join(directory, "info/paths.json"))) continue;
      const fn = item.path.slice(item.path.lastIndexOf("/") + 1);
      const pkg: PackageCacheRecord = {
        ...readIndexJson(directory),
        fn,
        md5: "0".repeat(32),
        url: `https://host.invalid/${fn}`,
        channel: "https://host.invalid",
        extracted_package_dir: directory,
        package_tarball_full_path: "",
      };
      const options = { linkScripts: "skip", compilePyc: false } as const;
      await box.set([pkg], options);
      const plain = snapshot(box.prefix, withoutHistory);
      await box.set([], options);
      told += addOffsets(directory);
      await box.set([pkg], options);
      expect(snapshot(box.prefix, withoutHistory), item.path).toEqual(plain);
      expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
    }
    expect(told).toBeGreaterThan(150);
  });
});
