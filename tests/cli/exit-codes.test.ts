import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { runAs } from "../support/names.ts";
import { repoRoot } from "../support/shared.ts";

/** Every row of README's table of exit codes, by a command that ends so. */
let sandbox: Sandbox;
let silent: ChannelServer;

beforeAll(async () => {
  sandbox = createSandbox();
  silent = await startServer({ handler: () => true });
  expect((await sandbox.taipan("create", "-n", "e")).code).toBe(0);
});
afterAll(async () => {
  await silent.close();
  sandbox.close();
});

describe("exit codes", () => {
  it("are those of the table", () => {
    const section = readFileSync(join(repoRoot, "README.md"), "utf8")
      .split("### Exit codes")[1]!
      .split("\n#")[0]!;
    expect([...section.matchAll(/^\| (\d+|other) \|/gm)].map(([, code]) => code)).toEqual([
      ...["0", "1", "2", "130", "other"],
    ]);
  });

  it("0: done, or nothing to do, or nothing asked", async () => {
    expect((await sandbox.taipan("list", "-n", "e")).code).toBe(0);
    expect((await sandbox.taipan("remove", "-n", "e", "--yes", "nosuch")).code).toBe(0);
    for (const name of ["conda", "micromamba", "taipan"]) {
      const { code, stdout } = await runAs(sandbox, name, []);
      expect([code, stdout]).toEqual([0, expect.stringContaining(`${name} COMMAND --help`)]);
    }
  });

  it("1: failed; 2: the command line is wrong", async () => {
    expect((await sandbox.taipan("list", "-n", "nowhere")).code).toBe(1);
    for (const words of [
      ["nosuch"],
      ["list", "--nosuch"],
      ["env"],
      ["create", "-n", "a", "-p", "b", "--clone"],
    ])
      expect((await sandbox.taipan(...words)).code, words.join(" ")).toBe(2);
  });

  it("130: interrupted", async () => {
    const result = await sandbox.taipanWith(
      { kill: { after: /Loading/, signal: "SIGINT" } },
      ...["create", "-n", "never", "x", "-c", silent.url, "--override-channels", "--yes"],
    );
    expect(result.code, result.stderr).toBe(130);
  });

  it.runIf(process.platform !== "win32")("of `run`: the program's", async () => {
    writeFileSync(join(sandbox.dir, "plain"), "");
    const code = async (...words: string[]) => (await sandbox.taipan("run", "-n", "e", ...words)).code;
    expect(await code("sh", "-c", "exit 7")).toBe(7);
    expect(await code("./plain")).toBe(126);
    expect(await code("nosuch-program")).toBe(127);
    expect(await code("sh", "-c", "kill -TERM $$")).toBe(143);
  });
});
