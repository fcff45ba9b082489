import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import type { Event } from "../../src/events.ts";
import { planTransaction } from "../../src/plan/diff.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { removeEnvironment } from "../../src/prefix/remove-environment.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { caselessPlace } from "../support/caseless.ts";
import { defaultOptions, makePackage } from "../support/extracted.ts";

const place = caselessPlace();
afterAll(() => place?.release());

describe.runIf(place)("a file system that ignores case", () => {
  test("two spellings are one file: found before, replaced, restored and removed; scripts are taken back", async () => {
    const pkgs = mkdtempSync(join(tmpdir(), "taipan-caseless-"));
    const root = mkdtempSync(join(place!.path, "taipan-caseless-"));
    onTestFinished(() => {
      for (const path of [pkgs, root]) rmSync(path, { recursive: true, force: true });
    });
    const prefix = join(root, "env");
    const context = { pool: createPool({ size: 1, mode: "inline", handlers }), events: () => {} };
    const set = async (packages: PackageCacheRecord[], pathConflict: "warn" | "prevent" = "warn") => {
      const events: Event[] = [];
      const state = await readPrefix(prefix);
      const solution = { records: packages, requested: new Map(), reinstall: new Set<string>() };
      const transaction = planTransaction(state?.records ?? [], solution, { platform: "linux-64" });
      const request = {
        prefix,
        transaction,
        options: { ...defaultOptions, pathConflict },
        command: ["taipan"],
      };
      await applyTransaction(
        { ...request, packages: new Map(packages.map((record) => [record.name, record])) },
        { ...context, events: (event) => events.push(event) },
      );
      return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
    };
    const text = (path: string): string => readFileSync(join(prefix, path), "utf8");
    const list = (path: string): string[] => readdirSync(join(prefix, path)).sort();
    const a = makePackage(pkgs, { name: "a", files: { "lib/Foo.txt": "A", "share/x": "x" } });
    const b = makePackage(pkgs, { name: "b", files: { "lib/foo.TXT": "B", "Share/y": "y" } });
    const script = 'cd "$PREFIX"; echo hi > made; echo more >> share/x; rm share/y; exit 1';
    const failing = makePackage(pkgs, {
      name: "failing",
      files: { "bin/.failing-post-link.sh": { content: `#!/bin/sh\n${script}\n`, mode: 0o755 } },
    });
    await set([a]);
    await expect(set([a, b], "prevent")).rejects.toMatchObject({ code: "clobber" });
    expect(list("lib")).toEqual(["Foo.txt"]);
    const warnings = await set([a, b]);
    expect(warnings).toEqual([expect.stringMatching(/`lib\/Foo.txt` is in `a-1.0-0` and `b-1.0-0`/)]);
    expect(text("lib/foo.TXT")).toBe("B");
    expect(list("share")).toEqual(["x", "y"]);
    await expect(set([a, b, failing])).rejects.toMatchObject({ code: "script-failed" });
    expect(existsSync(join(prefix, "made"))).toBe(false);
    expect([text("share/x"), text("share/y")]).toEqual(["x", "y"]);
    await set([a]);
    expect(text("lib/Foo.txt")).toBe("A");
    expect([list("lib"), list("share")]).toEqual([["Foo.txt"], ["x"]]);
    await set([]);
    expect([list(""), list("conda-meta")]).toEqual([["conda-meta"], ["history"]]);
    await removeEnvironment(prefix, defaultOptions, context);
    expect(readdirSync(root)).toEqual([]);
  });
});
