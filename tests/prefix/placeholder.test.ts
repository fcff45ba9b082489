import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEntryPoint, pythonShebang } from "../../src/plan/entry-points.ts";
import { noarchTarget, pycPath, pythonInfo, pythonMinor, sitePackagesPath } from "../../src/plan/python.ts";
import { parseHistory } from "../../src/prefix/history.ts";
import { replaceBinary, replaceShebang, replaceText } from "../../src/prefix/placeholder.ts";
import { sharedPath } from "../support/shared.ts";

describe("text placeholders", () => {
  const replace = (text: string, from: string, to: string, platform = "linux-64"): string =>
    replaceText(Buffer.from(text), from, to, platform).toString();
  test("every occurrence is replaced", () => {
    expect(replace("a=/old\nb=/old/x:/old/y\nnot=/ol", "/old", "/new/prefix")).toBe(
      "a=/new/prefix\nb=/new/prefix/x:/new/prefix/y\nnot=/ol",
    );
    expect(replace("", "/old", "/new")).toBe("");
  });
  test("bytes that are no UTF-8 survive, also in the first line", () => {
    const data = Buffer.concat([
      Buffer.from("#!/old/bin/p -x "),
      Buffer.from([0xff, 0xe9]),
      Buffer.from("\n/old\xff", "latin1"),
    ]);
    const out = replaceText(data, "/old", "/ñ", "linux-64");
    expect(
      out.equals(
        Buffer.concat([
          Buffer.from("#!/ñ/bin/p -x "),
          Buffer.from([0xff, 0xe9]),
          Buffer.from("\n/ñ"),
          Buffer.from([0xff]),
        ]),
      ),
    ).toBe(true);
  });
  test("a shebang that is too long or has a blank goes through env", () => {
    const long = `/${"p".repeat(125)}`;
    expect(replace("#!/old/bin/python -u\nx /old\n", "/old", long)).toBe(
      `#!/usr/bin/env python -u\nx ${long}\n`,
    );
    expect(replace("#!/old/bin/python\n", "/old", long, "osx-arm64")).toBe(`#!${long}/bin/python\n`);
    expect(replace("#!/old/bin/python -u\r\n", "/old", "/with space")).toBe("#!/usr/bin/env python -u\r\n");
    expect(replace("#!/bin/sh\necho /old\n", "/old", "/with space")).toBe("#!/bin/sh\necho /with space\n");
  });
  test("Windows prefixes are written with forward slashes", () => {
    expect(replace("p=/old/x", "/old", "C:\\env", "win-64")).toBe("p=C:/env/x");
  });
});

describe("binary placeholders", () => {
  test("the length never changes and everything after the string stays", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("/placeholder/long", "lib", ":", "\0", "\xff", "/pl"), { maxLength: 30 }),
        fc.constantFrom("/p", "/placeholder/lon", "/placeholder/long"),
        (parts, prefix) => {
          const data = Buffer.from(parts.join(""), "latin1");
          const out = replaceBinary(data, "/placeholder/long", prefix, "x");
          expect(out.length).toBe(data.length);
          const strings = (buffer: Buffer): string[] =>
            buffer
              .toString("latin1")
              .split("\0")
              .filter((text) => text !== "");
          expect(strings(out)).toEqual(
            strings(data).map((text) => text.replaceAll("/placeholder/long", prefix)),
          );
        },
      ),
    );
  });
  test("a prefix that does not fit is an error that names the file", () => {
    expect(() => replaceBinary(Buffer.from("x/abc\0"), "/abc", "/abcd", "lib/x.so")).toThrowError(
      /too long for `lib\/x.so`/,
    );
    expect(replaceBinary(Buffer.from("nothing"), "/abc", "/abcd", "x").toString()).toBe("nothing");
  });
});

interface Fact {
  id: string;
  kind: string;
  [key: string]: unknown;
}

const checks: Record<string, (fact: Fact & Record<string, string>) => void> = {
  text_replace: (f) =>
    expect(
      replaceText(Buffer.from(f["input"]!), f["placeholder"]!, f["prefix"]!, "linux-64").toString(),
    ).toBe(f["expect"]),
  binary_replace: (f) =>
    expect(
      replaceBinary(Buffer.from(f["input_b64"]!, "base64"), f["placeholder"]!, f["prefix"]!, "x").toString(
        "base64",
      ),
    ).toBe(f["expect_b64"]),
  shebang_line: (f) =>
    expect(replaceShebang(f["line"]!, f["placeholder"]!, f["prefix"]!, f["platform"]!)).toBe(f["expect"]),
  python_shebang_line: (f) => {
    // Only the form for entry points, which have no arguments.
    if (/ -/.test(f["line"]!)) return;
    const path = f["line"]!.slice(2).replace(f["placeholder"]!, f["prefix"]!);
    expect(pythonShebang(path, "linux-64").trimEnd().split("\n")).toEqual(f["expect_lines"]);
  },
  entry_point_def: (f) => expect(Object.values(parseEntryPoint(f["definition"]!, "x"))).toEqual(f["expect"]),
  site_packages_path: (f) => {
    const path = (): string =>
      sitePackagesPath(f["python_version"]!, f["platform"]!, f["python_site_packages_path"]);
    if (f["expect"] === "error") expect(path).toThrow();
    else expect(path()).toBe(f["expect"]);
  },
  noarch_python_target: (f) =>
    expect(
      noarchTarget(f["path"]!, pythonInfo({ version: f["python_version"]! }, f["platform"]!), f["platform"]!),
    ).toBe(f["expect"]),
  pyc_path: (f) => expect(pycPath(f["py_path"]!, f["python_version"]!)).toBe(f["expect"]),
  major_minor_from_string: (f) => expect(pythonMinor(f["input"]!)).toBe(f["expect"]),
  history_parse: (f) => expect(parseHistory(f["content"]!).revisions.length).toBeGreaterThan(0),
};

describe("published linking facts", () => {
  const path = sharedPath("conformance", "linking", "facts.jsonl");
  test.skipIf(!path)("text, binary and shebang replacement, paths and entry points agree", () => {
    const facts = readFileSync(path!, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Fact);
    let checked = 0;
    for (const fact of facts) {
      const check = checks[fact.kind];
      if (!check) continue;
      try {
        check(fact as Fact & Record<string, string>);
      } catch (error) {
        throw new Error(`${fact.id}: ${(error as Error).message}`);
      }
      checked++;
    }
    expect(checked).toBeGreaterThan(20);
  });
});
