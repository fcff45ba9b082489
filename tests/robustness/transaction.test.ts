import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planTransaction } from "../../src/plan/diff.ts";
import type { Transaction } from "../../src/plan/transaction.ts";
import { sweepLocks } from "../../src/prefix/lock.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { recoverPrefix } from "../../src/prefix/recover.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { defaultOptions, makePackage, PLACEHOLDER, scratchRoot, snapshot } from "../support/extracted.ts";
import { type ChildResult, transactionChild } from "../support/transaction-bundle.ts";
import type { ChildJob } from "../support/transaction-child.ts";

let work = "";
let run: (job: ChildJob) => Promise<ChildResult>;
beforeAll(async () => {
  work = mkdtempSync(join(scratchRoot(), "taipan-kill-"));
  run = await transactionChild(work);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const options = { ...defaultOptions, compilePyc: false };
const pool = createPool({ size: 1, mode: "inline", handlers });

/** Everything in the environment's directory, its neighbours included: nothing may be left beside it either. Dates are no state. */
function stateOf(envs: string): Record<string, string> {
  const state = snapshot(envs, (path) => path.endsWith("/conda-meta/history"));
  for (const name of existsSync(envs) ? readdirSync(envs) : []) {
    const history = join(envs, name, "conda-meta/history");
    if (existsSync(history))
      state[`${name}/conda-meta/history`] = readFileSync(history, "utf8").replace(/==> .* <==/g, "");
  }
  return state;
}

async function plan(prefix: string, packages: PackageCacheRecord[]): Promise<Transaction> {
  const state = await readPrefix(prefix);
  return planTransaction(
    state?.records ?? [],
    { records: packages, requested: new Map(), reinstall: new Set() },
    { platform: "linux-64" },
  );
}

async function apply(prefix: string, packages: PackageCacheRecord[]): Promise<void> {
  const transaction = await plan(prefix, packages);
  await applyTransaction(
    {
      prefix,
      transaction,
      packages: new Map(packages.map((record) => [record.name, record])),
      options,
      command: ["taipan", "install"],
    },
    { pool, events: () => {} },
  );
}

interface Scenario {
  before: PackageCacheRecord[] | undefined;
  after: PackageCacheRecord[];
}

/** Kills the transaction at every call in turn. Afterwards the state is the old or the new one, and the next command works. */
async function killEverywhere(
  name: string,
  scenario: Scenario,
  fail?: "ENOSPC" | "EIO",
): Promise<{ calls: number; old: number; new: number }> {
  const base = join(work, name);
  const template = join(base, "template");
  mkdirSync(template, { recursive: true });
  // Every copy of the template has the same path while it is used, because files know their prefix.
  const envsOf = (slot: string): string => join(base, slot, "envs");
  const counts = { calls: 0, old: 0, new: 0 };
  const slots = Array.from({ length: Math.max(2, availableParallelism()) }, (_, i) => `slot-${i}`);
  let next = 1;
  let total = Number.POSITIVE_INFINITY;
  const lane = async (slot: string): Promise<void> => {
    const envs = envsOf(slot);
    const prefix = join(envs, "env");
    mkdirSync(envs, { recursive: true });
    if (scenario.before) await apply(prefix, scenario.before);
    const transaction = await plan(prefix, scenario.after);
    const pristine = join(base, slot, "pristine");
    cpSync(envs, pristine, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    const oldState = stateOf(envs);
    await apply(prefix, scenario.after);
    const newState = stateOf(envs);
    const reset = (): void => {
      rmSync(envs, { recursive: true, force: true });
      cpSync(pristine, envs, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    };
    for (let n = next++; n <= total; n = next++) {
      reset();
      const job = {
        prefix,
        killAt: n,
        fail,
        transaction,
        packages: scenario.after.map((record): [string, PackageCacheRecord] => [record.name, record]),
        options,
      };
      const result = await run(job);
      if (result.code === 0) {
        const calls = Number(result.out);
        if (calls < n) {
          total = Math.min(total, calls);
          counts.calls = total;
          continue;
        }
        // The failure was in something that the transaction can do without.
      } else if (fail)
        expect(result, `call ${n}`).toMatchObject({
          code: 1,
          err: expect.stringMatching(/^(disk-full|io-error)\n$/),
        });
      else expect(result.signal, result.err).toBe("SIGKILL");
      // Where the process lives it has rolled back itself.
      if (!fail || result.code === 0) await recoverPrefix(prefix, { timeout: 20 });
      else sweepLocks(prefix);
      const state = stateOf(envs);
      const isNew = JSON.stringify(state) === JSON.stringify(newState);
      if (!isNew) expect(state, `killed at call ${n}`).toEqual(oldState);
      counts[isNew ? "new" : "old"]++;
      await apply(prefix, scenario.after);
      const { [`env/conda-meta/history`]: _, ...again } = stateOf(envs);
      const { [`env/conda-meta/history`]: __, ...wanted } = newState;
      expect(again, `the command after a kill at call ${n}`).toEqual(wanted);
    }
  };
  await Promise.all(slots.map(lane));
  return counts;
}

test("packages that stay cost no call that changes the file system", async () => {
  const pkgs = join(work, "pkgs-cost");
  const many = Array.from({ length: 40 }, (_, i) =>
    makePackage(pkgs, { name: `stays${i}`, files: { [`lib/stays${i}.txt`]: "s", [`lib/stays/${i}`]: "s" } }),
  );
  const upgraded = (version: string): PackageCacheRecord =>
    makePackage(pkgs, { name: "p", version, files: { "lib/p/a": version, "lib/p.txt": "p", "etc/p": "p" } });
  const callsWith = async (stays: PackageCacheRecord[]): Promise<number> => {
    const prefix = join(work, `cost-${stays.length}`, "env");
    mkdirSync(join(prefix, ".."), { recursive: true });
    await apply(prefix, [...stays, upgraded("1")]);
    const after = [...stays, upgraded("2")];
    const result = await run({
      prefix,
      killAt: Number.MAX_SAFE_INTEGER,
      transaction: await plan(prefix, after),
      packages: after.map((record): [string, PackageCacheRecord] => [record.name, record]),
      options,
    });
    expect(result, result.err).toMatchObject({ code: 0 });
    return Number(result.out);
  };
  expect(await callsWith(many)).toBe(await callsWith(many.slice(0, 2)));
});

describe("kill -9 at any file system call", () => {
  // TAIPAN_TEST_FULL=1: twelve packages instead of seven, four times as long.
  const count = process.env["TAIPAN_TEST_FULL"] ? 10 : 5;
  const packages = (pkgs: string, version: string): PackageCacheRecord[] =>
    Array.from({ length: count }, (_, i) =>
      makePackage(pkgs, {
        name: `p${i}`,
        version,
        files: {
          [`lib/shared/p${i}-${version}.txt`]: version,
          [`lib/p${i}/a.txt`]: `a ${i} ${version}`,
          ...(i % 3 === 0
            ? {
                [`bin/p${i}`]: {
                  content: `#!${PLACEHOLDER}/bin/x\n${version}`,
                  mode: 0o755,
                  prefix: "text" as const,
                },
              }
            : {}),
          ...(i % 4 === 0 ? { [`lib/p${i}/link`]: { link: "a.txt" } } : {}),
        },
      }),
    );

  test("install, upgrade and remove in one transaction, with link scripts", {
    timeout: 180_000,
  }, async () => {
    const pkgs = join(work, "pkgs-1");
    const one = packages(pkgs, "1");
    const two = packages(pkgs, "2");
    const script = makePackage(pkgs, {
      name: "script",
      files: {
        "bin/.script-post-link.sh": { content: "#!/bin/sh\nexit 0\n", mode: 0o755 },
        "lib/p3": "a file where a directory was",
      },
    });
    const extra = makePackage(pkgs, {
      name: "extra",
      files: { "lib/extra/x/y.txt": "y", "lib/p0/extra.txt": "into the directory of another" },
    });
    // p0-p2 stay, p3 goes (and its directory becomes a file), the rest is upgraded, script and extra are new.
    const after = [...one.slice(0, 3), ...two.slice(4), script, extra];
    const counts = await killEverywhere("mixed", { before: one, after });
    expect(counts.old).toBeGreaterThan(30);
    expect(counts.new).toBeGreaterThan(3);
    process.stderr.write(
      `mixed transaction: ${counts.calls} calls, ${counts.old} times the old state, ${counts.new} times the new one\n`,
    );
  });

  test.each(["ENOSPC", "EIO"] as const)(
    "%s at any call is rolled back at once",
    { timeout: 120_000 },
    async (fail) => {
      const pkgs = join(work, `pkgs-${fail}`);
      const one = packages(pkgs, "1").slice(0, 2);
      const counts = await killEverywhere(
        fail,
        { before: one, after: [one[0]!, ...packages(pkgs, "2").slice(1, 2)] },
        fail,
      );
      expect(counts.old).toBeGreaterThan(15);
    },
  );

  test("a new environment is there whole or not at all", { timeout: 120_000 }, async () => {
    const pkgs = join(work, "pkgs-2");
    const counts = await killEverywhere("fresh", {
      before: undefined,
      after: packages(pkgs, "1").slice(0, 2),
    });
    expect(counts.old).toBeGreaterThan(10);
    expect(counts.new).toBeGreaterThan(0);
  });
});
