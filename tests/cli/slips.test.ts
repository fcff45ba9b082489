import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

/** What a hurried user types: each is answered with what they probably meant, and nothing is changed. */
describe("slips", () => {
  let sandbox: Sandbox;
  let channel: string[];
  const create = (...args: string[]) =>
    sandbox.taipan("create", "-n", "env", ...channel, "-y", "--dry-run", ...args);

  beforeAll(async () => {
    sandbox = createSandbox();
    const noarch = { version: "2.4.6", noarch: "generic" as const, files: [] };
    await writeChannel(join(sandbox.dir, "main"), [await buildPackage({ name: "numpy", ...noarch })]);
    await writeChannel(join(sandbox.dir, "extra"), [
      await buildPackage({ name: "numpy", ...noarch, version: "9" }),
    ]);
    mkdirSync(join(sandbox.dir, "sub"));
    channel = ["--override-channels", "-c", join(sandbox.dir, "main")];
  });
  afterAll(() => sandbox.close());

  it.each([
    [["numpy=>1.2"], "invalid match spec `numpy=>1.2`", "did you mean `numpy>=1.2`?"],
    [
      ["numpy-2.4.6"],
      "`numpy-2.4.6` is requested, which no channel has",
      "a version is written `numpy=2.4.6`",
    ],
    [["numpy:2.4"], "`numpy:` in `numpy:2.4` is ignored", "a version is written `numpy=2.4`"],
    [["__cuda>=12"], "which this system does not have", "CONDA_OVERRIDE_CUDA=VERSION solves"],
    [["numpy", "no-such", "--platform", "windows"], "`no-such` is requested", "did you mean `win-64`?"],
    [["-f", "sub"], "cannot read `", "check the spelling of the path"],
    [
      ["./environment.yml"],
      "invalid match spec `./environment.yml`",
      "to read a file, write `-f ./environment.yml`",
    ],
  ])("%j", async (args, message, hint) => {
    const result = await create(...args);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(message);
    expect(result.stderr).toContain(hint);
    expect(existsSync(join(sandbox.root, "envs"))).toBe(false);
  });

  it("an option without its value", async () => {
    const { code, stderr } = await sandbox.taipan("create", "-c");
    expect([code, stderr]).toEqual([2, "error: `-c, --channel` needs a value: <channel>\n"]);
  });

  it("a file whose dependencies are lost makes no empty environment", async () => {
    writeFileSync(join(sandbox.dir, "slip.yml"), "dependancies:\n  - numpy\n");
    const result = await create("-f", "slip.yml");
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("the key `dependancies` is ignored, and nothing else is asked for");
    expect(result.stderr).toContain("hint: did you mean `dependencies`?");
  });

  it("a channel that only a spec names is searched too, after the others", async () => {
    const extra = join(sandbox.dir, "extra");
    const named = (await create(`${extra}::numpy`, "--json")).json<{
      actions: { LINK: { version: string }[] };
    }>();
    expect(named.actions.LINK.map(({ version }) => version)).toEqual(["9"]);
    const plain = (await create("numpy", "--json")).json<{ actions: { LINK: { version: string }[] } }>();
    expect(plain.actions.LINK.map(({ version }) => version)).toEqual(["2.4.6"]);
  });
});
