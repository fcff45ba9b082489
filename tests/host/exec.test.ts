import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { exec } from "../../src/host/exec.ts";
import { spawnAttached, spawnDetached } from "../../src/host/spawn.ts";

const env = { PATH: process.env["PATH"] };

describe.runIf(process.platform !== "win32")("exec", () => {
  it("returns output and exit code, and passes arguments untouched", async () => {
    const result = await exec(
      "sh",
      ["-c", 'printf "%s|" "$@"; echo err >&2; exit 3', "x", "a b", "$(id)", "'"],
      { env },
    );
    expect(result).toMatchObject({
      code: 3,
      signal: null,
      stdout: "a b|$(id)|'|",
      stderr: "err\n",
      timedOut: false,
    });
  });

  it("feeds input, even to a program that does not read it", async () => {
    expect((await exec("cat", [], { env, input: "hello" })).stdout).toBe("hello");
    expect((await exec("true", [], { env, input: "x".repeat(1 << 20) })).code).toBe(0);
  });

  it("kills at the timeout although a grandchild holds the pipe", async () => {
    const result = await exec("sh", ["-c", "sleep 30 & echo started; sleep 30"], { env, timeout: 300 });
    expect(result.timedOut).toBe(true);
    expect(result.signal).toBe("SIGKILL");
  });

  it("throws interrupted when aborted", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    await expect(exec("sleep", ["30"], { env, signal: abort.signal })).rejects.toMatchObject({
      code: "interrupted",
    });
  });

  it("names a program that does not exist", async () => {
    await expect(exec("no-such-program", [], { env })).rejects.toMatchObject({
      code: "io-error",
      message: "cannot run `no-such-program`: it was not found",
    });
  });

  it("keeps no more than the limit", async () => {
    const result = await exec("sh", ["-c", "head -c 100000 /dev/zero"], { env, maxBuffer: 10 });
    expect(result.stdout.length).toBe(10);
  });
});

describe.runIf(process.platform !== "win32")("a process group", () => {
  const scratch = () => mkdtempSync(join(tmpdir(), "taipan-group-"));
  const writer = 'while :; do date +%N > "$1/alive"; sleep 0.02; done';
  const isAlive = async (directory: string): Promise<boolean> => {
    const before = readFileSync(join(directory, "alive"), "utf8");
    await sleep(300);
    return readFileSync(join(directory, "alive"), "utf8") !== before;
  };

  it("is named before the program begins; the program has its arguments", async () => {
    const directory = scratch();
    const groupFile = join(directory, "group");
    const text = 'cat "$1"; printf "%s|" $$ "$2"; wait; exit 5';
    const result = await exec("/bin/sh", ["-c", text, "x", groupFile, "a b"], { env, groupFile });
    expect(result.code).toBe(5);
    const pid = result.stdout.split("\n", 1)[0];
    expect(pid).toMatch(/^\d+$/);
    expect(result.stdout).toBe(`${pid}\n${pid}|a b|`);
  });

  it("is killed as a whole with the signal", async () => {
    const directory = scratch();
    const abort = new AbortController();
    const running = exec("/bin/sh", ["-c", `(${writer}) & ${writer}`, "x", directory], {
      env,
      groupFile: join(directory, "group"),
      signal: abort.signal,
    });
    await expect.poll(() => existsSync(join(directory, "alive"))).toBe(true);
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: "interrupted" });
    await expect.poll(() => isAlive(directory)).toBe(false);
  });

  it("keeps what the program left running when it ended", async () => {
    const directory = scratch();
    const groupFile = join(directory, "group");
    const text = `(${writer}) >/dev/null 2>&1 & echo $!`;
    const { stdout } = await exec("/bin/sh", ["-c", text, "x", directory], { env, groupFile });
    await expect.poll(() => existsSync(join(directory, "alive"))).toBe(true);
    await expect.poll(() => isAlive(directory)).toBe(true);
    process.kill(Number(stdout), "SIGKILL");
  });
});

describe.runIf(process.platform !== "win32")("spawnAttached", () => {
  it("returns the exit code, or 128 plus the signal", async () => {
    expect(await spawnAttached("sh", ["-c", "exit 42"], { env })).toBe(42);
    expect(await spawnAttached("sh", ["-c", "kill -TERM $$"], { env })).toBe(143);
  });

  it("passes signals on to the child and reports its exit code", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "taipan-spawn-")), "ready");
    const done = spawnAttached(
      "sh",
      ["-c", `trap 'exit 7' TERM; : > ${file}; while :; do sleep 0.05; done`],
      { env },
    );
    while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 10));
    process.emit("SIGTERM", "SIGTERM");
    expect(await done).toBe(7);
  });

  it("leaves no signal handler behind", async () => {
    const before = process.listenerCount("SIGTERM");
    await spawnAttached("true", [], { env });
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });
});

describe.runIf(process.platform !== "win32")("spawnDetached", () => {
  it("returns the process id of a running program", async () => {
    const pid = await spawnDetached("sleep", ["30"], { env });
    expect(process.kill(pid, "SIGKILL")).toBe(true);
    await expect(spawnDetached("no-such-program", [], { env })).rejects.toMatchObject({ code: "io-error" });
  });
});
