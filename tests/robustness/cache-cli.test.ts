/** The whole executable, many at once or killed, on one package cache. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { verifyPrefix } from "../../src/prefix/verify.ts";
import { checkVisible, unfinishedBytes } from "../support/cache-checks.ts";
import { type ChannelServer, startServer, TEST_CA } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";
import { noise, type ServedPackage, served, somePackages } from "../support/packages.ts";

/** A long run: `TAIPAN_KILLS=100 npx vitest run tests/robustness/cache-cli.test.ts`. */
const KILLS = Number(process.env["TAIPAN_KILLS"] ?? 6);

let packages: ServedPackage[];
let big: ServedPackage;
let plain: ChannelServer;
let secure: ChannelServer;
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = createSandbox();
  const content = noise("pkg-99", 5_000_000);
  const built = await buildPackage({
    name: "pkg-99",
    version: "1.99",
    build: "0",
    subdir: "noarch",
    noarch: "generic",
    files: [{ path: "share/big.bin", content }],
  });
  big = served(built, "http://base");
  packages = [...(await somePackages(16, "http://base", 200)), big];
  const channel = join(sandbox.dir, "channel");
  await writeChannel(
    channel,
    packages.map(({ record, bytes }) => ({ fn: record.fn, record, bytes })),
    { zst: true },
  );
  [plain, secure] = await Promise.all([
    startServer({ root: channel }),
    startServer({ root: channel, tls: "http2" }),
  ]);
  writeFileSync(
    join(sandbox.home, ".condarc"),
    `ssl_verify: ${TEST_CA}\nremote_backoff_factor: 1\nchannels: []\n`,
  );
});
afterAll(async () => {
  await Promise.all([plain?.close(), secure?.close()]);
  sandbox.close();
});

function createArguments(prefix: string, server: ChannelServer, wanted: readonly ServedPackage[]): string[] {
  const names = wanted.map(({ record }) => record.name);
  return ["create", "-y", "-p", prefix, "--override-channels", "-c", server.url, ...names];
}

async function checkEnvironment(prefix: string, wanted: readonly ServedPackage[]): Promise<void> {
  const records = (await readPrefix(prefix))?.records ?? [];
  expect(records.map(({ sha256 }) => sha256).sort()).toEqual(
    wanted.map(({ record }) => record.sha256).sort(),
  );
  expect(verifyPrefix(prefix, records, { mode: "full" })).toEqual([]);
}

/** `taipan clean` finds nothing that an interrupted run left. */
async function checkClean(): Promise<void> {
  const done = await sandbox.taipan("clean", "--tempfiles", "--locks", "--trash", "--dry-run", "--json");
  expect(done.json()).toMatchObject({ tempfiles: [], locks: [], trash: [] });
  const known = /^(urls(\.txt)?|cache|CACHEDIR\.TAG|pkg-\d+-1\.\d+-0(\.conda|\.tar\.bz2)?)$/;
  expect(readdirSync(join(sandbox.root, "pkgs")).filter((name) => !known.test(name))).toEqual([]);
}

const isArchive = (path: string): boolean => /\.(conda|tar\.bz2)$/.test(path);

it("16 processes create different environments from one cold cache at once", {
  timeout: 240_000,
}, async () => {
  const sets = Array.from({ length: 16 }, (_, i) =>
    packages.filter((_, n) => n === packages.length - 1 || (n * 7 + i * 3) % 16 < 6),
  );
  const run = (wanted: ServedPackage[], i: number): Promise<CliResult> =>
    sandbox.taipan(...createArguments(join(sandbox.dir, "envs", `e${i}`), plain, wanted));
  const results = await Promise.all(sets.map(run));
  for (const [i, wanted] of sets.entries()) {
    expect(results[i]!.code, results[i]!.stderr).toBe(0);
    await checkEnvironment(join(sandbox.dir, "envs", `e${i}`), wanted);
  }
  expect(new Set(sets.map((set) => set.map(({ record }) => record.name).join())).size).toBe(16);
  expect(checkVisible(join(sandbox.root, "pkgs"), packages)).toHaveLength(packages.length);
  await checkClean();

  const counts = new Map<string, number>();
  for (const { path } of plain.requests.filter(({ path }) => isArchive(path)))
    counts.set(path, (counts.get(path) ?? 0) + 1);
  // Whoever comes first downloads for all. Some begin at the same moment, and nobody waits for one that gets no processor.
  expect(counts.size).toBe(packages.length);
  const asked = [...counts.values()].reduce((sum, count) => sum + count, 0);
  expect(asked).toBeLessThan(sets.flat().length / 2);
});

/** Any moment of a run; in two of three rounds one after the first archive, or half of the large one, arrived. */
async function moment(round: number, server: ChannelServer, took: number): Promise<void> {
  if (round % 3 === 0) return sleep(Math.random() * took);
  const seen = (): boolean =>
    round % 3 === 1
      ? server.requests.some(({ path }) => isArchive(path))
      : unfinishedBytes(join(sandbox.root, "pkgs")) > big.bytes.length / 2;
  while (!seen()) await sleep(10);
  await sleep(Math.random() * 500);
}

it(`${KILLS} kills at random moments: what is visible is whole, and the next run succeeds and leaves nothing`, {
  timeout: 1_800_000,
}, async () => {
  const pkgs = join(sandbox.root, "pkgs");
  const prefix = join(sandbox.dir, "killed", "env");
  mkdirSync(join(sandbox.dir, "killed"));
  let killed = 0;
  let wentOn = 0;
  let took = 1000;
  for (let round = 0; round < KILLS; round++) {
    const server = round % 2 ? secure : plain;
    rmSync(pkgs, { recursive: true, force: true });
    rmSync(prefix, { recursive: true, force: true });
    server.requests.length = 0;
    // Whoever is to be killed at a certain point does not come to its end before.
    const fault =
      round % 3 === 0 ? { drip: { bytes: 131_072, ms: 10 } } : { stallAt: big.bytes.length - 1000 };
    server.faults.push({ match: big.path, ...fault });
    const args = createArguments(prefix, server, packages);
    const killWhen = moment(round, server, took);
    const first = await sandbox.taipanWith({ killWhen }, ...args);
    if (first.code === null) killed += 1;
    checkVisible(pkgs, packages);
    const asked = server.requests.length;
    server.faults.length = 0;
    const started = performance.now();
    const done = await sandbox.taipan(...args);
    took = performance.now() - started;
    expect(done.code, done.stderr).toBe(0);
    await checkEnvironment(prefix, packages);
    expect(checkVisible(pkgs, packages)).toHaveLength(packages.length);
    expect(readdirSync(join(sandbox.dir, "killed"))).toEqual(["env"]);
    await checkClean();
    if (server.requests.slice(asked).some(({ headers }) => headers["range"] !== undefined)) wentOn += 1;
  }
  process.stderr.write(`${killed} of ${KILLS} were killed, ${wentOn} went on with a download\n`);
  expect(killed).toBeGreaterThanOrEqual(Math.floor((KILLS * 2) / 3));
  expect(wentOn).toBeGreaterThan(0);
});
