import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Claims } from "../../src/cache/claims.ts";
import { createTemporary } from "../../src/cache/temporary.ts";
import { processSpace } from "../../src/fs/cache-files.ts";

const HASH = "ab".repeat(32);
let pkgs: string;

beforeEach(() => {
  pkgs = mkdtempSync(join(tmpdir(), "taipan-claims-"));
});
afterEach(() => rmSync(pkgs, { recursive: true, force: true }));

const open = async (): Promise<{ claims: Claims; scratch: string }> => {
  const scratch = await createTemporary(pkgs);
  return { claims: new Claims(pkgs, scratch), scratch };
};

it("one of several that want an archive has it, the others wait until it gives it up", async () => {
  const all = await Promise.all(Array.from({ length: 4 }, open));
  const taken = [];
  for (const { claims } of all) taken.push(await claims.take(HASH.toUpperCase()));
  expect(taken).toEqual([true, false, false, false]);
  expect(await all[1]!.claims.take("cd".repeat(32))).toBe(true);
  expect(all.map(({ scratch }) => readdirSync(scratch).length)).toEqual([1, 1, 0, 0]);
  let waited = false;
  const waiting = all[2]!.claims.wait(HASH, new AbortController().signal).then(() => {
    waited = true;
  });
  await new Promise((done) => setTimeout(done, 150));
  expect(waited).toBe(false);
  await all[0]!.claims.release(HASH);
  await waiting;
  expect(await all[3]!.claims.take(HASH)).toBe(false);
});

it("a process that died holds nothing, and neither does one that nobody can see", async () => {
  for (const name of [`${processSpace(hostname())}-999999999`, "00000000-1"]) {
    const theirs = join(pkgs, `.taipan-${name}-0123456789ab`);
    mkdirSync(theirs);
    writeFileSync(join(theirs, `${HASH}.claim`), "");
  }
  const { claims } = await open();
  expect(await claims.take(HASH)).toBe(true);
  expect(claims.company).toBe(false);
});

it("a wait can be interrupted, and archives without a hash are nobody's", async () => {
  const [first, second] = [await open(), await open()];
  await first.claims.take(HASH);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  await expect(second.claims.wait(HASH, controller.signal)).rejects.toMatchObject({ code: "interrupted" });
  for (const sha256 of [undefined, "../../x", ""]) {
    expect(await first.claims.take(sha256)).toBe(true);
    expect(await second.claims.take(sha256)).toBe(true);
  }
});
