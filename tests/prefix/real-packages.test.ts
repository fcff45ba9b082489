import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { extractFile } from "../../src/archive/extract.ts";
import { readInfo } from "../../src/archive/info.ts";
import type { ToolError } from "../../src/errors.ts";
import { planTransaction } from "../../src/plan/diff.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import { verifyPrefix } from "../../src/prefix/verify.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import {
  defaultOptions,
  makePackage,
  sandbox,
  scratchRoot,
  snapshot,
  withoutHistory,
} from "../support/extracted.ts";
import { sharedPath } from "../support/shared.ts";

const root = sharedPath("data", "packages");
const options = { ...defaultOptions, compilePyc: false, linkScripts: "skip" as const };
const pool = createPool({ size: 1, mode: "inline", handlers });
interface Indexed {
  path: string;
  md5: string;
  subdir?: string | null;
}

let work = "";
beforeAll(() => {
  work = realpathSync(mkdtempSync(join(scratchRoot(), "taipan-real-")));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Every archive that may be for linux-64 or noarch: what its channel or, for a few, only its own index.json says. */
function candidates(): Indexed[] {
  const all = JSON.parse(readFileSync(join(root!, "INDEX.json"), "utf8")) as Indexed[];
  return all.filter(({ subdir }) => !subdir || subdir === "linux-64" || subdir === "noarch");
}

/** Extracts into `directory`; why not, when this is no package or one for another platform. */
async function unpack(item: Indexed, directory: string): Promise<PackageCacheRecord | string> {
  try {
    await extractFile(join(root!, item.path), directory);
    const { index } = await readInfo(directory);
    if (index.subdir !== "linux-64" && index.subdir !== "noarch") return `it is for ${index.subdir}`;
    const fn = item.path.slice(item.path.lastIndexOf("/") + 1);
    return {
      ...index,
      fn,
      md5: item.md5,
      url: `https://host.invalid/${fn}`,
      channel: "https://host.invalid",
      extracted_package_dir: directory,
      package_tarball_full_path: "",
    };
  } catch (error) {
    return (error as Error).message;
  }
}

async function apply(prefix: string, packages: PackageCacheRecord[]): Promise<void> {
  const state = await readPrefix(prefix);
  const solution = { records: packages, requested: new Map(), reinstall: new Set<string>() };
  const transaction = planTransaction(state?.records ?? [], solution, { platform: "linux-64" });
  const byName = new Map(packages.map((record) => [record.name, record]));
  await applyTransaction(
    { prefix, transaction, packages: byName, options, command: ["x"], state },
    { pool, events: () => {} },
  );
}

/** What is wrong with a package that was just linked: paths that are not as its paths.json says, placeholders that are still there. */
async function problemsOf(prefix: string): Promise<string[]> {
  const records = (await readPrefix(prefix))!.records;
  // Stated hashes of a few real packages are wrong; what is missing or has another kind is a failure of linking.
  const found = verifyPrefix(prefix, records, { mode: "fast" })
    .filter(({ problem }) => problem !== "changed")
    .map((problem) => JSON.stringify(problem));
  for (const entry of records.flatMap((record) => record.paths_data.paths)) {
    const file = join(prefix, entry._path);
    if (!entry.prefix_placeholder || entry.path_type !== "hardlink" || !existsSync(file)) continue;
    if (readFileSync(file).includes(entry.prefix_placeholder))
      found.push(`${entry._path} still has its placeholder`);
  }
  return found;
}

describe("real packages", () => {
  test.skipIf(!root)(
    "are linked as their paths.json says and unlinked without a trace, every one",
    { timeout: 600_000 },
    async () => {
      const python = makePackage(join(work, "pkgs"), {
        name: "python",
        version: "3.11.7",
        files: { "bin/python3.11": "#!/bin/sh\n", "lib/python3.11/os.py": "" },
      });
      const failures: string[] = [];
      const refused: string[] = [];
      const others: string[] = [];
      let linked = 0;
      for (const [i, item] of candidates().entries()) {
        const directory = join(work, "pkgs", `x${i}`);
        const record = await unpack(item, directory);
        if (typeof record === "string") others.push(`${item.path}: ${record}`);
        else {
          const base = record.name === "python" ? [] : [python];
          // One environment for all: what one package leaves behind is seen at once.
          const prefix = join(work, base.length === 0 ? "empty" : "env");
          if (!existsSync(prefix)) {
            await apply(prefix, base);
            for (const path of ["mine.txt", "share/mine.txt", "lib/python3.11/site-packages/mine.py"]) {
              mkdirSync(join(prefix, path, ".."), { recursive: true });
              writeFileSync(join(prefix, path), "mine");
            }
          }
          const before = snapshot(prefix, withoutHistory);
          try {
            await apply(prefix, [...base, record]);
            failures.push(...(await problemsOf(prefix)).map((problem) => `${item.path}: ${problem}`));
            await apply(prefix, base);
            linked++;
          } catch (error) {
            const { code, message } = error as ToolError;
            // A few packages list files that their archives do not have: refused, with nothing changed.
            const list =
              code === "archive-invalid" && /is listed by its package/.test(message) ? refused : failures;
            list.push(`${item.path}: ${code} ${message.slice(0, 300)}`);
          }
          if (JSON.stringify(snapshot(prefix, withoutHistory)) !== JSON.stringify(before)) {
            failures.push(`${item.path}: the environment is not what it was`);
            rmSync(prefix, { recursive: true, force: true });
          }
        }
        rmSync(directory, { recursive: true, force: true });
      }
      expect(readdirSync(work).sort()).toEqual(["empty", "env", "pkgs"]);
      process.stderr.write(
        `${linked} real packages linked and unlinked; ${refused.length} lack files that they list; ${others.length} are not for this platform, or no packages\n`,
      );
      expect(failures).toEqual([]);
      expect(linked).toBeGreaterThan(350);
      expect(refused.length).toBeLessThan(10);
    },
  );

  test.skipIf(!root)(
    "that clobber each other: the last one wins, and the other's file is back when it goes",
    { timeout: 600_000 },
    async () => {
      const seen = new Set<string>();
      const packages: { record: PackageCacheRecord; files: Set<string> }[] = [];
      for (const [i, item] of candidates().entries()) {
        const directory = join(work, "clobber", String(i));
        const record = await unpack(item, directory);
        const id = typeof record === "string" ? "" : `${record.name}-${record.version}`;
        if (typeof record === "string" || record.name === "python" || seen.has(id)) {
          rmSync(directory, { recursive: true, force: true });
          continue;
        }
        seen.add(id);
        const { paths } = await readInfo(directory);
        const files = paths.filter((entry) => entry.path_type !== "directory").map((entry) => entry._path);
        packages.push({ record: { ...record, noarch: undefined }, files: new Set(files) });
      }
      const pairs: [a: PackageCacheRecord, b: PackageCacheRecord, path: string][] = [];
      const perName = new Map<string, number>();
      for (const [i, a] of packages.entries()) {
        for (const b of packages.slice(i + 1)) {
          if (a.record.name === b.record.name) continue;
          const path = [...a.files].find((file) => b.files.has(file));
          const count = perName.get(a.record.name) ?? 0;
          if (path === undefined || count >= 3) continue;
          perName.set(a.record.name, count + 1);
          pairs.push([a.record, b.record, path]);
        }
      }
      let done = 0;
      for (const [a, b, path] of pairs) {
        const what = `${a.name} and ${b.name}: ${path}`;
        const box = sandbox();
        const read = () =>
          existsSync(join(box.prefix, path)) ? readFileSync(join(box.prefix, path), "latin1") : "";
        const set = (list: PackageCacheRecord[]) => box.set(list, options);
        try {
          await set([a]);
        } catch (error) {
          expect((error as ToolError).code, what).toBe("archive-invalid");
          continue;
        }
        const aAlone = { tree: snapshot(box.prefix, withoutHistory), text: read() };
        await set([]);
        await set([b]);
        const bText = read();
        await set([]);
        await set([a, b]);
        expect([aAlone.text, bText], what).toContain(read());
        const { records } = (await readPrefix(box.prefix))!;
        // Both records have the path, whoever won.
        expect(records.filter((record) => record.files.includes(path)).length, what).toBe(2);
        await set([a]);
        expect(snapshot(box.prefix, withoutHistory), what).toEqual(aAlone.tree);
        // Added to an environment, the newcomer wins.
        await set([a, b]);
        expect(read(), what).toBe(bText);
        await set([a]);
        expect(snapshot(box.prefix, withoutHistory), what).toEqual(aAlone.tree);
        done++;
      }
      rmSync(join(work, "clobber"), { recursive: true, force: true });
      process.stderr.write(`${done} pairs of real packages that have a path in common\n`);
      expect(done).toBeGreaterThan(5);
    },
  );
});
