import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TreeWriter } from "../../src/fs/tree-writer.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "taipan-tree-writer-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function writeFile(writer: TreeWriter, path: string, text: string): boolean {
  const made = writer.openFile(path, 0o644);
  const bytes = Buffer.from(`<${text}>`);
  writer.write(bytes, 1, bytes.length - 1);
  writer.closeFile();
  return made;
}

test("a name that is taken stays what it was, whatever wants it", () => {
  const writer = new TreeWriter(join(root, "taken"));
  expect(writer.directory("d")).toBe(true);
  expect(writeFile(writer, "d/f", "first")).toBe(true);
  expect(writer.symlink("d/l", "f")).toBe("made");
  for (const path of ["d", "d/f", "d/l"]) {
    expect(writeFile(writer, path, "second")).toBe(false);
    expect(writer.symlink(path, "elsewhere")).toBe("taken");
    expect(writer.hardlink(path, "d/f")).toBe(false);
    expect(writer.directory(path)).toBe(false);
  }
  expect(readFileSync(join(root, "taken/d/f"), "utf8")).toBe("first");
  expect(["d", "d/f", "d/l", "d/none"].map((path) => writer.kindOf(path))).toEqual([
    "directory",
    "file",
    "other",
    undefined,
  ]);
});

test("only another spelling of a name is removed, in letters or in how they are composed", () => {
  const writer = new TreeWriter(join(root, "spelling"));
  for (const path of ["x", "\u00e9"]) writeFile(writer, path, path);
  expect(writer.removeOtherSpelling("x")).toBe(false);
  expect(writer.removeOtherSpelling("e\u0301")).toBe(false);
  expect(writer.kindOf("x")).toBe("file");
  expect(writer.kindOf("\u00e9")).toBe("file");
});
