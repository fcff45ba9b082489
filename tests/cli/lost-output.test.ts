import { execFileSync, spawn } from "node:child_process";
import { existsSync, openSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";
import { repoRoot } from "../support/shared.ts";

/** Readers that go, devices that are full, calls that hang: what becomes of the work, and of the process. */
let sandbox: Sandbox;
let channel: string[];

beforeAll(async () => {
  sandbox = createSandbox();
  const { url } = await writeWorld(join(sandbox.dir, "channel"));
  channel = ["-c", url, "--override-channels", "--yes"];
});
afterAll(() => sandbox.close());

const entry = join(repoRoot, "bin", "taipan.js");
const environment = () => ({
  ...process.env,
  ...FIXED_ENV,
  HOME: sandbox.home,
  MAMBA_ROOT_PREFIX: sandbox.root,
});
const isEnvironment = (name: string) =>
  existsSync(join(sandbox.root, "envs", name, "conda-meta", "app-2.0-0.json"));

function start(args: string[], stdout: "pipe" | number = "pipe") {
  const child = spawn(process.execPath, [entry, ...args], {
    env: environment(),
    stdio: ["ignore", stdout, "pipe"],
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal })),
  );
  return { child, ended };
}

it("makes the environment though nobody reads what is told about it", async () => {
  const { child, ended } = start(["create", "-n", "unread", "app", ...channel]);
  child.stdout!.destroy();
  child.stderr!.destroy();
  expect(await ended).toEqual({ code: 0, signal: null });
  expect(isEnvironment("unread")).toBe(true);
  const left = readdirSync(join(sandbox.root, "envs"));
  expect(left.filter((name) => name.startsWith("."))).toEqual([]);
});

it("keeps the exit code of a failure that nobody reads of", async () => {
  const { child, ended } = start(["create", "-n", "never", "no-such-package", ...channel]);
  child.stdout!.destroy();
  child.stderr!.destroy();
  expect(await ended).toEqual({ code: 1, signal: null });
});

it.runIf(existsSync("/dev/full"))("fails when its output cannot be written, with the work done", async () => {
  const { child, ended } = start(["create", "-n", "full", "app", ...channel], openSync("/dev/full", "w"));
  let errors = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  expect((await ended).code, errors).toBe(1);
  expect(errors).toMatch(/error: cannot write to stdout: ENOSPC/);
  expect(isEnvironment("full")).toBe(true);
});

it.skipIf(process.platform === "win32")("ends at the second signal though a call hangs", async () => {
  const fifo = join(sandbox.dir, "never-written.yml");
  execFileSync("mkfifo", [fifo]);
  const { child, ended } = start(["create", "-n", "stuck", "-f", fifo, ...channel]);
  // Opens as soon as the command reads, which then waits for bytes that never come.
  const writer = await open(fifo, "w");
  child.kill("SIGTERM");
  await sleep(500);
  expect(child.signalCode).toBe(null);
  // Two that come while the process has no processor are one: as somebody at a terminal, who presses again.
  while (child.kill("SIGTERM")) await sleep(500);
  expect(await ended).toEqual({ code: null, signal: "SIGTERM" });
  await writer.close();
});
