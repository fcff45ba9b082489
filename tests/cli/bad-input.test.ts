import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";

/** What every refusal has in common: one sentence that names the object, a non-zero exit, no stack, and nothing left behind. */
function expectRefusal(result: CliResult, ...named: (string | RegExp)[]): void {
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain("error:");
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(result.stderr).not.toContain("unexpected failure");
  for (const name of named)
    expect(result.stderr).toMatch(
      name instanceof RegExp ? name : new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")),
    );
}

describe("bad input", () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let channelDir: string;
  let good: BuiltPackage;
  let channel: string[];
  const create = (...args: string[]) => sandbox.taipan("create", "-n", "env", ...channel, "-y", ...args);
  const prefix = () => join(sandbox.root, "envs", "env");
  /** Names below the package cache, but for repodata. */
  const cached = () =>
    existsSync(join(sandbox.root, "pkgs"))
      ? readdirSync(join(sandbox.root, "pkgs")).filter((name) => !/^(cache$|CACHEDIR\.TAG$|urls)/.test(name))
      : [];

  beforeAll(async () => {
    good = await buildPackage({
      name: "good",
      version: "1.0",
      noarch: "generic",
      files: [{ path: "share/good.txt", content: "good ".repeat(5000) }],
    });
  });

  beforeEach(async () => {
    sandbox?.close();
    await server?.close();
    sandbox = createSandbox();
    channelDir = join(sandbox.dir, "channel");
    await writeChannel(
      channelDir,
      [
        good,
        await buildPackage({
          name: "left",
          version: "1.0",
          noarch: "generic",
          depends: ["good <1"],
          files: [],
        }),
        await buildPackage({
          name: "needs-missing",
          version: "1.0",
          noarch: "generic",
          depends: ["no-such-thing >=3"],
          files: [],
        }),
      ],
      { zst: false },
    );
    server = await startServer({ root: channelDir });
    channel = ["--override-channels", "-c", server.url];
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  it("an unknown package, with the nearest name", async () => {
    const result = await create("goood");
    expectRefusal(result, "goood", "hint:", "`good`");
    expect(existsSync(prefix())).toBe(false);
  });

  it("an unsatisfiable request", async () => {
    expectRefusal(await create("good", "left"), "left", "good");
    expectRefusal(await create("needs-missing"), "no-such-thing");
    const json = await create("good", "left", "--json");
    expect(json.json()).toMatchObject({ success: false, exception_name: "UnsatisfiableError" });
    expect(existsSync(prefix())).toBe(false);
  });

  it("an unreachable channel", async () => {
    const result = await sandbox.taipanWith(
      { env: { CONDA_REMOTE_MAX_RETRIES: "0" } },
      "create",
      "-n",
      "env",
      "--override-channels",
      "-c",
      "http://127.0.0.1:9/nowhere",
      "good",
      "-y",
    );
    expectRefusal(result, "http://127.0.0.1:9/nowhere");
  });

  it("a channel that is not there", async () => {
    const result = await sandbox.taipan(
      "create",
      "-n",
      "env",
      "--override-channels",
      "-c",
      `${server.url}/no-channel`,
      "good",
      "-y",
    );
    expectRefusal(result, `${server.url}/no-channel`, "hint:");
  });

  it("a corrupted and a truncated archive", async () => {
    for (const fault of [
      { match: good.fn, corruptAt: 700, times: 100 },
      { match: good.fn, silentCutAt: 300, times: 100 },
    ]) {
      server.faults.splice(0, server.faults.length, fault);
      const result = await sandbox.taipanWith(
        { env: { CONDA_REMOTE_MAX_RETRIES: "1", CONDA_REMOTE_BACKOFF_FACTOR: "1" } },
        "create",
        "-n",
        "env",
        ...channel,
        "good",
        "-y",
      );
      expectRefusal(result, good.fn);
      expect(existsSync(prefix())).toBe(false);
      expect(cached()).toEqual([]);
    }
  });

  it("a wrong size in repodata", async () => {
    const path = join(channelDir, "noarch", "repodata.json");
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace(
        new RegExp(`"size": ?${good.record.size}`),
        `"size":${(good.record.size ?? 0) + 1}`,
      ),
    );
    expectRefusal(await create("good"), good.fn);
    expect(cached()).toEqual([]);
  });

  it("malformed repodata", async () => {
    writeFileSync(join(channelDir, "noarch", "repodata.json"), '{"packages": {"a-1-0.conda": {"name": ');
    expectRefusal(await create("good"), "noarch", server.url);
  });

  it("a malformed environment.yml, with line and column", async () => {
    writeFileSync(join(sandbox.dir, "bad.yml"), "name: x\ndependencies:\n  - a\n - b\n");
    expectRefusal(await sandbox.taipan("env", "create", "-f", "bad.yml"), "bad.yml", /4[:,]|line 4/);
    expectRefusal(await sandbox.taipan("env", "create", "-f", "nowhere.yml"), "nowhere.yml");
    writeFileSync(join(sandbox.dir, "spec.yml"), "name: x\ndependencies:\n  - good\n  - 'good >=='\n");
    expectRefusal(await sandbox.taipan("env", "create", "-f", "spec.yml"), "spec.yml", /4[:,]|line 4/);
  });

  it("a package whose record would leave the cache", async () => {
    const path = join(channelDir, "noarch", "repodata.json");
    const repodata = JSON.parse(readFileSync(path, "utf8"));
    const list = repodata["packages.conda"];
    list["../../evil-1.0-0.conda"] = { ...list[good.fn], name: "../../evil", version: "1.0" };
    writeFileSync(path, JSON.stringify(repodata));
    const result = await create("good");
    expect(result.code).toBe(0);
    const evil = await create("../../evil");
    expect(evil.code).not.toBe(0);
    expect(existsSync(join(sandbox.dir, "evil-1.0-0"))).toBe(false);
  });

  it("a directory with files that is no environment", async () => {
    const home = join(sandbox.dir, "precious");
    mkdirSync(home);
    writeFileSync(join(home, "thesis.tex"), "years of work");
    expectRefusal(await sandbox.taipan("create", "-p", home, ...channel, "good", "-y"), home, "thesis.tex");
    expect(readdirSync(home)).toEqual(["thesis.tex"]);
    expectRefusal(await sandbox.taipan("env", "remove", "-p", home, "-y"), home);
    expect(readdirSync(home)).toEqual(["thesis.tex"]);
  });

  it("a name that is a path, and both -n and -p", async () => {
    expectRefusal(await sandbox.taipan("create", "-n", "a/b", ...channel, "good", "-y"), "a/b", "-p");
    expectRefusal(await sandbox.taipan("create", "-n", "a", "-p", "b", ...channel, "good", "-y"), "-n", "-p");
  });

  it("an environment that is not there", async () => {
    for (const args of [
      ["list", "-n", "nope"],
      ["run", "-n", "nope", "true"],
      ["env", "remove", "-n", "nope", "-y"],
      ["install", "-n", "nope", ...channel, "good", "-y"],
    ]) {
      expectRefusal(await sandbox.taipan(...args), "nope");
    }
  });

  it("a wrong option or command exits with 2 and says what is near", async () => {
    const option = await sandbox.taipan("create", "--dry-runn", "-n", "x");
    expect([option.code, option.stderr]).toEqual([2, expect.stringContaining("--dry-run")]);
    const command = await sandbox.taipan("creat");
    expect([command.code, command.stderr]).toEqual([2, expect.stringContaining("create")]);
  });

  it("no answer to a question off a terminal", async () => {
    const declined = await sandbox.taipanWith({ input: "no\n" }, "create", "-n", "env", ...channel, "good");
    expect([declined.code, existsSync(prefix())]).toEqual([1, false]);
    // Replacing an environment is nothing to guess.
    await create("good");
    const result = await sandbox.taipan("create", "-n", "env", ...channel);
    expectRefusal(result, "--yes");
    expect(existsSync(prefix())).toBe(true);
  });

  it("--offline with nothing cached opens no socket and says what is missing", async () => {
    const result = await create("good", "--offline");
    expectRefusal(result, server.url);
    expect(server.requests).toEqual([]);
  });
});
