import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repoRoot } from "../support/shared.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "taipan-conformance-"));
  // A library that knows one function only: the adapters meet values, wrong values and crashes.
  await writeFile(
    join(directory, "library.mjs"),
    "export const isValidVersion = (text) => { if (text === 'boom') throw new Error('crashed'); return text === '1'; };",
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function cases(name: string, items: readonly (object | string)[]): Promise<string> {
  const root = await mkdtemp(join(directory, "cases-"));
  const path = join(root, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    path,
    items.map((item) => (typeof item === "string" ? item : JSON.stringify(item))).join("\n"),
  );
  return root;
}

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [join(repoRoot, "scripts", "conformance.mjs"), "--library", join(directory, "library.mjs"), ...args],
      (error, stdout, stderr) => {
        done({ code: error ? Number(error.code) : 0, stdout, stderr });
      },
    );
  });
}

const good = { id: "good", kind: "validity", version: "1", expect: "valid" };
const bad = { id: "bad", kind: "validity", version: "2", expect: "valid" };

describe("npm run conformance", () => {
  it("counts passed, failed, disputed and skipped, and fails", async () => {
    const root = await cases("versions.jsonl", [
      good,
      bad,
      { ...bad, id: "peers-disagree", disputed: true },
      { ...bad, id: "fields-disagree", disputed: ["version"] },
      { ...bad, id: "agreed", disputed: [] },
      { ...good, id: "not-to-score", confidence: "api-level" },
      { ...good, id: "crash", version: "boom" },
      { ...good, id: "unknown", kind: "nonsense" },
      "not json",
    ]);
    const { code, stdout } = await run(root, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      files: {
        "versions.jsonl": {
          passed: 1,
          failed: 5,
          disputed: 2,
          skipped: 1,
          ids: ["line 9", "bad", "agreed", "crash", "unknown"],
        },
      },
    });
    const plain = await run(root);
    expect(plain.stdout).toMatch(/versions\.jsonl +1 +5 +2 +1\n/);
    expect(plain.stdout).toContain('versions.jsonl: bad: value: got "invalid", expected "valid"');
  });

  it("succeeds when every case passes, whatever folder the file is in", async () => {
    const root = await cases("versions/more/real.jsonl", [good, ""]);
    const { code, stdout } = await run(root, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      files: { "versions/more/real.jsonl": { passed: 1, failed: 0, disputed: 0, skipped: 0, ids: [] } },
    });
  });

  it("stops with a message when there is nothing to run", async () => {
    const missing = await run(join(directory, "nowhere"));
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("there is no directory");
    const empty = await run(await cases("README.md", []));
    expect(empty.code).toBe(2);
    expect(empty.stderr).toContain("no case files");
  });
});
