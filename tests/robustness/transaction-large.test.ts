import { createHash } from "node:crypto";
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { planTransaction } from "../../src/plan/diff.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { recoverPrefix } from "../../src/prefix/recover.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import {
  defaultOptions,
  type FileSpec,
  makePackage,
  PLACEHOLDER,
  scratchRoot,
} from "../support/extracted.ts";
import { type ChildResult, transactionChild } from "../support/transaction-bundle.ts";
import type { ChildJob } from "../support/transaction-child.ts";

/**
 * TAIPAN_TEST_KILLS=300 kills so often, at random calls of TAIPAN_TEST_SEED. TAIPAN_TEST_ENVIRONMENT=/path/to/env takes the packages of
 * a real environment, whose package cache is still there, instead of made ones.
 */
const KILLS = Number(process.env["TAIPAN_TEST_KILLS"] ?? 8);
const SEED = Number(process.env["TAIPAN_TEST_SEED"] ?? 1);
const REAL = process.env["TAIPAN_TEST_ENVIRONMENT"];

let work = "";
let child: (job: ChildJob) => Promise<ChildResult>;
beforeAll(async () => {
  work = mkdtempSync(join(scratchRoot(), "taipan-large-"));
  child = await transactionChild(work);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function madePackages(pkgs: string, count: number): PackageCacheRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const files: Record<string, FileSpec> = {};
    for (let j = 0; j < 12; j++) files[`lib/p${i}/d${j % 3}/f${j}.txt`] = { content: `${i} ${j}` };
    files[`lib/shared/p${i}.txt`] = { content: String(i) };
    files[`bin/p${i}`] = { content: `#!${PLACEHOLDER}/bin/sh\n${i}\n`, mode: 0o755, prefix: "text" };
    files[`lib/p${i}/link`] = { link: "d0/f0.txt" };
    return makePackage(pkgs, { name: `p${i}`, files });
  });
}

/** Every path with its permission bits, and what it is: hard links by inode, other files by hash. History has dates. */
function stateOf(directory: string): string {
  const hash = createHash("sha256");
  const visit = (path: string): void => {
    for (const name of readdirSync(join(directory, path)).sort()) {
      const relative = `${path}/${name}`;
      const full = join(directory, relative);
      const stat = lstatSync(full);
      hash.update(`${relative}\0${stat.mode}\0`);
      if (stat.isDirectory()) visit(relative);
      else if (stat.isSymbolicLink()) hash.update(readlinkSync(full));
      else if (relative.endsWith("/conda-meta/history"))
        hash.update(readFileSync(full, "utf8").replace(/==> .* <==/g, ""));
      else if (stat.nlink > 1) hash.update(String(stat.ino));
      else hash.update(readFileSync(full));
    }
  };
  visit("");
  return hash.digest("hex");
}

test(`a transaction of 75 packages, killed at ${KILLS} random calls`, {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  const pool = createPool({ size: 1, mode: "inline", handlers });
  const options = { ...defaultOptions, compilePyc: false };
  const all = REAL
    ? (await readPrefix(REAL))!.records.map((record): PackageCacheRecord => record)
    : madePackages(join(work, "pkgs"), 75);
  // Python is linked first, as the solver orders it.
  all.sort((a, b) => Number(b.name === "python") - Number(a.name === "python"));
  const envs = join(work, "envs");
  const prefix = join(envs, "env");
  const before = all.slice(0, -10);
  const after = all.filter((_, i) => i === 0 || i % 8 !== 0);
  const reinstall = new Set(after.filter((_, i) => i % 4 === 1).map(({ name }) => name));
  const plan = async (packages: PackageCacheRecord[], again = new Set<string>()) =>
    planTransaction(
      (await readPrefix(prefix))?.records ?? [],
      { records: packages, requested: new Map(), reinstall: again },
      { platform: "linux-64" },
    );
  const apply = async (packages: PackageCacheRecord[], again?: Set<string>): Promise<void> =>
    void (await applyTransaction(
      {
        prefix,
        transaction: await plan(packages, again),
        packages: new Map(packages.map((record) => [record.name, record])),
        options,
        command: ["taipan", "install"],
      },
      { pool, events: () => {} },
    ));

  mkdirSync(envs, { recursive: true });
  await apply(before);
  const history = join(prefix, "conda-meta/history");
  copyFileSync(history, join(work, "history"));
  const back = async (): Promise<void> => {
    await apply(before, new Set(before.filter(({ name }) => reinstall.has(name)).map(({ name }) => name)));
    copyFileSync(join(work, "history"), history);
  };
  const oldState = stateOf(envs);
  const transaction = await plan(after, reinstall);
  const run = (killAt: number): Promise<ChildResult> => {
    const packages = after.map((record): [string, PackageCacheRecord] => [record.name, record]);
    return child({ prefix, killAt, transaction, packages, options });
  };
  const complete = await run(Number.MAX_SAFE_INTEGER);
  expect(complete.code).toBe(0);
  const calls = Number(complete.out);
  const newState = stateOf(envs);
  expect(newState).not.toBe(oldState);
  await back();
  expect(stateOf(envs), "there and back").toBe(oldState);

  const random = randomNumbers(SEED);
  const counts = { old: 0, new: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    const killAt = 1 + Math.floor(random() * calls);
    expect((await run(killAt)).signal, `call ${killAt} of ${calls}`).toBe("SIGKILL");
    await recoverPrefix(prefix, { timeout: 20 });
    const state = stateOf(envs);
    if (state === newState) {
      counts.new++;
      await back();
      expect(stateOf(envs), `back after a kill at call ${killAt}`).toBe(oldState);
    } else {
      expect(state, `killed at call ${killAt} of ${calls}, seed ${SEED}`).toBe(oldState);
      counts.old++;
    }
  }
  process.stderr.write(
    `75 packages: ${calls} calls, ${KILLS} kills, ${counts.old} times the old state, ${counts.new} times the new one\n`,
  );
  expect(counts.old + counts.new).toBe(KILLS);
});
