import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { repoRoot } from "../support/shared.ts";

let sandbox: Sandbox;
let prefix: string;

beforeAll(() => {
  sandbox = createSandbox();
  prefix = join(sandbox.root, "envs", "sci");
  for (const dir of ["conda-meta", "bin"]) mkdirSync(join(prefix, dir), { recursive: true });
  writeFileSync(join(prefix, "conda-meta", "history"), "");
  writeFileSync(join(prefix, "bin", "tool"), '#!/bin/sh\necho "tool: $*"\n', { mode: 0o755 });
});
afterAll(() => sandbox.close());

const run = (...args: string[]) => sandbox.taipan("run", "-n", "sci", ...args);

/** Waits for a condition that another process makes true. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (await condition()) return;
    await sleep(25);
  }
  throw new Error("it did not come about");
}

describe("run", () => {
  it("takes options up to the program and leaves the rest to it", async () => {
    expect((await run("tool", "-n", "x", "--json", "--", "-e")).stdout).toBe("tool: -n x --json -- -e\n");
    expect((await run("--no-capture-output", "tool", "a  b")).stdout).toBe("tool: a  b\n");
    expect((await run("--live-stream", "tool")).stdout).toBe("tool: \n");
    expect((await sandbox.taipan("run", "-p", prefix, "--", "tool", "x")).stdout).toBe("tool: x\n");
    expect((await sandbox.taipan("-n", "sci", "run", "tool", "x")).stdout).toBe("tool: x\n");
  });

  it("passes exit codes on, and says like a shell that there is no such program", async () => {
    expect((await run("sh", "-c", "exit 42")).code).toBe(42);
    expect((await run("sh", "-c", "kill -KILL $$")).code).toBe(137);
    const missing = await run("no-such-program");
    expect([missing.code, missing.stdout]).toEqual([127, ""]);
    expect(missing.stderr).toContain("`no-such-program`");
    writeFileSync(join(prefix, "bin", "plain"), "#!/bin/sh\n", { mode: 0o644 });
    expect((await run(join(prefix, "bin", "plain"))).code).toBe(126);
    expect((await sandbox.taipan("run", "-n", "nope", "true")).code).toBe(1);
    expect((await run()).code).toBe(2);
    expect((await run("--cwd", "/no/such/dir", "pwd")).code).toBe(2);
  });

  it("passes standard input and output through, or not", async () => {
    const echo = await sandbox.taipanWith(
      { input: "in\n" },
      "run",
      "-n",
      "sci",
      "sh",
      "-c",
      "cat; echo err >&2",
    );
    expect([echo.stdout, echo.stderr]).toEqual(["in\n", "err\n"]);
    const script = 'read -r line; echo "out $line"; echo err >&2';
    const only = await sandbox.taipanWith(
      { input: "in\n" },
      "run",
      "-n",
      "sci",
      "-a",
      "stdin,stderr",
      "sh",
      "-c",
      script,
    );
    expect([only.stdout, only.stderr]).toEqual(["", "err\n"]);
    const none = await sandbox.taipanWith(
      { input: "in\n" },
      "run",
      "-n",
      "sci",
      "--attach",
      "",
      "sh",
      "-c",
      script,
    );
    expect([none.stdout, none.stderr]).toEqual(["", ""]);
    const noInput = await sandbox.taipanWith(
      { input: "in\n" },
      "run",
      "-n",
      "sci",
      "-a",
      "stdout",
      "sh",
      "-c",
      "cat; echo done",
    );
    expect(noInput.stdout).toBe("done\n");
    expect((await run("-a", "stdwhat", "true")).code).toBe(2);
  });

  it("sets directory and variables", async () => {
    mkdirSync(join(sandbox.dir, "sub"), { recursive: true });
    const show = 'echo "$PWD|$A|$B|$CONDA_DEFAULT_ENV|$CONDA_PREFIX|$HOME"';
    const result = await sandbox.taipanWith(
      { env: { A: "outer", B: "b" } },
      "run",
      "-n",
      "sci",
      "--cwd",
      "sub",
      "-e",
      "A=in=ner",
      "sh",
      "-c",
      show,
    );
    expect(result.stdout).toBe(`${join(sandbox.dir, "sub")}|in=ner|b|sci|${prefix}|${sandbox.home}\n`);
    const clean = await sandbox.taipanWith(
      { env: { A: "outer", B: "b" } },
      "run",
      "-n",
      "sci",
      "--clean-env",
      "-e",
      "B",
      "sh",
      "-c",
      show,
    );
    expect(clean.stdout).toBe(`${sandbox.dir}||b|sci|${prefix}|\n`);
    expect((await run("-e", "1BAD=x", "true")).code).toBe(2);
  });

  it("starts in the root prefix without a name, also inside an active environment of another tool", async () => {
    const base = await sandbox.taipan("run", "sh", "-c", 'echo "$CONDA_DEFAULT_ENV"');
    expect(base.stdout).toBe("base\n");
    const active = { env: { CONDA_PREFIX: prefix, CONDA_SHLVL: "2", CONDA_DEFAULT_ENV: "sci" } };
    const here = await sandbox.taipanWith(
      active,
      "run",
      "sh",
      "-c",
      'echo "$CONDA_DEFAULT_ENV $CONDA_SHLVL"',
    );
    expect(here.stdout).toBe("sci 1\n");
  });

  it("gives signals to the program and waits for what it makes of them", async () => {
    const script = 'trap "echo got TERM; exit 9" TERM; echo ready; while :; do sleep 0.05; done';
    const child = spawn(
      process.execPath,
      [join(repoRoot, "bin", "taipan.js"), "run", "-n", "sci", "sh", "-c", script],
      {
        env: { PATH: process.env["PATH"], HOME: sandbox.home, MAMBA_ROOT_PREFIX: sandbox.root },
      },
    );
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (text.includes("ready")) child.kill("SIGTERM");
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect([code, out]).toEqual([9, "ready\ngot TERM\n"]);
  });
});

describe("ps", () => {
  it("lists and stops programs, by label and by id, and forgets those that ended", async () => {
    const mark = join(sandbox.dir, "stopped");
    const script = `trap "touch '${mark}'; exit" TERM; while :; do sleep 0.05; done`;
    const started = await run("-d", "--label", "server", "sh", "-c", script);
    expect([started.code, started.stdout]).toEqual([0, ""]);
    expect(started.stderr).toContain("ps stop server");
    const taken = await run("--detach", "--label", "server", "true");
    expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining("taken")]);
    const { processes } = (await sandbox.taipan("ps", "--json")).json<{
      processes: { pid: number; name: string; prefix: string }[];
    }>();
    expect(processes).toMatchObject([
      { name: "server", prefix, detached: true, command: ["sh", "-c", script] },
    ]);
    expect((await sandbox.taipan("ps", "list")).stdout).toContain("server");
    expect((await sandbox.taipan("ps", "stop", "sever")).stderr).toContain("did you mean `server`?");
    expect((await sandbox.taipan("ps", "stop", "server")).code).toBe(0);
    await until(() => existsSync(mark));
    await until(
      async () => (await sandbox.taipan("ps", "--json")).stdout.replace(/\s/g, "") === '{"processes":[]}',
    );
    const again = await run("-d", "sleep", "60");
    const pid = /process (\d+)/.exec(again.stderr)?.[1] ?? "";
    expect((await sandbox.taipan("ps", "stop", pid, "--json")).json()).toMatchObject({
      success: true,
      name: `sleep-${pid}`,
    });
  });

  it("does not take another process for one that ended", async () => {
    const registry = join(sandbox.home, ".cache", "taipan", "proc");
    mkdirSync(registry, { recursive: true });
    const entry = (pid: number, started: string) =>
      JSON.stringify({ pid, name: `forged-${pid}`, prefix, command: ["x"], detached: true, started });
    writeFileSync(join(registry, `${process.pid}.json`), entry(process.pid, "1"));
    writeFileSync(join(registry, "0.json"), entry(0, "1"));
    writeFileSync(join(registry, "7.json"), "not json");
    expect((await sandbox.taipan("ps", "stop", `forged-${process.pid}`)).code).toBe(2);
    expect((await sandbox.taipan("ps", "--json")).json()).toEqual({ processes: [] });
    expect(existsSync(join(registry, "7.json"))).toBe(false);
  });
});

describe("env config vars", () => {
  const vars = (action: string, ...words: string[]) =>
    sandbox.taipan("env", "config", "vars", action, "-n", "sci", ...words);

  it("sets, lists and unsets variables that programs then see", async () => {
    expect((await vars("set", "DATA=/a b", "EMPTY=", "EQ=a=b")).code).toBe(0);
    expect((await vars("list")).stdout).toBe("DATA = /a b\nEMPTY = \nEQ = a=b\n");
    expect((await vars("list", "--json")).json()).toEqual({ DATA: "/a b", EMPTY: "", EQ: "a=b" });
    expect((await run("sh", "-c", 'echo "$DATA|$EQ"')).stdout).toBe("/a b|a=b\n");
    const unset = await vars("unset", "DATA", "NOPE");
    expect([unset.code, unset.stderr]).toEqual([0, expect.stringContaining("`NOPE` is not set")]);
    expect(JSON.parse(readFileSync(join(prefix, "conda-meta", "state"), "utf8"))).toMatchObject({
      env_vars: { EMPTY: "", EQ: "a=b" },
    });
  });

  it("refuses what is no variable, and frozen environments", async () => {
    for (const word of ["NOVALUE", "1X=2", "A B=c", "=x"])
      expect((await vars("set", "OK=1", word)).code).toBe(2);
    expect((await vars("list")).stdout).not.toContain("OK");
    expect((await vars("set")).code).toBe(2);
    const frozen = join(prefix, "conda-meta", "frozen");
    writeFileSync(frozen, "");
    onTestFinished(() => rmSync(frozen));
    expect((await vars("set", "OK=1")).stderr).toContain("frozen");
  });
});

it("self-update says how", async () => {
  const result = await sandbox.taipan("self-update");
  expect([result.code, result.stderr]).toEqual([
    2,
    expect.stringContaining("git pull && npm install --global ."),
  ]);
  const named = await sandbox.taipan("self-update", "--version", "9.1");
  expect(named.stderr).toContain("does not update itself to 9.1");
});
