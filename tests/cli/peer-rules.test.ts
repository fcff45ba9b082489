import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { writeWorld } from "../support/cli-world.ts";
import { runAs as runByName } from "../support/names.ts";

let sandbox: Sandbox;
let channel: string;

beforeAll(async () => {
  sandbox = createSandbox();
  channel = (await writeWorld(join(sandbox.dir, "channel"))).url;
});
afterAll(() => sandbox.close());

const micromamba = async (args: readonly string[], env: Record<string, string> = {}) => {
  const result = await runByName(sandbox, "micromamba", args, env);
  return { ...result, json: () => JSON.parse(result.stdout) };
};
const write = (name: string, text: string) => {
  const path = join(sandbox.dir, name);
  writeFileSync(path, text);
  return path;
};
/** What `--print-config-only` says. */
async function described(args: readonly string[], env: Record<string, string> = {}) {
  const result = await micromamba([...args, "--print-config-only"], env);
  expect(result.stderr).not.toContain("error");
  expect(result.code).toBe(0);
  return parse(result.stdout) as Record<string, unknown>;
}

describe("--print-config-only", () => {
  it("says where an environment would be created, and does nothing", async () => {
    const prefix = join(sandbox.dir, "elsewhere");
    const file = write("named.yml", "name: from-file\nchannels: [x]\ndependencies: [libx >1]\n");
    expect(await described(["create", "-p", prefix, "app", "-f", file, "-c", "y"])).toMatchObject({
      root_prefix: sandbox.root,
      target_prefix: prefix,
      target_prefix_checks: 10,
      use_target_prefix_fallback: false,
      env_name: "",
      spec_file_env_name: "from-file",
      specs: ["app", "libx >1"],
      channels: ["y", "x"],
      file_specs: [file],
    });
    expect(existsSync(prefix)).toBe(false);
    expect(await described(["create", "-f", file], { MAMBA_TARGET_PREFIX: prefix })).toMatchObject({
      target_prefix: join(sandbox.root, "envs", "from-file"),
    });
    expect(await described(["create", "app"], { MAMBA_TARGET_PREFIX: prefix })).toMatchObject({
      target_prefix: prefix,
    });
    const both = await micromamba(["create", "-n", "a", "-p", prefix, "--print-config-only"]);
    expect(both.code).not.toBe(0);
  });

  it("needs the environment that install, update and remove change", async () => {
    const prefix = join(sandbox.dir, "there");
    mkdirSync(join(prefix, "conda-meta"), { recursive: true });
    writeFileSync(join(prefix, "conda-meta", "history"), "");
    for (const command of ["install", "update", "remove"]) {
      expect(await described([command, "app"], { CONDA_PREFIX: prefix })).toMatchObject({
        target_prefix: prefix,
        target_prefix_checks: 18,
        use_target_prefix_fallback: true,
        specs: ["app"],
      });
      expect((await micromamba([command, "-n", "nowhere", "app", "--print-config-only"])).code).not.toBe(0);
    }
  });

  it("takes a root prefix into which nothing was installed", async () => {
    const root = join(sandbox.dir, "empty-root");
    mkdirSync(join(root, "conda-meta"), { recursive: true });
    const env = { MAMBA_ROOT_PREFIX: root };
    for (const command of ["install", "remove"])
      expect(await described([command, "-n", "base", "app"], env)).toMatchObject({ target_prefix: root });
  });

  it("hides credentials", async () => {
    const { channels } = await described(["create", "-n", "x", "-c", "https://me:secret@host/chan"]);
    expect(JSON.stringify(channels)).not.toContain("secret");
  });

  it("knows the root prefix that micromamba's tests set", async () => {
    const root = join(sandbox.dir, "other-root");
    const env = { MAMBA_ROOT_PREFIX: "", MAMBA_DEFAULT_ROOT_PREFIX: root };
    expect(await described(["create", "-n", "x", "app"], env)).toMatchObject({
      root_prefix: root,
      target_prefix: join(root, "envs", "x"),
    });
  });
});

