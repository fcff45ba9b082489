import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleForNode } from "../support/bundle.ts";
import { checkVisible, litter } from "../support/cache-checks.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type ServedPackage, somePackages } from "../support/packages.ts";
import { repoRoot } from "../support/shared.ts";

const PACKAGES = 12;
const ROOT = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };
const [ANN, BEN] = [
  { uid: 61_001, gid: 61_000 },
  { uid: 61_002, gid: 61_000 },
];
const sandbox = mkdtempSync(join(tmpdir(), "taipan-processes-"));
const recordsFile = join(sandbox, "records.json");
let driver: string;
let removeBundle = (): void => {};
let server: ChannelServer;
let packages: ServedPackage[];

beforeAll(async () => {
  const bundle = await bundleForNode({
    driver: join(repoRoot, "tests/support/fetch-driver.ts"),
    worker: join(repoRoot, "src/worker.ts"),
  });
  removeBundle = bundle.remove;
  driver = join(bundle.directory, "driver.js");
  const files: Record<string, Uint8Array> = {};
  server = await startServer({ files });
  packages = await somePackages(PACKAGES, server.url);
  for (const { path, bytes } of packages) files[path] = bytes;
  writeFileSync(recordsFile, JSON.stringify(packages.map((item) => item.record)));
});
afterAll(async () => {
  removeBundle();
  await server?.close();
  rmSync(sandbox, { recursive: true, force: true });
});

interface Outcome {
  code: number | null;
  output: { ok?: number; code?: string; message?: string };
}

/** Another user, whom only root can become; by default with the umask of shared directories. */
interface User {
  uid: number;
  gid: number;
  umask?: string;
}

function start(pkgs: string, as?: User): { child: ChildProcess; done: Promise<Outcome> } {
  const command = [process.execPath, driver, recordsFile, pkgs];
  return as === undefined
    ? follow(command)
    : follow(["sh", "-c", `umask ${as.umask ?? "002"}; exec "$@"`, "sh", ...command], as);
}

function follow(
  [file, ...args]: string[],
  { uid, gid }: Partial<User> = {},
): { child: ChildProcess; done: Promise<Outcome> } {
  const who = uid === undefined ? {} : { uid, gid };
  const child = spawn(file!, args, { stdio: ["ignore", "pipe", "inherit"], ...who });
  let text = "";
  child.stdout!.on("data", (chunk) => {
    text += chunk;
  });
  const done = new Promise<Outcome>((resolve) =>
    child.on("close", (code) => resolve({ code, output: text ? JSON.parse(text) : {} })),
  );
  return { child, done };
}

it("8 processes repair one damaged cache at once", { timeout: 120_000 }, async () => {
  const pkgs = join(sandbox, "damaged");
  expect((await start(pkgs).done).output).toEqual({ ok: PACKAGES });
  for (const { record } of packages) {
    const name = record.name;
    rmSync(join(pkgs, record.fn.replace(/\.(conda|tar\.bz2)$/, ""), `share/${name}/small.txt`));
  }
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => start(pkgs).done));
  for (const outcome of outcomes) expect(outcome.output).toEqual({ ok: PACKAGES });
  expect(checkVisible(pkgs, packages)).toHaveLength(PACKAGES);
  expect(litter(pkgs)).toEqual([]);
});

it("a read-only cache is read, and never written", { timeout: 60_000 }, async () => {
  const readOnly = join(sandbox, "read-only");
  expect((await start(readOnly).done).output).toEqual({ ok: PACKAGES });
  const before = readdirSync(readOnly).sort();
  // One package less: it goes to the cache that can be written.
  rmSync(join(readOnly, "pkg-0-1.0-0"), { recursive: true });
  rmSync(join(readOnly, packages[0]!.record.fn));
  const own = join(sandbox, "own");
  // Root writes everywhere.
  const as = ROOT ? NOBODY : undefined;
  for (const path of [sandbox, own]) {
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
  }
  chmodSync(readOnly, 0o555);
  try {
    expect((await start(`${readOnly}:${own}`, as).done).output).toEqual({ ok: PACKAGES });
    expect(checkVisible(own, packages)).toEqual(["pkg-0-1.0-0"]);
    expect((await start(readOnly, as).done).output).toMatchObject({
      code: "permission-denied",
      message: expect.stringContaining("`pkg-0-1.0-0"),
    });
  } finally {
    chmodSync(readOnly, 0o755);
  }
  expect(readdirSync(readOnly).sort()).toEqual(before.filter((name) => !name.startsWith("pkg-0-")));
});

