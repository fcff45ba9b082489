import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { runAs as runByName } from "../support/names.ts";
import { repoRoot } from "../support/shared.ts";

let sandbox: Sandbox;
let channel: string;

beforeAll(async () => {
  sandbox = createSandbox();
  const dir = join(sandbox.dir, "channel");
  const noarch = "generic" as const;
  const file = (name: string, version: string) => [{ path: `share/${name}`, content: version }];
  await writeChannel(dir, [
    await buildPackage({ name: "lib", version: "1.0", noarch, files: file("lib", "1.0") }),
    await buildPackage({ name: "lib", version: "2.0", noarch, files: file("lib", "2.0") }),
    await buildPackage({ name: "app", version: "1.0", noarch, depends: ["lib"], files: file("app", "1.0") }),
  ]);
  channel = `file://${dir}`;
});
afterAll(() => sandbox.close());

/** Where the configuration names no other channel than ours. */
const runAs = (name: string, args: readonly string[], env: Record<string, string> = {}) =>
  runByName(sandbox, name, args, { CONDA_CHANNELS: channel, ...env });

const prefixOf = (name: string) => join(sandbox.root, "envs", name);
const installed = (name: string, file: string) => existsSync(join(prefixOf(name), "share", file));

describe("what images and scripts run, unchanged", () => {
  it("micromamba's image: install into a base that is not there yet, then clean", async () => {
    writeFileSync(
      join(sandbox.dir, "env.yml"),
      `name: base\nchannels: ["${channel}"]\ndependencies: [app]\n`,
    );
    const install = await runAs("micromamba", ["install", "-y", "-n", "base", "-f", "env.yml"]);
    expect(install.stderr).not.toContain("error");
    expect(install.code).toBe(0);
    expect(install.stdout).toMatch(/\nTransaction finished\n$/);
    expect(readFileSync(join(sandbox.root, "share", "app"), "utf8")).toBe("1.0");
    expect((await runAs("micromamba", ["clean", "--all", "--yes"])).code).toBe(0);
    expect(existsSync(join(sandbox.root, "share", "app"))).toBe(true);
    // The image's entry point evaluates this, with MAMBA_DOCKERFILE_ACTIVATE=1.
    const hook = await runAs("micromamba", ["shell", "hook", "--shell=bash"]);
    expect(hook.stdout).toContain("micromamba() {");
    const more = await runAs("micromamba", [
      "install",
      "-y",
      "-n",
      "base",
      "-c",
      channel,
      "--override-channels",
      "lib=1",
    ]);
    expect(more.code).toBe(0);
    expect(readFileSync(join(sandbox.root, "share", "lib"), "utf8")).toBe("1.0");
  });

  it.runIf(process.getuid?.() === 0)("a user that nobody made an account for, without HOME", ({ skip }) => {
    const env = { PATH: process.env["PATH"], MAMBA_ROOT_PREFIX: sandbox.root };
    const options = { uid: 54321, gid: 54321, cwd: "/", env, encoding: "utf8" } as const;
    const script = join(repoRoot, "bin", "taipan.js");
    const readable = 'test -x "$0" && test -r "$1"';
    if (spawnSync("sh", ["-c", readable, process.execPath, script], options).status !== 0) {
      process.stderr.write(`skipped: only root may read ${process.execPath} or ${script}\n`);
      return skip();
    }
    const run = spawnSync(process.execPath, [script, "config", "list", "root_prefix"], options);
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(run.stdout).toContain(`root_prefix: ${sandbox.root}`);
  });

  it("conda's: env create with the file that is there, update --prune, remove --all", async () => {
    writeFileSync(
      join(sandbox.dir, "environment.yml"),
      `name: conda-env\nchannels: ["${channel}"]\ndependencies: [app]\n`,
    );
    const create = await runAs("conda", ["env", "create", "--quiet", "--override-channels", "--yes"]);
    expect([create.code, create.stdout]).toEqual([0, ""]);
    expect(installed("conda-env", "app")).toBe(true);
    writeFileSync(
      join(sandbox.dir, "environment.yml"),
      `name: conda-env\nchannels: ["${channel}"]\ndependencies: [lib]\n`,
    );
    const update = await runAs("conda", [
      "env",
      "update",
      "-n",
      "conda-env",
      "--file",
      "environment.yml",
      "--prune",
      "-q",
    ]);
    expect(update.code).toBe(0);
    expect(installed("conda-env", "app")).toBe(false);
    expect((await runAs("conda", ["remove", "-n", "conda-env", "--all", "--yes"])).code).toBe(0);
    expect(existsSync(prefixOf("conda-env"))).toBe(false);
  });

  it("Snakemake's calls", async () => {
    writeFileSync(join(sandbox.dir, "F.yaml"), `channels: ["${channel}"]\ndependencies: [app]\n`);
    const prefix = join(sandbox.dir, "smk");
    const create = await runAs(
      "conda",
      ["env", "create", "--quiet", "--no-default-packages", "--file", "F.yaml", "--prefix", prefix],
      {
        CONDA_CREATE_DEFAULT_PACKAGES: "no-such-package",
        CONDA_ALWAYS_YES: "1",
      },
    );
    expect(create.stderr).not.toContain("error");
    expect(create.code).toBe(0);
    expect((await runAs("conda", ["--version"])).stdout).toMatch(/^conda \d+\.\d+\.\d+\n$/);
    const info = JSON.parse((await runAs("conda", ["info", "--json"])).stdout) as Record<string, unknown>;
    expect(info).toMatchObject({
      conda_prefix: sandbox.root,
      platform: expect.any(String),
      envs: expect.any(Array),
    });
    expect((await runAs("conda", ["clean", "-y", "--tarballs", "--packages"])).code).toBe(0);
  });
});