describe("channels", () => {
  it("are those that are named: the built-in one counts only where none is", async () => {
    expect((await described(["create", "-n", "x", "app"]))["channels"]).toEqual(["conda-forge"]);
    expect((await described(["create", "-n", "x", "app", "-c", "a"]))["channels"]).toEqual(["a"]);
    const env = { CONDA_CHANNELS: "configured" };
    expect((await described(["create", "-n", "x", "-c", "a"], env))["channels"]).toEqual(["a", "configured"]);
    // No other host is asked: this would fail without a network.
    const result = await sandbox.taipan("create", "-n", "only", "-c", channel, "app", "--dry-run", "--json");
    expect(result.code).toBe(0);
    // conda puts its defaults behind the named ones.
    const asConda = await runByName(sandbox, "conda", [
      "create",
      "-n",
      "x",
      "-c",
      "a",
      "--print-config-only",
    ]);
    expect(parse(asConda.stdout).channels).toEqual(["a", "conda-forge"]);
  });

  it.each([
    [["--channel-priority", "strict", "--no-channel-priority"], false],
    [["--no-channel-priority", "--channel-priority=flexible"], false],
    [["--strict-channel-priority", "--no-channel-priority"], false],
    [["--channel-priority", "disabled", "--no-channel-priority"], true],
    [["--channel-priority", "strict", "--strict-channel-priority"], true],
  ])("%j may be said together: %s", async (options, fine) => {
    const result = await sandbox.taipan("create", "-n", "x", ...options, "--print-config-only");
    expect(result.code === 0).toBe(fine);
    if (!fine) expect(result.stderr).toContain("contradict each other");
  });
});

describe("environments", () => {
  it("of other platforms say so in a file of their own", async () => {
    const prefix = join(sandbox.root, "envs", "foreign");
    const create = (platform: string) =>
      micromamba(["create", "-y", "-n", "foreign", "--platform", platform]);
    expect((await create("ptf-128")).code).toBe(0);
    expect(readFileSync(join(prefix, ".mambarc"), "utf8")).toBe("platform: ptf-128\n");
    // What the file says is under what variables say.
    const facts = async () =>
      (await micromamba(["info", "-n", "foreign", "--json"], { CONDA_SUBDIR: "" })).json();
    const info = await facts();
    expect(info["platform"]).toBe("ptf-128");
    expect(info["virtual packages"]).toContain("__archspec=1=128");
    writeFileSync(join(prefix, ".mambarc"), "offline: true\nplatform: ptf-128\n");
    expect((await create("win-32")).code).toBe(0);
    expect(readFileSync(join(prefix, ".mambarc"), "utf8")).toBe("offline: true\nplatform: win-32\n");
    expect((await facts())["platform"]).toBe("win-32");
  });

  it("have names of micromamba's kind where it is called so", async () => {
    const name = "32 áγ家 x";
    const create = await micromamba(["create", "-y", "-n", name, "-c", channel, "libx", "--json"]);
    expect(create.code).toBe(0);
    expect(create.json().actions.PREFIX).toBe(join(sandbox.root, "envs", name));
    expect((await micromamba(["create", "-y", "-n", "a/b"])).code).not.toBe(0);
    expect((await sandbox.taipan("create", "-y", "-n", "a b")).code).not.toBe(0);
  });

  it("have names as long as the file system takes", async () => {
    const name = "long_prefix_".repeat(21);
    expect(Buffer.byteLength(name)).toBe(252);
    const result = await sandbox.taipan("create", "-y", "-n", name, "-c", channel, "libx", "--json");
    expect(result.code).toBe(0);
    expect(basename(result.json<{ prefix: string }>().prefix)).toBe(name);
    expect((await sandbox.taipan("env", "remove", "-y", "-n", name)).code).toBe(0);
    expect(existsSync(join(sandbox.root, "envs", name))).toBe(false);
  });

  it("are not made over the root prefix", async () => {
    const root = join(sandbox.dir, "fresh-root");
    const env = { MAMBA_ROOT_PREFIX: root };
    const create = () => micromamba(["create", "-y", "-n", "base", "-c", channel, "libx"], env);
    expect((await create()).code).toBe(0);
    const again = await create();
    expect(again.code).not.toBe(0);
    expect(again.stderr).toContain("install -n base");
    const bare = { MAMBA_ROOT_PREFIX: join(sandbox.dir, "bare-root") };
    mkdirSync(bare.MAMBA_ROOT_PREFIX);
    expect((await micromamba(["create", "-y", "-n", "base"], bare)).code).not.toBe(0);
    expect((await runByName(sandbox, "taipan", ["create", "-y", "-n", "base"], bare)).code).toBe(0);
  });
});

