import { realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";

let sandbox: Sandbox;
const inWorkflow = (...args: string[]) =>
  sandbox.taipanWith({ env: { GITHUB_ACTIONS: "true" } }, "create", "-y", "--offline", ...args);
const commands = (stderr: string) => stderr.split("\n").filter((line) => line.startsWith("::"));

beforeAll(() => {
  sandbox = createSandbox();
  writeFileSync(join(sandbox.dir, "a,b.yml"), "name: x\ndependencies:\n  - python\n - numpy\n");
});
afterAll(() => sandbox.close());

it("a step of a GitHub workflow shows a failure at its run, beside the line that is wrong", async () => {
  const { code, stderr } = await inWorkflow("-f", "a,b.yml");
  expect(code).toBe(1);
  expect(stderr).toContain("error: `a,b.yml`, line 4, column 1: the line is indented in another way");
  const file = join(realpathSync(sandbox.dir), "a%2Cb.yml");
  expect(commands(stderr)).toEqual([
    expect.stringMatching(/^::error file=.*,line=4,col=1,title=taipan::`a,b\.yml`, line 4, column 1: /),
  ]);
  expect(stderr).toContain(`file=${file},`);
});

it("nothing is annotated with --json, with --json-events, and elsewhere", async () => {
  for (const flag of ["--json", "--json-events"])
    expect(commands((await inWorkflow("-f", "a,b.yml", flag)).stderr)).toEqual([]);
  const { stderr } = await sandbox.taipan("create", "-y", "-f", "a,b.yml");
  expect(commands(stderr)).toEqual([]);
});

it("a wrong command line is annotated, too", async () => {
  const { code, stderr } = await inWorkflow("--dryrun");
  expect(code).toBe(2);
  expect(commands(stderr)).toEqual([
    "::error title=taipan::unknown option `--dryrun` (did you mean `--dry-run`?)",
  ]);
});

it("no text of others is a command of the workflow", async () => {
  const { code, stderr } = await inWorkflow("-n", "x", "numpy[version='1\n::add-mask::o\n ##[add-mask]o']");
  expect(code).not.toBe(0);
  expect(stderr).toContain("add-mask");
  expect(stderr.split("\n").filter((line) => /^\s*(::(?!error )|##\[)/.test(line))).toEqual([]);
});