it("two users fill and reuse one cache that their group may write", { timeout: 120_000 }, async ({
  skip,
}) => {
  skip(!ROOT, "only root can become two users");
  chmodSync(sandbox, 0o755);
  const pkgs = join(sandbox, "group");
  mkdirSync(pkgs);
  chownSync(pkgs, 0, 61_000);
  // As an administrator sets it up: new directories belong to the group, too.
  chmodSync(pkgs, 0o2775);
  const both = await Promise.all([start(pkgs, ANN).done, start(pkgs, BEN).done]);
  for (const outcome of both) expect(outcome.output).toEqual({ ok: PACKAGES });
  expect(checkVisible(pkgs, packages)).toHaveLength(PACKAGES);
  expect(litter(pkgs)).toEqual([]);
  // An entry of the one that is damaged is replaced by the other; so is one whose directory is gone.
  const owners = new Set<number>();
  for (const { record } of packages) owners.add(lstatSync(join(pkgs, record.fn)).uid);
  const place = join(pkgs, "pkg-0-1.0-0");
  const owner = lstatSync(place).uid;
  truncateSync(join(place, "share/pkg-0/small.txt"), 1);
  rmSync(join(pkgs, "pkg-1-1.1-0"), { recursive: true });
  const other = await start(pkgs, owner === ANN.uid ? BEN : ANN).done;
  expect(other.output).toEqual({ ok: PACKAGES });
  expect(checkVisible(pkgs, packages)).toHaveLength(PACKAGES);
  expect(litter(pkgs)).toEqual([]);
});

it("a broken entry of another user that cannot be moved away gets a good one beside it", {
  timeout: 60_000,
}, async ({ skip }) => {
  skip(!ROOT, "only root can become two users");
  const umask = "022";
  chmodSync(sandbox, 0o755);
  const pkgs = join(sandbox, "sticky");
  mkdirSync(pkgs);
  // Everybody may write, nobody may touch what is another's, as in /tmp.
  chmodSync(pkgs, 0o1777);
  expect((await start(pkgs, { ...ANN, umask }).done).output).toEqual({ ok: PACKAGES });
  truncateSync(join(pkgs, "pkg-0-1.0-0/share/pkg-0/small.txt"), 1);
  for (let round = 0; round < 2; round++)
    expect((await start(pkgs, { ...BEN, umask }).done).output).toEqual({ ok: PACKAGES });
  const beside = join(pkgs, "http", `127.0.0.1_${server.port}`, "noarch", "pkg-0-1.0-0");
  expect(readFileSync(join(beside, "share/pkg-0/small.txt"), "utf8")).toBe("hello from 0\n");
  expect(litter(pkgs)).toEqual(["http"]);
});

it("a full disk is told as such, and what fits stays whole", { timeout: 60_000 }, async ({ skip }) => {
  const [mount, after] = [join(sandbox, "full"), join(sandbox, "full-after")];
  mkdirSync(mount);
  // A file system of this process alone, which anybody may have where there are user namespaces.
  const alone = ["unshare", "--mount", ...(ROOT ? [] : ["--user", "--map-root-user"]), "sh", "-c"];
  const small = 'mount -t tmpfs -o size=1m tmpfs "$0" &&';
  skip(
    spawnSync(alone[0]!, [...alone.slice(1), `${small} :`, mount]).status !== 0,
    "nothing can be mounted here",
  );
  const script = `${small} { "$@" "$0/pkgs"; code=$?; cp -a "$0/pkgs" ${after}; exit $code; }`;
  const outcome = await follow([...alone, script, mount, process.execPath, driver, recordsFile]).done;
  expect(outcome).toMatchObject({ code: 1, output: { code: "disk-full" } });
  expect(litter(after)).toEqual([]);
  expect(checkVisible(after, packages).length).toBeLessThan(PACKAGES);
});

it("left-overs of dead processes are swept, those of living ones are not, and hold nobody up", {
  timeout: 60_000,
}, async () => {
  const pkgs = join(sandbox, "swept");
  // The first process cannot end before it is killed.
  server.faults.push({ stallAt: 1, times: Infinity });
  const { child, done } = start(pkgs);
  // A process keeps its unfinished work below a name that holds its number.
  const owned = () => litter(pkgs).find((name) => name.includes(`-${child.pid}-`));
  await expect.poll(owned, { interval: 2 }).toBeDefined();
  const name = owned()!;
  child.kill("SIGKILL");
  await done;
  server.faults.length = 0;
  const living = name.replace(`-${child.pid}-`, `-${process.pid}-`);
  cpSync(join(pkgs, name), join(pkgs, living), { recursive: true });
  expect((await start(pkgs).done).output).toEqual({ ok: PACKAGES });
  expect(existsSync(join(pkgs, name))).toBe(false);
  expect(litter(pkgs)).toEqual([living]);
});