describe("spellings", () => {
  it("takes options before, between and behind the words of a command", async () => {
    for (const words of [
      ["--json", "env", "list"],
      ["env", "--json", "list"],
      ["env", "list", "--json"],
      ["-r", sandbox.root, "env", "list", "--json"],
    ]) {
      const result = await sandbox.taipan(...words);
      expect(result.json(), words.join(" ")).toHaveProperty("envs");
    }
  });

  it("takes conda's short forms", async () => {
    const dry = await sandbox.taipan(
      "create",
      "-n",
      "dry",
      "-c",
      channel,
      "--override-channels",
      "app",
      "-d",
      "--json",
    );
    expect(dry.json()).toMatchObject({ success: true, dry_run: true });
    expect(
      (
        await sandbox.taipan(
          "create",
          "-yqn",
          "short",
          "-c",
          channel,
          "--override-channels",
          "app",
          "--copy",
          "--no-shortcuts",
        )
      ).code,
    ).toBe(0);
    expect(installed("short", "app")).toBe(true);
    expect((await sandbox.taipan("info", "-a")).stdout).toContain(prefixOf("short"));
    expect((await sandbox.taipan("clean", "-tipsy")).code).toBe(0);
    expect((await sandbox.taipan("clean", "-afy", "--dry-run")).code).toBe(0);
  });

  it("takes `clean -l` for locks or for log files, by the name it is run by", async () => {
    const pkgs = join(sandbox.root, "pkgs");
    mkdirSync(join(pkgs, ".logs"), { recursive: true });
    const log = join(pkgs, ".logs", "fetch.log");
    const lock = join(pkgs, "left.lock");
    for (const path of [log, lock]) writeFileSync(path, "");
    expect((await sandbox.taipan("clean", "-l", "-y")).code).toBe(0);
    expect([existsSync(log), existsSync(lock)]).toEqual([true, false]);
    writeFileSync(lock, "");
    expect((await runAs("conda", ["clean", "-ly"])).code).toBe(0);
    expect([existsSync(log), existsSync(lock)]).toEqual([false, true]);
  });

  it("answers --version as each tool does", async () => {
    expect((await runAs("micromamba", ["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const own = (
      JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { version: string }
    ).version;
    expect((await sandbox.taipan("--version")).stdout).toBe(`${own}\n`);
  });

  it("says which options change nothing", async () => {
    const same = ["create", "-n", "x", "-c", channel, "--override-channels", "app", "--dry-run"];
    const solver = await sandbox.taipan(...same, "--solver", "libmamba");
    expect([solver.code, solver.stderr]).toEqual([
      0,
      expect.stringContaining("`--solver` has no effect: there is one solver"),
    ]);
    expect((await sandbox.taipan(...same, "--solver=classic", "--log-level", "error")).stderr).not.toContain(
      "no effect",
    );
    // What they ask for is always so.
    const granted = await sandbox.taipan(...same, "--no-plugins", "--ssl-no-revoke");
    expect([granted.code, granted.stderr]).toEqual([0, expect.not.stringContaining("no effect")]);
    const verbose = await sandbox.taipan(...same, "--debug");
    expect(verbose.code).toBe(0);
  });
});

describe("configuration keys that rule what is installed", () => {
  const create = (name: string, env: Record<string, string>, ...words: string[]) =>
    sandbox.taipanWith({ env }, "create", "-n", name, "--json", "--dry-run", ...words);

  it("refuses channels by allowlist and denylist, whatever names them", async () => {
    const rc = join(sandbox.home, ".condarc");
    for (const [key, says] of [
      [`denylist_channels: ["${channel}"]`, "denied"],
      ["allowlist_channels: [conda-forge]", "not among"],
    ] as const) {
      writeFileSync(rc, `${key}\n`);
      const byName = await create("a", {}, "-c", `${channel}/`, "--override-channels", "app");
      expect([byName.code, byName.stderr]).toEqual([1, expect.stringContaining(says)]);
      const byUrl = await create("a", {}, `${channel}/noarch/lib-1.0-0.conda`);
      expect([byUrl.code, byUrl.stderr]).toEqual([1, expect.stringContaining(says)]);
    }
    writeFileSync(
      rc,
      `allowlist_channels: ["${channel}"]\noverride_channels_enabled: false\nchannels: ["${channel}"]\n`,
    );
    expect((await create("a", {}, "app")).code).toBe(0);
    expect((await create("a", {}, "app", "--override-channels")).code).toBe(2);
    writeFileSync(rc, "");
  });

  it("finds other versions than disallowed ones, and refuses their URLs", async () => {
    const rules = { CONDA_DISALLOWED_PACKAGES: "lib>=2" };
    const solved = await create("a", rules, "-c", channel, "--override-channels", "app");
    const { actions } = solved.json<{ actions: { LINK: { name: string; version: string }[] } }>();
    expect(actions.LINK.find((entry) => entry.name === "lib")?.version).toBe("1.0");
    const refused = await create("a", rules, `${channel}/noarch/lib-2.0-0.conda`);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("`lib>=2`")]);
  });

  it("tries repodata_fns in order", async () => {
    const file = join(sandbox.dir, "channel", "noarch", "current_repodata.json");
    const all = JSON.parse(
      readFileSync(join(sandbox.dir, "channel", "noarch", "repodata.json"), "utf8"),
    ) as Record<string, Record<string, unknown>>;
    const only = Object.fromEntries(
      Object.entries(all["packages.conda"] ?? {}).filter(([name]) => name.startsWith("lib-1")),
    );
    writeFileSync(file, JSON.stringify({ ...all, packages: {}, "packages.conda": only }));
    const words = ["-c", channel, "--override-channels", "--repodata-fn", "current_repodata.json"];
    const small = await create("a", {}, ...words, "lib");
    expect(small.json<{ actions: { LINK: { version: string }[] } }>().actions.LINK[0]?.version).toBe("1.0");
    const missing = await create("a", {}, ...words, "app");
    expect(missing.code).toBe(1);
    const then = await create("a", {}, ...words, "--repodata-fn", "repodata.json", "app");
    expect(then.code).toBe(0);
  });

  it("brings aggressive_update_packages up to date with any change", async () => {
    const common = ["-c", channel, "--override-channels", "-y"];
    await sandbox.taipan("create", "-n", "aggressive", ...common, "lib=1");
    await sandbox.taipan("install", "-n", "aggressive", ...common, "app");
    expect(readFileSync(join(prefixOf("aggressive"), "share", "lib"), "utf8")).toBe("1.0");
    await sandbox.taipan("remove", "-n", "aggressive", "app", "-y", "--no-prune-deps");
    writeFileSync(join(sandbox.home, ".condarc"), "aggressive_update_packages: [lib]\n");
    const result = await sandbox.taipan("install", "-n", "aggressive", ...common, "app", "--json");
    writeFileSync(join(sandbox.home, ".condarc"), "");
    const { LINK } = result.json<{ actions: { LINK: { name: string; version: string }[] } }>().actions;
    expect(LINK.map((entry) => `${entry.name} ${entry.version}`).sort()).toEqual(["app 1.0", "lib 2.0"]);
  });
});

describe("completion of package names", () => {
  const complete = async (...words: string[]) =>
    (await sandbox.taipan("completer", "--", ...words)).stdout.split("\n").filter(Boolean);

  it("offers what cached indexes and environments have", async () => {
    const server = await startServer({ root: join(sandbox.dir, "channel") });
    try {
      await sandbox.taipan(
        "create",
        "-n",
        "completed",
        "-c",
        server.url,
        "--override-channels",
        "app",
        "-y",
        "-q",
      );
      const before = server.requests.length;
      expect(await complete("install", "-c", server.url, "li")).toEqual(["lib"]);
      expect(await complete("install", "-c", server.url, "")).toEqual(["app", "lib"]);
      expect(server.requests.length).toBe(before);
    } finally {
      await server.close();
    }
    expect(await complete("remove", "-n", "completed", "a")).toEqual(["app"]);
    expect(await complete("install", "-c", "http://127.0.0.1:9/none", "a")).toEqual([]);
  });
});

it("reads the condarc of the environment that is named", async () => {
  await sandbox.taipan("create", "-n", "own-rc", "-y", "-q");
  writeFileSync(join(prefixOf("own-rc"), ".condarc"), "channel_priority: strict\n");
  for (const target of [
    ["-n", "own-rc"],
    ["-p", prefixOf("own-rc")],
  ]) {
    const shown = await sandbox.taipan("config", "list", "channel_priority", ...target);
    expect(shown.stdout).toBe("channel_priority: strict\n");
  }
  expect((await sandbox.taipan("config", "list", "channel_priority")).stdout).toBe(
    "channel_priority: flexible\n",
  );
});