describe("what scripts written for micromamba look for", () => {
  it("the specs that are updated, and the size of the download", async () => {
    const args = ["create", "-n", "seen", "-c", channel, "app=1", "--dry-run"];
    // A package cache of its own, so that there is something to download.
    const { stdout } = await micromamba(args, { CONDA_PKGS_DIRS: join(sandbox.dir, "none-cached") });
    expect(stdout).toContain("\n  Updating specs:\n\n   - app=1\n");
    expect(stdout).toMatch(/\n {2}Total download: [\d.]+ k?B\n/);
    expect((await sandbox.taipan(...args)).stdout).not.toContain("Updating specs");
  });

  it("`Nothing to do.` and the words for an environment that is not there", async () => {
    const empty = await micromamba(["install", "-y"]);
    expect([empty.code, empty.stdout]).toEqual([0, "Nothing to do.\n"]);
    const run = await micromamba(["run", "-n", "not-there", "true"]);
    expect(run.code).not.toBe(0);
    expect(run.stderr).toContain("critical libmamba The given prefix does not exist:");
  });

  it("an empty list of downloads", async () => {
    const prefix = join(sandbox.dir, "none");
    const result = await micromamba(["create", "-p", prefix, "--dry-run", "--json"]);
    expect(result.json()).toEqual({
      actions: { FETCH: [], PREFIX: prefix },
      dry_run: true,
      prefix,
      success: true,
    });
  });

  it("files of one kind; specs beside an @EXPLICIT file do not count", async () => {
    const yaml = write("one.yml", "dependencies: [libx]\n");
    const text = write("two.txt", "app\n");
    const mixed = await micromamba(["create", "-n", "m", "-f", yaml, "-f", text, "--print-config-only"]);
    expect(mixed.code).not.toBe(0);
    expect(mixed.stderr).toContain("found multiple spec file types");
    const all = await sandbox.taipan("create", "-n", "m", "-f", yaml, "-f", text, "--print-config-only");
    expect(parse(all.stdout).specs).toEqual(["libx", "app"]);
    const url = `${channel}/linux-64/libx-1.0-0.conda`;
    const explicit = write("explicit.txt", `@EXPLICIT\n${url}\n`);
    const result = await micromamba(["create", "-y", "-n", "ex", "app", "-f", explicit, "--json"]);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain("specs do not count: `app`");
    expect(existsSync(join(sandbox.root, "envs", "ex", "share", "libx"))).toBe(true);
    expect(existsSync(join(sandbox.root, "envs", "ex", "share", "app"))).toBe(false);
    expect((await sandbox.taipan("create", "-y", "-n", "ex2", "app", "-f", explicit)).code).not.toBe(0);
  });

  it("the words for slips in commands, also below a group of them", async () => {
    const slip = await micromamba(["instal"]);
    expect(slip.code).not.toBe(0);
    expect(slip.stderr).toMatch(
      /not expected: instal(?:.|\n)*Did you mean 'install'\?(?:.|\n)*Run with --help/,
    );
    expect((await micromamba(["repoquery", "whoneds", "x"])).stderr).toContain("Did you mean 'whoneeds'?");
    expect((await micromamba(["qwerty"])).stderr).not.toContain("Did you mean");
    const own = await sandbox.taipan("repoquery", "whoneds", "x");
    expect(own.stderr).toContain("did you mean `whoneeds`?");
    expect(own.code).not.toBe(0);
  });

  it("an answer, not a failure, where a query finds nothing", async () => {
    const where = ["-n", "queried"];
    await micromamba(["create", "-y", ...where]);
    const none = await micromamba(["repoquery", "depends", "nothing-of-the-kind", ...where]);
    expect([none.code, none.stdout]).toEqual([
      0,
      "No entries matching \"nothing-of-the-kind\" found\n\nTry looking remotely with '--remote'.\n",
    ]);
    expect((await sandbox.taipan("repoquery", "depends", "nothing-of-the-kind", ...where)).code).toBe(1);
    const found = await micromamba(["repoquery", "whoneeds", "libx", "-c", channel]);
    expect(found.stdout.split(/\s+/).join(" ")).toContain("Name Version Build Depends Channel Subdir");
    const conflict = await micromamba(["create", "-n", "no", "-c", channel, "conf-a", "conf-b", "--dry-run"]);
    expect(conflict.stderr).toContain("Could not solve for environment specs\nThe following");
  });

  it("the versions and files of `info`, and the root prefix among the environments", async () => {
    const home = join(sandbox.dir, "info-home");
    const root = join(sandbox.dir, "info-root");
    mkdirSync(root);
    const env = { HOME: home, MAMBA_ROOT_PREFIX: root };
    const info = (await micromamba(["info", "--json"], env)).json();
    expect(info).toMatchObject({
      "libmamba version": expect.any(String),
      "user config files": [join(home, ".mambarc")],
    });
    expect((await micromamba(["info"], env)).stdout).toContain("mamba version : 2.");
    expect((await micromamba(["env", "list", "--json"], env)).json().envs).toEqual([root]);
    expect((await micromamba(["env", "list"], env)).stdout).toContain("base");
    const own = await sandbox.taipanWith({ env }, "env", "list", "--json");
    expect(own.json()).toMatchObject({ envs: [] });
  });

  it("`clean --all` takes the caches of the user, too", async () => {
    const cache = join(sandbox.dir, "xdg");
    const file = join(cache, "conda", "repodata", "x.json");
    const env = { XDG_CACHE_HOME: cache };
    for (const [name, stays] of [
      ["taipan", true],
      ["micromamba", false],
    ] as const) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "{}");
      expect((await runByName(sandbox, name, ["clean", "--all", "--yes"], env)).code).toBe(0);
      expect(existsSync(file)).toBe(stays);
    }
    expect(existsSync(cache)).toBe(true);
  });

  it("names of variables in upper case", async () => {
    const prefix = join(sandbox.dir, "upper");
    mkdirSync(join(prefix, "etc", "conda", "env_vars.d"), { recursive: true });
    mkdirSync(join(prefix, "conda-meta"));
    writeFileSync(join(prefix, "conda-meta", "history"), "");
    writeFileSync(join(prefix, "conda-meta", "state"), JSON.stringify({ env_vars: { some_name: "state" } }));
    writeFileSync(
      join(prefix, "etc", "conda", "env_vars.d", "a.json"),
      JSON.stringify({ SOME_NAME: "package" }),
    );
    const args = ["shell", "activate", "-s", "bash", "-p", prefix];
    expect((await micromamba(args)).stdout).toContain("export SOME_NAME='state'");
    expect((await runByName(sandbox, "conda", args)).stdout).toContain("export some_name='state'");
    const run = ["run", "-p", prefix, "sh", "-c", 'echo "$SOME_NAME"'];
    expect((await micromamba(run)).stdout).toBe("state\n");
    expect((await runByName(sandbox, "conda", run)).stdout).toBe("package\n");
  });

  it("a detached program is not waited for, wherever it is", async () => {
    const there = await micromamba(["run", "-d", "-r", sandbox.root, "true"]);
    expect([there.code, there.stdout]).toEqual([0, expect.stringMatching(/^Running as process \d+/)]);
    expect((await micromamba(["run", "-d", "not-a-program"])).code).toBe(0);
    expect((await sandbox.taipan("run", "-d", "not-a-program")).code).toBe(127);
  });

  it("URLs with the mark of an epoch, encoded in JSON and plain in explicit lists", async () => {
    const dir = join(sandbox.dir, "epochs");
    const noarch = "generic" as const;
    await writeChannel(dir, [await buildPackage({ name: "old", version: "1!2.0", noarch, files: {} })]);
    const args = ["create", "-y", "-n", "epoch", "-c", `file://${dir}`, "old", "--json"];
    expect((await micromamba(args)).json().actions.LINK[0].url).toMatch(/old-1%212\.0-0\.conda$/);
    const list = await micromamba(["env", "export", "-n", "epoch", "--explicit"]);
    expect(list.stdout).toContain("/old-1!2.0-0.conda");
  });

  it("conda's text of `env list`, and its --yes for a directory that is there", async () => {
    const root = join(sandbox.dir, "conda-root");
    const prefix = join(root, "envs", "listed");
    mkdirSync(join(prefix, "log"), { recursive: true });
    writeFileSync(join(prefix, "log", "own.txt"), "mine");
    const env = { MAMBA_ROOT_PREFIX: root, HOME: join(sandbox.dir, "conda-home") };
    const args = ["create", "-n", "listed", "-c", channel, "--override-channels", "libx"];
    expect((await runByName(sandbox, "conda", args, env)).code).not.toBe(0);
    expect((await micromamba([...args, "-y"], env)).code).not.toBe(0);
    const made = await runByName(sandbox, "conda", [...args, "--yes"], env);
    expect(made.stderr).not.toContain("error");
    expect(made.code).toBe(0);
    expect(readFileSync(join(prefix, "log", "own.txt"), "utf8")).toBe("mine");
    expect(existsSync(join(prefix, "share", "libx"))).toBe(true);
    const list = await runByName(sandbox, "conda", ["env", "list"], { ...env, CONDA_PREFIX: prefix });
    const rows = list.stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(rows.map((line) => line.split(/ +/))).toEqual([
      ["base", root],
      ["listed", "*", prefix],
    ]);
    expect(list.stdout).toContain("# conda environments:");
  });

  it("the hook's document", async () => {
    expect((await micromamba(["shell", "hook", "-s", "zsh", "--json"])).json()).toEqual({
      success: true,
      operation: "shell_hook",
      context: { shell_type: "zsh" },
      actions: { print: [expect.stringContaining("micromamba() {")] },
    });
  });

  it("CONDA_ENVS_DIRS, separated by commas or colons", async () => {
    const dir = join(sandbox.dir, "envs-dir");
    mkdirSync(dir);
    const env = { CONDA_ENVS_DIRS: `/not-there,${dir}` };
    expect((await described(["create", "-n", "x"], env))["envs_dirs"]).toEqual([
      "/not-there",
      dir,
      join(sandbox.root, "envs"),
    ]);
  });
});

