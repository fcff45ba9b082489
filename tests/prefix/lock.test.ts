import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { processStart } from "../../src/fs/lock-file.ts";
import { journalDirectory, newJournal, writeJournal } from "../../src/prefix/journal.ts";
import { lockPath, lockPrefix } from "../../src/prefix/lock.ts";
import { lockAndRecover } from "../../src/prefix/recover.ts";

let root = "";
let prefix = "";
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "taipan-lock-")));
  prefix = join(root, "env");
  mkdirSync(join(prefix, "conda-meta"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const deadPid = (): number => spawnSync("true").pid;

describe("prefix lock", () => {
  test("is held after recovery, also where a half-made environment went with the lock inside it", async () => {
    mkdirSync(journalDirectory(prefix), { recursive: true });
    writeJournal(prefix, newJournal({ fresh: true }));
    const { lock, recovery } = await lockAndRecover(prefix, { timeout: 5, events: () => {} });
    expect([recovery, existsSync(prefix)]).toEqual(["rolled-back", false]);
    expect([lock.path, existsSync(lock.path)]).toEqual([lockPath(prefix), true]);
    await expect(lockPrefix(prefix, { timeout: 0.05 })).rejects.toMatchObject({ code: "locked" });
    lock.release();
    expect(readdirSync(root)).toEqual([]);
  });

  test("one holder at a time; the second gets it when the first gives it up", async () => {
    const first = await lockPrefix(prefix, { timeout: 5 });
    const order: string[] = [];
    const waiting: string[] = [];
    const second = lockPrefix(prefix, { timeout: 60, onWait: (holder) => waiting.push(holder) }).then(
      (lock) => {
        order.push("second");
        return lock;
      },
    );
    await expect.poll(() => waiting.length).toBe(1);
    order.push("first released");
    first.release();
    (await second).release();
    expect(order).toEqual(["first released", "second"]);
    expect(waiting).toEqual([expect.stringContaining(`process ${process.pid} on ${hostname()}`)]);
    expect(readdirSync(join(prefix, "conda-meta"))).toEqual([]);
  });

  test("the timeout names the holder", async () => {
    const lock = await lockPrefix(prefix, { timeout: 5 });
    await expect(lockPrefix(prefix, { timeout: 0.05 })).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining(`process ${process.pid}`),
    });
    lock.release();
  });

  test("a lock of a dead process is broken, also when its id is in use again", async () => {
    for (const holder of [
      { host: hostname(), pid: deadPid(), since: "x" },
      { host: hostname(), pid: process.pid, start: "1", since: "x" },
    ]) {
      writeFileSync(lockPath(prefix), JSON.stringify(holder));
      const lock = await lockPrefix(prefix, { timeout: 2 });
      expect(JSON.parse(readFileSync(lockPath(prefix), "utf8"))).toMatchObject({ pid: process.pid });
      lock.release();
    }
  });

  test.runIf(process.platform === "linux")(
    "a lock of a process that was killed and that nobody waits for, as in containers, is broken",
    async () => {
      const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 600"], { stdio: "pipe" });
      onTestFinished(() => void parent.kill("SIGKILL"));
      const [text] = (await once(parent.stdout, "data")) as [Buffer];
      const pid = Number(text.toString());
      await expect
        .poll(() => readFileSync(`/proc/${pid}/stat`, "utf8"), { timeout: 20_000 })
        .toContain(") Z ");
      const holder = { host: hostname(), pid, start: processStart(pid), since: "x" };
      writeFileSync(lockPath(prefix), JSON.stringify(holder));
      (await lockPrefix(prefix, { timeout: 5 })).release();
    },
  );

  test("what a process left that died while it broke a lock goes with the next holder, and is waited for no longer than it may live", async () => {
    const guard = `${lockPath(prefix)}.breaking`;
    // It had removed the lock.
    mkdirSync(guard);
    (await lockPrefix(prefix, { timeout: 2 })).release();
    expect(existsSync(guard)).toBe(false);
    // It had not: it may be alive.
    mkdirSync(guard);
    writeFileSync(lockPath(prefix), JSON.stringify({ host: hostname(), pid: deadPid(), since: "x" }));
    await expect(lockPrefix(prefix, { timeout: 0.05 })).rejects.toMatchObject({ code: "locked" });
    const old = new Date(Date.now() - 60_000);
    utimesSync(guard, old, old);
    (await lockPrefix(prefix, { timeout: 20 })).release();
    expect(readdirSync(join(prefix, "conda-meta"))).toEqual([]);
  });

  test("a holder that lives is waited for, though it did not note when it was started", async () => {
    writeFileSync(lockPath(prefix), JSON.stringify({ host: hostname(), pid: process.pid, since: "x" }));
    await expect(lockPrefix(prefix, { timeout: 0.05 })).rejects.toMatchObject({ code: "locked" });
  });

  test("a holder on another machine counts as alive until it has not refreshed the lock for minutes", async () => {
    writeFileSync(lockPath(prefix), JSON.stringify({ host: "elsewhere", pid: 1, since: "x" }));
    await expect(lockPrefix(prefix, { timeout: 0.05 })).rejects.toMatchObject({
      code: "locked",
      message: expect.stringContaining("elsewhere"),
    });
    const old = new Date(Date.now() - 10 * 60_000);
    utimesSync(lockPath(prefix), old, old);
    (await lockPrefix(prefix, { timeout: 2 })).release();
  });

  test("a prefix that does not exist is locked beside its place; a directory without conda-meta is left without it", async () => {
    rmSync(prefix, { recursive: true });
    const beside = await lockPrefix(prefix, { timeout: 1 });
    expect(beside.path).toBe(join(root, ".env.taipan-lock"));
    beside.release();
    mkdirSync(prefix);
    (await lockPrefix(prefix, { timeout: 1 })).release();
    expect(existsSync(join(prefix, "conda-meta"))).toBe(false);
    expect(readdirSync(root)).toEqual(["env"]);
  });

  test("no two of many contenders hold it together", async () => {
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const lock = await lockPrefix(prefix, { timeout: 30 });
        most = Math.max(most, ++holders);
        await new Promise((resolve) => setTimeout(resolve, 3));
        holders--;
        lock.release();
      }),
    );
    expect(most).toBe(1);
  });

  test("conda-meta that another process removes, as it found it empty, is made again", async () => {
    rmSync(join(prefix, "conda-meta"), { recursive: true });
    const real = fs.writeFileSync;
    let removed = 0;
    fs.writeFileSync = ((...words: Parameters<typeof real>) => {
      if (removed === 0 && String(words[0]).startsWith(join(prefix, "conda-meta"))) {
        rmdirSync(join(prefix, "conda-meta"));
        removed++;
      }
      real(...words);
    }) as typeof real;
    syncBuiltinESMExports();
    onTestFinished(() => {
      fs.writeFileSync = real;
      syncBuiltinESMExports();
    });
    const lock = await lockPrefix(prefix, { timeout: 5 });
    expect([removed, lock.createdMeta]).toEqual([1, true]);
    lock.release();
  });
});

test.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
  "where the kernel makes the files up, none can be made: no word of a file that is not there",
  async () => {
    await expect(lockPrefix("/proc/env", { timeout: 5 })).rejects.toMatchObject({
      code: "permission-denied",
      message: "no file can be made in `/proc`",
    });
  },
);
