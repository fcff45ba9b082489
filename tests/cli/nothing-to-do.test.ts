import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";

/** Requests that change no package: what is said, asked and written. */
let sandbox: Sandbox;
const channel: string[] = [];
const run = (...args: string[]) => sandbox.taipanWith({ env: FIXED_ENV }, ...args, "-n", "env", ...channel);
const meta = (name: string) => readFileSync(join(sandbox.root, "envs", "env", "conda-meta", name), "utf8");

beforeAll(async () => {
  sandbox = createSandbox();
  const { url } = await writeWorld(join(sandbox.dir, "channel"));
  channel.push("-c", url, "--override-channels");
  await run("create", "app", "--yes");
});
afterAll(() => sandbox.close());

it("names what cannot be updated because it is not there", async () => {
  const result = await run("update", "tool");
  expect([result.code, result.stderr]).toEqual([0, expect.stringContaining("`tool` is not installed")]);
  expect(result.stderr).toMatch(/`install` adds it\nNothing to do\.\n$/);
  expect(result.stderr).not.toContain("everything asked for is installed");
});

it("asks nothing where a dependency becomes a wish, and remembers it", async () => {
  const dry = await run("install", "libx", "--dry-run");
  expect(dry.stderr).toMatch(/from now on: `libx`\n\nDry run: nothing was changed\.\n$/);
  expect(meta("history")).not.toContain(`["libx"]`);
  const result = await run("install", "libx");
  expect(result.code, result.stderr).toBe(0);
  expect(result.stderr).toMatch(/Nothing to install; asked for by name from now on: `libx`\n$/);
  expect(result.stderr + result.stdout).not.toMatch(/Confirm|Linked|Summary/);
  const record = readdirSync(join(sandbox.root, "envs", "env", "conda-meta")).find((name) =>
    /^libx/.test(name),
  );
  expect(JSON.parse(meta(record!))).toMatchObject({ requested_specs: ["libx"] });
  expect(meta("history")).toContain('# update specs: ["libx"]');
  expect((await run("install", "libx")).stderr).toContain(
    "Nothing to do: everything asked for is installed.",
  );
});
