import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { extractFile } from "../../src/archive/extract.ts";
import { readIndexJson } from "../../src/archive/info.ts";
import { planTransaction } from "../../src/plan/diff.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import { verifyPrefix } from "../../src/prefix/verify.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { defaultOptions, makePackage, snapshot } from "../support/extracted.ts";
import { sharedPath } from "../support/shared.ts";

const root = sharedPath("data", "packages");
interface Indexed {
  path: string;
  name: string;
  version: string;
  build: string;
  subdir: string;
  md5: string;
  features: string[];
}

let work = "";
beforeAll(() => {
  work = realpathSync(mkdtempSync(join(tmpdir(), "taipan-real-")));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("real packages", () => {
  test.skipIf(!root)(
    "are linked as their paths.json says and unlinked without a trace",
    { timeout: 600_000 },
    async () => {
      const all = (JSON.parse(readFileSync(join(root!, "INDEX.json"), "utf8")) as Indexed[]).filter((item) =>
        /^(linux-64|noarch)$/.test(item.subdir ?? ""),
      );
      // TAIPAN_TEST_FULL=1 takes every package; otherwise every twelfth, and all with a feature that few have.
      const rare =
        /clobber|menu|post-link|symlink-chain|dangling|case|hard-?link|no-paths|legacy|entry|placeholder-binary/;
      const items = process.env["TAIPAN_TEST_FULL"]
        ? all
        : all.filter(
            (item, i) =>
              i % 12 === 0 || (i % 4 === 0 && item.features?.some((feature) => rare.test(feature))),
          );
      const pool = createPool({ size: 1, mode: "inline", handlers });
      const options = { ...defaultOptions, compilePyc: false, linkScripts: "skip" as const };
      const python = makePackage(join(work, "pkgs"), {
        name: "python",
        version: "3.11.7",
        files: { "bin/python3.11": "#!/bin/sh\n", "lib/python3.11/os.py": "" },
      });
      const failures: string[] = [];
      let linked = 0;
      for (const [i, item] of items.entries()) {
        const directory = join(work, "pkgs", `x${i}`);
        try {
          await extractFile(join(root!, item.path), directory);
        } catch {
          continue;
        }
        const prefix = join(work, `env${i}`);
        const apply = async (packages: PackageCacheRecord[]): Promise<void> => {
          const transaction = planTransaction(
            (await readPrefix(prefix))?.records ?? [],
            { records: packages, requested: new Map(), reinstall: new Set() },
            { platform: "linux-64" },
          );
          await applyTransaction(
            {
              prefix,
              transaction,
              packages: new Map(packages.map((p) => [p.name, p])),
              options,
              command: ["x"],
            },
            { pool, events: () => {} },
          );
        };
        const ignore = (path: string): boolean => path === "conda-meta/history";
        try {
          const fn = item.path.slice(item.path.lastIndexOf("/") + 1);
          const record: PackageCacheRecord = {
            ...readIndexJson(directory),
            fn,
            md5: item.md5,
            url: `https://host.invalid/${fn}`,
            channel: "https://host.invalid",
            extracted_package_dir: directory,
            package_tarball_full_path: "",
          };
          const base = record.name === "python" ? [] : [python];
          await apply(base);
          const before = snapshot(prefix, ignore);
          await apply([...base, record]);
          const records = (await readPrefix(prefix))!.records;
          // Stated hashes of a few real packages are wrong; what is missing or has another kind is a failure of linking.
          const problems = verifyPrefix(prefix, records, { mode: "fast" }).filter(
            (problem) => problem.problem !== "changed",
          );
          // A softlink that paths.json lists and the archive lacks is skipped.
          if (problems.length > 0) failures.push(`${item.path}: ${JSON.stringify(problems[0])}`);
          const placeholders = records.flatMap((r) =>
            r.paths_data.paths
              .filter((entry) => entry.prefix_placeholder && entry.path_type === "hardlink")
              .map((entry) => ({ entry, r })),
          );
          for (const { entry } of placeholders) {
            const file = join(prefix, entry._path);
            if (existsSync(file) && readFileSync(file).includes(entry.prefix_placeholder!))
              failures.push(`${item.path}: ${entry._path} still has its placeholder`);
          }
          await apply(base);
          expect(snapshot(prefix, ignore), item.path).toEqual(before);
          linked++;
        } catch (error) {
          // A few packages list files that their archives do not have: refused, with nothing changed.
          if (
            (error as { code?: string }).code === "archive-invalid" &&
            /is listed by its package/.test((error as Error).message)
          )
            continue;
          failures.push(
            `${item.path}: ${(error as { code?: string }).code ?? ""} ${(error as Error).message.slice(0, 300)}`,
          );
        } finally {
          rmSync(prefix, { recursive: true, force: true });
          rmSync(directory, { recursive: true, force: true });
        }
      }
      mkdirSync(work, { recursive: true });
      expect(readdirSync(work).filter((name) => name !== "pkgs")).toEqual([]);
      process.stderr.write(`${linked} of ${items.length} real packages linked and unlinked\n`);
      expect(failures).toEqual([]);
      expect(linked).toBeGreaterThan(items.length * 0.8);
    },
  );
});
