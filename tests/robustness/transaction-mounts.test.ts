/** Environments whose directory, or whose directories, cannot be renamed: mount points, and layers of a container. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { planTransaction } from "../../src/plan/diff.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { recoverPrefix } from "../../src/prefix/recover.ts";
import { applyTransaction } from "../../src/prefix/transaction.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { defaultOptions, makePackage, scratchRoot, snapshot } from "../support/extracted.ts";
import { type ChildResult, transactionChild } from "../support/transaction-bundle.ts";
import type { ChildJob } from "../support/transaction-child.ts";

const mount = (...words: string[]): void => void execFileSync("mount", words, { stdio: "pipe" });
const unmount = (path: string): void => void execFileSync("umount", ["-l", path], { stdio: "pipe" });

/** Whether this process may mount: overlays need more than tmpfs. */
function mounts(type: "tmpfs" | "overlay"): boolean {
  const base = mkdtempSync(join(scratchRoot(), "taipan-mounts-"));
  try {
    if (type === "tmpfs") mount("-t", "tmpfs", "tmpfs", base);
    else {
      for (const name of ["lower", "upper", "work", "on"]) mkdirSync(join(base, name));
      mountLayers(base, "lower");
    }
    unmount(type === "tmpfs" ? base : join(base, "on"));
    return true;
  } catch {
    process.stderr.write(`skipped: ${type} cannot be mounted here\n`);
    return false;
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** As Docker does: without redirect_dir, a directory of a lower layer cannot be renamed. The topmost of them comes first. */
function mountLayers(base: string, ...lower: string[]): void {
  const at = (name: string): string => join(base, name);
  const layers = `lowerdir=${lower.map(at).join(":")},upperdir=${at("upper")},workdir=${at("work")},redirect_dir=off`;
  mount("-t", "overlay", "overlay", "-o", layers, at("on"));
}

let work = "";
let run: (job: ChildJob) => Promise<ChildResult>;
beforeAll(async () => {
  work = mkdtempSync(join(scratchRoot(), "taipan-mounted-"));
  run = await transactionChild(work);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const options = { ...defaultOptions, compilePyc: false };
const pool = createPool({ size: 1, mode: "inline", handlers });
const planned = async (prefix: string, records: PackageCacheRecord[]) =>
  planTransaction(
    (await readPrefix(prefix))?.records ?? [],
    { records, requested: new Map(), reinstall: new Set() },
    { platform: "linux-64" },
  );

async function link(prefix: string, records: PackageCacheRecord[]): Promise<void> {
  const packages = new Map(records.map((record) => [record.name, record]));
  const transaction = await planned(prefix, records);
  await applyTransaction(
    { prefix, transaction, packages, options, command: ["taipan", "install"] },
    { pool, events: () => {} },
  );
}

const stateOf = (prefix: string): Record<string, string> =>
  snapshot(prefix, (path) => path === "conda-meta/history");

function packagesIn(pkgs: string) {
  const a = { name: "a", files: { "lib/a/one": "1", "lib/a/deep/two": "2", "bin/a": "a", "share/x": "x" } };
  const script = { content: '#!/bin/sh\necho gone > "$PREFIX/bin/a"; rm "$PREFIX/share/x"\n', mode: 0o755 };
  return {
    a: makePackage(pkgs, a),
    newer: makePackage(pkgs, {
      name: "a",
      version: "2.0",
      // A file where a directory was, a directory anew where one went, one that is all new.
      files: { "lib/a": "a file now", "bin/a": "aa", "lib/new/deep/x": "x", "share/y": "y", etc: "e" },
    }),
    b: makePackage(pkgs, { name: "b", files: { "lib/b": "b", "bin/.b-pre-unlink.sh": script } }),
  };
}

/** A directory in which layers are mounted on `on`: `below` is the upper layer so far, `reset` begins with another one. */
function layersIn(base: string) {
  const at = (name: string): string => join(base, name);
  const renew = (...lower: string[]): void => {
    for (const name of ["upper", "work"]) {
      rmSync(at(name), { recursive: true, force: true });
      mkdirSync(at(name));
    }
    mountLayers(base, ...lower);
  };
  for (const name of ["empty", "upper", "work", "on"]) mkdirSync(at(name));
  mountLayers(base, "empty");
  onTestFinished(() => unmount(at("on")));
  return {
    at,
    below: (lower: string, ...further: string[]): void => {
      unmount(at("on"));
      rmSync(at(lower), { recursive: true, force: true });
      renameSync(at("upper"), at(lower));
      renew(lower, ...further);
    },
    reset: (...lower: string[]): void => {
      unmount(at("on"));
      renew(...lower);
    },
  };
}

/** What file systems refuse here. Death at every other call is the same everywhere, and is `transaction.test.ts`. */
const calls = ["renameSync", "mkdirSync", "rmdirSync"];

/**
 * Does the job and is killed at each of these calls in turn: after recovery the state is `before`, or the one that nobody kills ends in.
 * `killed` is what happens to the environment before the recovery. Returns the last call at which death leads back.
 */
async function killEverywhere(
  job: Omit<ChildJob, "killAt">,
  reset: () => void | Promise<void>,
  killed?: () => void,
): Promise<number> {
  await reset();
  const before = stateOf(job.prefix);
  expect(await run({ ...job, killAt: 0 })).toMatchObject({ code: 0, err: "" });
  const after = stateOf(job.prefix);
  const seen = { before: 0, after: 0 };
  let lastBack = 0;
  for (let killAt = 1; ; killAt++) {
    await reset();
    const result = await run({ ...job, calls, killAt });
    if (result.signal !== "SIGKILL") {
      expect(result).toMatchObject({ code: 0, err: "" });
      break;
    }
    killed?.();
    await recoverPrefix(job.prefix, { timeout: 20 });
    const found = stateOf(job.prefix);
    const which = JSON.stringify(found) === JSON.stringify(before) ? "before" : "after";
    if (which === "after") expect(found, `killed at call ${killAt}`).toEqual(after);
    else lastBack = killAt;
    seen[which]++;
  }
  expect(seen.before).toBeGreaterThan(3);
  expect(seen.after).toBeGreaterThan(0);
  return lastBack;
}

describe.runIf(process.platform === "linux")("where the environment cannot be renamed", () => {
  test("a mount point is emptied, or is as it was, whenever its removal is killed", {
    timeout: 120_000,
  }, async ({ skip }) => {
    if (!mounts("tmpfs")) skip();
    const base = mkdtempSync(join(work, "point-"));
    const prefix = join(base, "env");
    const { a, b } = packagesIn(join(base, "pkgs"));
    mkdirSync(prefix);
    onTestFinished(() => unmount(prefix));
    mount("-t", "tmpfs", "tmpfs", prefix);
    const reset = async (): Promise<void> => {
      for (const name of readdirSync(prefix)) rmSync(join(prefix, name), { recursive: true });
      await link(prefix, [a, b]);
      writeFileSync(join(prefix, "notes"), "the user's");
    };
    const job = { prefix, remove: true, transaction: await planned(prefix, []), packages: [], options };
    await killEverywhere(job, reset);
    await reset();
    await run({ ...job, killAt: 0 });
    expect(readdirSync(prefix)).toEqual([]);
  });

  test("in a layer of a container packages change, and the environment goes", {
    timeout: 120_000,
  }, async ({ skip }) => {
    if (!mounts("overlay")) skip();
    const { at, below, reset } = layersIn(mkdtempSync(join(work, "layers-")));
    const prefix = at("on/env");
    const { a, b, newer } = packagesIn(at("pkgs"));
    await link(prefix, [a, b]);
    below("lower");
    const transaction = await planned(prefix, [newer, b]);
    const job = { prefix, transaction, packages: [["a", newer]] as ChildJob["packages"], options };
    const anew = (): void => reset("lower");
    await killEverywhere(job, anew);
    const killedAt = await killEverywhere(job, anew, () => below("killed", "lower"));
    // The recovery is killed, too, when the layer has been committed with all of the change in it.
    anew();
    const before = stateOf(prefix);
    await run({ ...job, calls, killAt: killedAt });
    below("killed", "lower");
    for (let killAt = 1, signal: string | null = "SIGKILL"; signal === "SIGKILL"; killAt++) {
      reset("killed", "lower");
      ({ signal } = await run({ ...job, recover: true, calls, killAt }));
      await recoverPrefix(prefix, { timeout: 20 });
      expect(stateOf(prefix), `recovery killed at call ${killAt}`).toEqual(before);
    }
    anew();
    expect((await run({ prefix, remove: true, transaction, packages: [], options, killAt: 0 })).err).toBe("");
    expect(readdirSync(at("on"))).toEqual([]);
  });

  test("a new environment whose link scripts were killed goes from the layer below, too", {
    timeout: 120_000,
  }, async ({ skip }) => {
    if (!mounts("overlay")) skip();
    const { at, below, reset } = layersIn(mkdtempSync(join(work, "fresh-")));
    const prefix = at("on/env");
    const script = { content: '#!/bin/sh\necho made > "$PREFIX/made"\n', mode: 0o755 };
    const c = makePackage(at("pkgs"), { name: "c", files: { "lib/c": "c", "bin/.c-post-link.sh": script } });
    const job = { prefix, transaction: await planned(prefix, [c]), options };
    await killEverywhere(
      { ...job, packages: [["c", c]] },
      () => reset("empty"),
      () => below("killed", "empty"),
    );
  });
});
