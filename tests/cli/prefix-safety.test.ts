import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";

describe("what protects a prefix", () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let prefix: string;
  const taipan = (verb: string, ...args: string[]): Promise<CliResult> =>
    sandbox.taipan(verb, "-p", prefix, "-y", "--override-channels", "-c", server.url, ...args);
  const archives = (): string[] =>
    server.requests.map(({ path }) => path).filter((path) => path.endsWith(".conda"));

  beforeAll(async () => {
    sandbox = createSandbox();
    const generic = { noarch: "generic" as const };
    const script = '#!/bin/sh\necho ran > "$PREFIX/ran"\n';
    await writeChannel(join(sandbox.dir, "channel"), [
      await buildPackage({
        name: "a",
        version: "1.0",
        ...generic,
        files: [{ path: "share/a", content: "a" }],
      }),
      await buildPackage({
        name: "a",
        version: "2.0",
        ...generic,
        files: [{ path: "share/a", content: "aa" }],
      }),
      await buildPackage({
        name: "b",
        version: "1.0",
        ...generic,
        files: [{ path: "share/b", content: "b" }],
      }),
      await buildPackage({
        name: "scripted",
        version: "1.0",
        ...generic,
        files: [{ path: "bin/.scripted-post-link.sh", content: script, mode: 0o755 }],
      }),
    ]);
    server = await startServer({ root: join(sandbox.dir, "channel") });
  });
  afterAll(async () => {
    await server.close();
    sandbox.close();
  });
  let count = 0;
  beforeEach(async () => {
    prefix = join(sandbox.dir, `env-${count++}`);
    expect((await taipan("create", "a=1.0")).code).toBe(0);
    server.requests.length = 0;
  });

  it("a place that cannot be an environment is refused before packages of a list are fetched", async () => {
    const list = join(sandbox.dir, "list.txt");
    writeFileSync(list, `@EXPLICIT\n${server.url}/noarch/b-1.0-0.conda\n`);
    const file = join(sandbox.dir, "file");
    writeFileSync(file, "");
    const refused = await sandbox.taipan("create", "-y", "-p", join(file, "env"), "-f", list);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("is a file")]);
    expect(server.requests).toEqual([]);
    const taken = await sandbox.taipan("install", "-y", "-p", prefix, "-f", list);
    expect([taken.code, taken.stderr]).toEqual([0, expect.stringContaining("Fetched 1 package, ")]);
  });

  it("a frozen environment is refused before anything is fetched (CEP 22)", async () => {
    writeFileSync(join(prefix, "conda-meta/frozen"), '{"message": "ask the admins"}');
    const refused = await taipan("install", "b");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("ask the admins");
    expect(server.requests).toEqual([]);
    expect((await taipan("install", "b", "--dry-run")).code).toBe(0);
    expect((await sandbox.taipan("remove", "-p", prefix, "-y", "a")).code).not.toBe(0);
    expect((await taipan("install", "b", "--override-frozen")).code).toBe(0);
    expect(existsSync(join(prefix, "share/b"))).toBe(true);
  });

  it("link scripts run, are skipped, or make the package refused", async () => {
    const ran = (): boolean => existsSync(join(prefix, "ran"));
    const refused = await taipan("install", "scripted", "--link-scripts", "fail");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("link scripts");
    expect((await taipan("install", "scripted", "--link-scripts", "skip")).code).toBe(0);
    expect(ran()).toBe(false);
    expect((await taipan("install", "scripted", "--force-reinstall")).code).toBe(0);
    expect(ran()).toBe(true);
  });

  it("what a killed transaction left is taken back by the next command, also one that only shows", async () => {
    const journal = join(prefix, "conda-meta/.taipan-transaction");
    mkdirSync(join(journal, "new"), { recursive: true });
    mkdirSync(join(journal, "old"));
    // The package's record and file were moved away, then the process died.
    const out = ["share/a", "conda-meta/a-1.0-0.json", "conda-meta/history"];
    for (const [index, path] of out.entries())
      renameSync(join(prefix, path), join(journal, "old", String(index)));
    const state = { version: 1, state: "applying", fresh: false, createdMeta: false, out, in: [] };
    writeFileSync(join(journal, "journal.json"), JSON.stringify(state));
    const list = await sandbox.taipan("list", "-p", prefix, "--json");
    expect(list.json<{ name: string }[]>().map(({ name }) => name)).toEqual(["a"]);
    expect(readFileSync(join(prefix, "share/a"), "utf8")).toBe("a");
    expect(existsSync(journal)).toBe(false);
  });

  it("commands that change one environment at once leave what they would leave one after the other", async () => {
    const asked = ["a=1.0", "a=2.0", "b", "scripted"];
    const done = await Promise.all(asked.map((spec) => taipan("install", spec)));
    expect(done.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0, 0, 0]);
    const records = readdirSync(join(prefix, "conda-meta")).filter((name) => name.endsWith(".json"));
    const names = records.map((name) => name.split("-", 1)[0]);
    expect(names.sort()).toEqual(["a", "b", "scripted"]);
    expect((await sandbox.taipan("verify", "-p", prefix)).code).toBe(0);
  });

  it("what is left of an environment that nobody names again goes when another is made beside it", async () => {
    const beside = (name: string, ending: string) => join(sandbox.dir, `.${name}.taipan-${ending}`);
    const dead = spawnSync("true").pid;
    for (const [name, pid] of [
      ["killed", dead],
      ["alive", process.pid],
    ] as const) {
      mkdirSync(join(beside(name, "new"), "share"), { recursive: true });
      writeFileSync(beside(name, "lock"), JSON.stringify({ host: hostname(), pid, since: "x" }));
    }
    prefix = join(sandbox.dir, "beside");
    const made = await taipan("create", "a");
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining(join(sandbox.dir, "killed"))]);
    const left = readdirSync(sandbox.dir).filter((name) => /taipan-(new|lock)$/.test(name));
    expect(left.sort()).toEqual([".alive.taipan-lock", ".alive.taipan-new"]);
    for (const ending of ["new", "lock"]) rmSync(beside("alive", ending), { recursive: true });
  });

  it("a path that is too long is refused before anything is fetched", async () => {
    const long = join(sandbox.dir, "x".repeat(300));
    const refused = await sandbox.taipan(
      "create",
      "-p",
      long,
      "-y",
      "--override-channels",
      "-c",
      server.url,
      "b",
    );
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/too long/);
    expect(archives()).toEqual([]);
  });
});
