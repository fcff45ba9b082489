import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { journalDirectory, readJournal } from "../../src/prefix/journal.ts";

const prefix = mkdtempSync(join(tmpdir(), "taipan-journal-"));
afterAll(() => rmSync(prefix, { recursive: true, force: true }));

describe("the journal of an unfinished transaction", () => {
  const journal = {
    version: 1,
    state: "applying",
    fresh: false,
    createdMeta: false,
    out: ["bin/a"],
    emptied: [{ path: "bin", mode: 0o755 }],
    in: ["lib/b"],
  };
  const write = (value: unknown): void => {
    mkdirSync(journalDirectory(prefix), { recursive: true });
    const text = typeof value === "string" ? value : JSON.stringify(value);
    writeFileSync(join(journalDirectory(prefix), "journal.json"), text);
  };

  it("is read when it can be trusted", () => {
    write(journal);
    expect(readJournal(prefix)).toEqual(journal);
  });

  it("has emptied no directory when it does not say so", () => {
    const { emptied, ...older } = journal;
    write(older);
    expect(readJournal(prefix)).toEqual({ ...older, emptied: [] });
    expect(emptied).toHaveLength(1);
  });

  it("that cannot be read is not taken for none", () => {
    const path = join(journalDirectory(prefix), "journal.json");
    rmSync(path, { force: true });
    expect(readJournal(prefix)).toBeUndefined();
    mkdirSync(path, { recursive: true });
    expect(() => readJournal(prefix)).toThrow(expect.objectContaining({ code: "io-error" }));
    rmSync(path, { recursive: true });
  });

  // Undoing moves and removes what it names: no path may lead out of the prefix.
  it.each([
    ["a path to take back that leaves the prefix", { ...journal, out: ["../x"] }],
    ["a path to remove that leaves the prefix", { ...journal, in: ["lib/../../x"] }],
    ["a directory to make outside of the prefix", { ...journal, emptied: [{ path: "../x", mode: 0o755 }] }],
    ["a directory without permissions", { ...journal, emptied: [{ path: "bin" }] }],
    ["an absolute path", { ...journal, in: ["/etc/x"] }],
    ["a path that is no text", { ...journal, in: [3] }],
    ["no list", { ...journal, out: "bin/a" }],
    ["a state that is not known", { ...journal, state: "done" }],
    ["a later version", { ...journal, version: 2 }],
    ["half a file", '{"version": 1, "sta'],
  ])("%s is refused", (_, value) => {
    write(value);
    expect(() => readJournal(prefix)).toThrow(expect.objectContaining({ code: "environment-corrupt" }));
  });
});