it("history names packages by URL when run as micromamba, and revisions are found all the same", async () => {
  const prefix = join(sandbox.dir, "by-url");
  const from = ["-p", prefix, "-c", channel, "--override-channels", "-y"];
  expect((await micromamba(["create", ...from, "libx=1.0"])).code).toBe(0);
  expect((await micromamba(["install", ...from, "libx=1.1"])).code).toBe(0);
  const history = readFileSync(join(prefix, "conda-meta", "history"), "utf8");
  expect(history).toContain(`\n-${channel}/linux-64::libx-1.0-`);
  expect(history).toContain(`\n+${channel}/linux-64::libx-1.1-`);
  const back = await sandbox.taipan("install", "-p", prefix, "--revision", "0", "-y");
  expect(back.code, back.stderr).toBe(0);
  const listed = await sandbox.taipan("list", "-p", prefix, "--json");
  expect(listed.json()).toMatchObject([{ name: "libx", version: "1.0" }]);
  // By our own name the channel's name stands there, as conda writes it.
  expect(readFileSync(join(prefix, "conda-meta", "history"), "utf8")).toMatch(
    /\n\+[^\n]*linux-64::libx-1\.0-/,
  );
});

it("a spec of a multichannel takes packages of each channel in it, and of no other", async () => {
  const other = join(sandbox.dir, "other-channel");
  await writeChannel(other, [await buildPackage({ name: "app", version: "9", noarch: "generic" })]);
  await writeChannel(`${other}-2`, [await buildPackage({ name: "beside", version: "1", noarch: "generic" })]);
  const one = write("single.yml", `custom_multichannels:\n  mine: ["${channel}"]\n`);
  const two = write("multi.yml", `custom_multichannels:\n  several: ["${other}-2", "${channel}"]\n`);
  const chosen = async (spec: string, file: string) => {
    const args = [
      "-c",
      other,
      "-c",
      channel,
      "--override-channels",
      "--dry-run",
      "--json",
      "--rc-file",
      file,
    ];
    const result = await sandbox.taipan("create", "-n", "m", spec, ...args);
    expect(result.code, result.stdout).toBe(0);
    return (JSON.parse(result.stdout).actions.LINK as { name: string; version: string }[]).at(-1);
  };
  expect(await chosen("app", one)).toMatchObject({ name: "app", version: "9" });
  expect(await chosen("mine::app", one)).toMatchObject({ name: "app", version: "2.0" });
  expect(await chosen("several::app", two)).toMatchObject({ name: "app", version: "2.0" });
});
