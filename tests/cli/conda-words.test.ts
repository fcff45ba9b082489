import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { writeWorld } from "../support/cli-world.ts";
import { runAs } from "../support/names.ts";

let sandbox: Sandbox;
let channel: string;

beforeAll(async () => {
  sandbox = createSandbox();
  channel = (await writeWorld(join(sandbox.dir, "channel"))).url;
  const made = await conda("create", "-n", "one", "-c", channel, "--override-channels", "app", "--yes");
  expect(made.stderr).toBe("");
  expect(made.code).toBe(0);
});
afterAll(() => sandbox.close());

const conda = (...args: string[]) => runAs(sandbox, "conda", args);
const at = (name: string) => join(sandbox.root, "envs", name);
const failure = async (...args: string[]) => {
  const [text, json] = [await conda(...args), await conda(...args, "--json")];
  expect(text.code).not.toBe(0);
  return { text: text.stderr, name: JSON.parse(json.stdout).exception_name as string };
};

describe("run as conda", () => {
  it("tells what it does on stdout: stderr is for warnings and failures", async () => {
    const steps = [
      ["create", "-n", "told", "-c", channel, "--override-channels", "libx", "--yes"],
      ["rename", "-n", "told", "told-again"],
      ["remove", "-n", "told-again", "--all", "--yes"],
      ["clean", "--index-cache", "--yes"],
    ];
    for (const step of steps) {
      const { code, stdout, stderr } = await conda(...step);
      expect([code, stderr, stdout !== ""], step.join(" ")).toEqual([0, "", true]);
    }
    const result = await sandbox.taipan("clean", "--index-cache", "--yes");
    expect(result.stderr).not.toBe("");
  });

  it("begins a failure with the name of conda's exception", async () => {
    const missing = await failure("remove", "-n", "one", "app", "foo", "bar", "--yes");
    expect(missing.name).toBe("PackagesNotFoundError");
    expect(missing.text).toMatch(
      /^PackagesNotFoundError: .*missing from the target environment:\n {2}- foo\n {2}- bar\n/,
    );
    expect(existsSync(join(at("one"), "conda-meta", "history"))).toBe(true);
    // Nothing was removed, though `app` is there.
    expect((await conda("list", "-n", "one", "--fields", "name")).stdout).toContain("\napp\n");
    expect((await failure("env", "create", "-f", "nowhere.yml")).name).toBe("EnvironmentFileNotFound");
    expect((await failure("rename", "-n", "base", "x")).name).toBe("CondaEnvException");
    expect((await failure("rename", "-n", "one", "one")).name).toBe("CondaEnvException");
    expect((await failure("config", "--set", "no_such_key", "1")).name).toBe("CondaKeyError");
    expect((await failure("info", "--size")).text).toContain("--size can only be used with --envs");
    // By our own name a missing package is a warning, as for micromamba.
    expect((await sandbox.taipan("remove", "-n", "one", "foo", "--yes")).code).toBe(0);
  });

  it("lists packages in conda's lines", async () => {
    const { stdout, stderr } = await conda("list", "-n", "one");
    expect(stderr).toBe("");
    const [first, second, titles, ...rows] = stdout.trimEnd().split("\n");
    expect([first, second]).toEqual([`# packages in environment at ${at("one")}:`, "#"]);
    expect(titles!.split(/\s+/)).toEqual(["#", "Name", "Version", "Build", "Channel"]);
    expect(rows.map((row) => row.split(/\s+/)[0])).toContain("app");
    for (const row of rows) expect(row.split(/\s+/)).toHaveLength(4);
    const field = await conda("list", "-n", "one", "--fields", "version", "^app$");
    expect(field.stdout.split("\n").slice(3)).toEqual([
      rows.find((row) => row.startsWith("app"))!.split(/\s+/)[1],
      "",
    ]);
    const all =
      "arch,channel_name,constrains,depends,dist_str,features,fn,license_family,noarch,package_type,track_features";
    expect((await conda("list", "-n", "one", "--fields", all)).code).toBe(0);
    expect((await failure("list", "-n", "one", "--fields", "colour")).text).toContain("`colour`");
    expect((await conda("list", "-n", "one", "nothing-like-it")).code).toBe(1);
    expect(JSON.parse((await conda("list", "-n", "one", "nothing-like-it", "--json")).stdout)).toEqual([]);
  });

  it("marks frozen environments, shows sizes, and says all of info in three parts", async () => {
    await conda("create", "-n", "ice", "--yes");
    writeFileSync(join(at("ice"), "conda-meta", "frozen"), "");
    const [detail, envs, system, all] = await Promise.all(
      [[], ["--envs"], ["--system"], ["--all"]].map(async (args) => (await conda("info", ...args)).stdout),
    );
    expect(all).toBe(detail! + envs! + system!);
    expect(envs).toMatch(/^ice +\+ /m);
    for (const label of ["conda version", "channel URLs", "user config file", "offline mode", "solver"])
      expect(detail).toContain(`${label} :`);
    expect(detail).toMatch(/^\n {5}active environment : None\n/);
    expect(detail).toMatch(/^ {7}base environment : \/.* {2}\(writable\)$/m);
    expect(detail).not.toMatch(/taipan version|node version|^ +environment :/m);
    const active = await runAs(sandbox, "conda", ["info"], { CONDA_PREFIX: at("one"), CONDA_SHLVL: "1" });
    expect(active.stdout).toMatch(
      new RegExp(`active environment : one\\n +active env location : ${at("one")}\\n +shell level : 1\\n`),
    );
    for (const label of ["sys.version:", "sys.prefix:", "conda location:", "PATH:"])
      expect(system).toContain(label);
    const sizes = (await conda("info", "--envs", "--size")).stdout.split("\n");
    for (const line of sizes.filter((text) => text !== "" && !text.startsWith("#")))
      expect(line).toMatch(/\s+\d+(\.\d+)? (B|KB|MB|GB) +\//);
    mkdirSync(join(at("bare"), "conda-meta"), { recursive: true });
    writeFileSync(join(at("bare"), "conda-meta", "history"), "");
    const facts = JSON.parse((await conda("info", "--json")).stdout);
    expect(facts.envs_details[at("ice")]).toMatchObject({ frozen: true });
    // Without a revision, the date of the directory.
    expect(facts.envs_details[at("bare")].last_modified).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(facts).toMatchObject({
      conda_build_version: "not installed",
      conda_env_version: facts.conda_version,
    });
    rmSync(at("bare"), { recursive: true });
  });

  it("renames over another environment with --yes, and says the steps of a dry run", async () => {
    for (const name of ["old", "new"]) await conda("create", "-n", name, "--yes");
    const dry = await conda("rename", "-n", "old", "newer", "--dry-run");
    expect(dry.stdout).toBe(
      `Dry run action: clone ${at("old")},${at("newer")}\nDry run action: rm_rf ${at("old")}\n`,
    );
    expect((await conda("rename", "-n", "old", "new")).code).toBe(1);
    const nested = await failure("rename", "-n", "old", join(at("one"), "below"));
    expect(nested).toMatchObject({ name: "CondaValueError" });
    expect((await conda("rename", "-n", "old", "new", "--yes")).code).toBe(0);
    expect([existsSync(at("old")), existsSync(at("new"))]).toEqual([false, true]);
    // What is no environment gives way to nothing.
    mkdirSync(join(sandbox.dir, "mine"));
    expect((await conda("rename", "-n", "new", join(sandbox.dir, "mine"), "--yes")).code).toBe(1);
  });

  it("runs what only a shell knows", async () => {
    expect(await conda("run", "-n", "one", "exit", "5")).toMatchObject({
      code: 5,
      stdout: "",
      stderr: "ERROR conda.cli.main_run:execute: `conda run exit 5` failed. (See above for error)\n",
    });
    expect((await conda("run", "-n", "one", "exit", "0")).stderr).toBe("");
    const script = await conda("run", "-n", "one", "-s", '\necho a b\necho "$CONDA_PREFIX"\n');
    expect(script.stdout).toBe(`a b\n${at("one")}\n`);
    // One argument is one argument all the same.
    expect((await conda("run", "-n", "one", "echo", "a;b $HOME")).stdout).toBe("a;b $HOME\n");
    expect((await sandbox.taipan("run", "-n", "one", "exit", "5")).code).toBe(127);
  });

  it("keeps the environment that is activated by default", async () => {
    const env = { CONDA_DEFAULT_ACTIVATION_ENV: at("one") };
    const result = await runAs(sandbox, "conda", ["remove", "-n", "one", "--all", "--yes"], env);
    expect([result.code, existsSync(at("one"))]).toEqual([2, true]);
    expect(result.stderr).toContain("default_activation_env");
  });

  it("exports as --format says beside --json, and nothing explicit of an empty environment", async () => {
    const yaml = await conda("export", "-n", "one", "--format", "yaml", "--json");
    expect(yaml.stdout).toMatch(/^name: one\n/);
    await conda("create", "-n", "empty", "--yes");
    expect(await failure("export", "-n", "empty", "--format", "explicit")).toMatchObject({
      name: "CondaValueError",
    });
    expect((await failure("export", "-n", "one", "-O")).text).toContain("At least one -c");
  });
});

describe("conda's sentences", () => {
  const said = async (...args: string[]) => (await conda(...args)).stderr;

  it("name what is not there", async () => {
    const json = JSON.parse((await conda("list", "-n", "nowhere", "--json")).stdout);
    expect(json.message).toBe(`Not a conda environment: ${at("nowhere")}`);
    expect(await said("list", "-n", "nowhere")).toMatch(
      /^EnvironmentLocationNotFound: Not a conda environment: \/.*nowhere\n/,
    );
    expect(await said("shell.posix", "activate", "nowhere")).toMatch(
      /^EnvironmentNameNotFound: Could not find conda environment: nowhere\nYou can list /,
    );
    expect(await said("env", "create", "-f", "no.yml")).toMatch(
      /^EnvironmentFileNotFound: 'no.yml' file not found\n/,
    );
    const only = ["-c", channel, "--override-channels"];
    for (const command of [["create", "-n", "new", "-y"], ["search"]])
      expect(await said(...command, "no-such-package", ...only)).toMatch(
        /^PackagesNotFoundError: The following packages are not available from current channels:\n\n {2}- no-such-package\n/,
      );
    expect(await said("update", "-n", "one", "no-such-package", "-y", ...only)).toMatch(
      /^PackageNotInstalledError: Package is not installed in prefix.\n {2}prefix: .*\n {2}package name: no-such-package\n/,
    );
    expect((await conda("update", "-n", "one", "conda", "-y", ...only)).code).toBe(0);
    for (const spec of ["libx=1.1", "libx >1", "some::libx", "lib*"])
      expect(await said("update", "-n", "one", spec, "-y", ...only)).toContain(
        `CondaUpdatePackageError: \`conda update\` only supports name-only spec, but received: ${spec}\n`,
      );
    expect(await said("install", "-n", "one", "--revision", "99", "-y")).toMatch(
      /^CondaIndexError: no such revision: 99\n/,
    );
  });

  it("name channels that cannot be read, by what the server said", async () => {
    const other = ["--override-channels", "-y", "libx"];
    expect(await said("create", "-n", "new", "-c", `${channel}-gone`, ...other)).toMatch(
      /^UnavailableInvalidChannel: HTTP 404 UNAVAILABLE OR INVALID for channel \S+ <file:.*-gone>\n/,
    );
    const silent = ["-c", "http://127.0.0.1:9/x", ...other];
    const { stderr } = await runAs(sandbox, "conda", ["create", "-n", "new", ...silent], {
      CONDA_REMOTE_MAX_RETRIES: "0",
    });
    expect(stderr).toMatch(
      /^CondaHTTPError: HTTP 000 CONNECTION FAILED for url <http:\/\/127.0.0.1:9\/x\/\S+>\n/m,
    );
  });

  it("refuse names and places", async () => {
    expect(await said("create", "-n", "a/b", "-y")).toMatch(
      /^CondaValueError: Invalid environment name: 'a\/b'\n/,
    );
    expect(await said("create", "-y")).toMatch(
      /^ArgumentError: one of the arguments -n\/--name -p\/--prefix is required\n/,
    );
    expect(await said("create", "-n", "one", "--clone", "one")).toMatch(
      /^CondaValueError: prefix already exists: \/.*one\n/,
    );
    expect(await said("rename", "-n", "one", "one")).toMatch(
      /^CondaEnvException: The environment 'one' already exists. Override with --yes.\n/,
    );
    expect(await said("rename", "-n", "nowhere", "x")).toMatch(/does not exist\.\n/);
    await conda("install", "-n", "base", "-c", channel, "--override-channels", "libx", "-y");
    expect(await said("remove", "-n", "base", "--all", "-y")).toMatch(
      /^CondaEnvironmentError: cannot remove root environment, add -n NAME or -p PREFIX option\n/,
    );
    expect(await said("create", "-n", "base", "-y")).toMatch(
      /^CondaValueError: The target prefix is the base prefix. Aborting.\n/,
    );
  });

  it("say what the parser of options says", async () => {
    expect(await said("create", "--nonsense")).toMatch(/^conda: error: unrecognized arguments: --nonsense\n/);
    expect(await said("create", "-n")).toMatch(/^conda: error: argument -n\/--name: expected one argument\n/);
    expect(await said("creat")).toBe(
      "CommandNotFoundError: No command 'conda creat'.\nDid you mean 'conda create'?\n",
    );
    expect(await said("activate", "one")).toMatch(/^CondaError: Run 'conda init' before 'conda activate'\n/);
    expect(await said("shell.bash")).toContain("'reactivate' command must be given.");
    const file = ["config", "--file", join(sandbox.dir, "rc.yml"), "--set"];
    expect(await said(...file, "channels", "x")).toMatch(/^CondaKeyError: 'channels': invalid parameter\n/);
    expect(await said(...file, "nonsense", "x")).toMatch(/^CondaKeyError: 'nonsense': unknown parameter\n/);
  });

  it("answer a request that changes nothing", async () => {
    const again = ["install", "-n", "one", "-c", channel, "--override-channels", "app", "-y"];
    expect((await conda(...again)).stdout).toContain("\n# All requested packages already installed.\n");
    expect(JSON.parse((await conda(...again, "--json")).stdout).message).toBe(
      "All requested packages already installed.",
    );
  });
});

describe("what conda prints and takes", () => {
  it("create --dry-run refuses an environment that is there, env create does not", async () => {
    const there = await failure(
      "create",
      "-n",
      "one",
      "--dry-run",
      "-c",
      channel,
      "--override-channels",
      "app",
    );
    expect(there.name).toBe("CondaValueError");
    const file = join(sandbox.dir, "there.yml");
    writeFileSync(file, `channels: ["${channel}", nodefaults]\ndependencies: [app]\n`);
    expect((await conda("env", "create", "-n", "one", "-f", file, "--dry-run", "--yes")).code).toBe(0);
  });

  it("env create --dry-run is the solved environment as a file; no place is needed to try", async () => {
    const file = join(sandbox.dir, "dry.yml");
    writeFileSync(file, `name: dry\nchannels: ["${channel}", nodefaults]\ndependencies: [app]\n`);
    const dry = ["env", "create", "-f", file, "-p", join(sandbox.dir, "elsewhere"), "--dry-run"];
    const text = (await conda(...dry)).stdout;
    expect(text.slice(text.indexOf("\nname: "))).toMatch(
      /^\nname: dry\nchannels:\n {2}- .*\ndependencies:\n {2}- app=\S+=\S+\n/,
    );
    expect(JSON.parse((await conda(...dry, "--json")).stdout)).toMatchObject({ name: "dry" });
    expect(existsSync(join(sandbox.dir, "elsewhere"))).toBe(false);
    writeFileSync(file, "\n");
    expect((await failure("env", "create", "-f", file, "-n", "dry")).name).toBe("EnvironmentFileEmpty");
    const tried = await conda("create", "--dry-run", "--json", "-c", channel, "--override-channels", "app");
    const [first] = JSON.parse(tried.stdout).actions.LINK;
    expect(first).toMatchObject({
      dist_name: `${first.name}-${first.version}-${first.build}`,
      platform: first.subdir,
    });
  });

  it("requirements are specs that make the same environment", async () => {
    for (const name of ["requirements", "reqs", "txt"]) {
      const { stdout } = await conda("export", "-n", "one", "--format", name);
      expect(stdout).toContain("# $ conda create --name <env> --file <this file>\n");
      expect(stdout).toMatch(/\napp=[\d.]+=\S+\n/);
    }
    const file = join(sandbox.dir, "requirements.txt");
    expect((await conda("export", "-n", "one", "--file", file)).code).toBe(0);
    await conda("create", "-n", "twin", "-y", "-c", channel, "--override-channels", "--file", file);
    const packages = async (name: string) =>
      (await conda("list", "-n", name, "--export")).stdout
        .split("\n")
        .filter((line) => !line.startsWith("#"));
    expect(await packages("twin")).toEqual(await packages("one"));
    const history = await conda("export", "-n", "one", "--format", "requirements", "--from-history");
    expect(history.stdout.split("\n").slice(-2)).toEqual(["app", ""]);
    expect((await failure("export", "-n", "empty", "--format", "requirements")).name).toBe("CondaValueError");
    expect((await failure("export", "-n", "one", "--file", join(sandbox.dir, "x.toml"))).name).toBe(
      "EnvironmentExporterNotDetected",
    );
  });
});

describe("what scripts for conda count on", () => {
  const only = () => ["-c", channel, "--override-channels"];

  it("finds parts of names, and says each fact in conda's columns", async () => {
    const part = await conda("search", "ibx", ...only());
    expect([part.code, part.stdout]).toEqual([0, expect.stringMatching(/^ *libx +1\.1 /m)]);
    expect((await conda("search", "ibx", "--full-name", ...only())).code).toBe(1);
    const facts = (await conda("search", "libx=1.1", "--info", ...only())).stdout;
    expect(facts).toMatch(/\nfile name {3}: libx-1\.1.*\nname {8}: libx\nversion {5}: 1\.1\n/);
    expect((await conda("search", "--envs", "app")).stdout).toMatch(/^Searching environments for app/);
  });

  it("has conda's sentences of health", async () => {
    const file = join(at("one"), "conda-meta", "history");
    expect(existsSync(file)).toBe(true);
    const good = await conda("doctor", "-n", "one");
    for (const sentence of [
      "There are no packages with missing files.",
      "There are no packages with altered files.",
      "The environment is consistent.",
    ])
      expect(good.stdout).toContain(sentence);
    await conda("create", "-n", "sick", "-y", ...only(), "libx");
    const record = readdirSync(join(at("sick"), "conda-meta")).find((name) => name.startsWith("libx-"))!;
    const { files } = JSON.parse(readFileSync(join(at("sick"), "conda-meta", record), "utf8"));
    rmSync(join(at("sick"), files[0]));
    const bad = await conda("doctor", "-n", "sick");
    expect(bad.stdout).toMatch(/Missing Files:\n\nlibx: 1\n/);
    // conda reports and leaves the verdict to its reader; by the own name it is a failure.
    expect([bad.code, (await sandbox.taipan("doctor", "-n", "sick")).code]).toEqual([0, 1]);
    expect((await conda("doctor", "-n", "sick", "--verbose")).stdout).toContain(files[0]);
  });

  it("tells directories from environments, and refuses places for new ones", async () => {
    const plain = join(sandbox.dir, "plain");
    mkdirSync(plain);
    for (const command of [["list"], ["install", "libx", "-y"]]) {
      const { text, name } = await failure(...command, "-p", plain);
      expect(name).toBe("DirectoryNotACondaEnvironmentError");
      expect(text).toContain("The target directory exists, but it is not a conda environment.\n");
    }
    const colon = await failure("create", "-p", join(sandbox.dir, "a:b", "c"), "-y");
    expect(colon.text).toContain("Environment paths cannot contain ':'");
    const nested = await failure("create", "-p", join(at("one"), "inner"), "-y");
    expect(nested.text).toContain("cannot be immediately nested under another conda environment");
    const { stderr } = await runAs(sandbox, "conda", ["create", "-n", "x", "-y", ...only(), "libx"], {
      CONDA_OVERRIDE_CHANNELS_ENABLED: "no",
    });
    expect(stderr).toMatch(/^OperationNotAllowed: /);
    expect((await failure("clean")).text).toContain("At least one removal target must be given");
  });

  it("an environment without a name is exported without one, and conda's own such files are read", async () => {
    const [place, file] = [join(sandbox.dir, "nameless"), join(sandbox.dir, "nameless.yml")];
    await conda("create", "-p", place, "-y", ...only(), "libx");
    const { stdout } = await conda("env", "export", "-p", place);
    expect(stdout).toMatch(/^channels:/);
    writeFileSync(file, `name: ${place}\n${stdout}`);
    await conda("env", "remove", "-p", place, "-y");
    const again = await conda("env", "create", "-p", place, "-f", file, ...only());
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining("is a path and does not count")]);
  });

  it("takes a package file of the working directory", async () => {
    const folder = fileURLToPath(channel);
    const all = readdirSync(folder, { recursive: true, encoding: "utf8" });
    const path = all.find((entry) => /libx-1\.1.*\.(conda|tar\.bz2)$/.test(entry))!;
    const name = basename(path);
    copyFileSync(join(folder, path), join(sandbox.dir, name));
    expect((await conda("create", "-n", "by-file", "-y", name)).code).toBe(0);
    expect((await conda("list", "-n", "by-file", "--fields", "name")).stdout).toContain("\nlibx\n");
  });

  it("install --prune takes away what nothing needs", async () => {
    await conda("create", "-n", "pruned", "-y", ...only(), "tool");
    await conda("remove", "-n", "pruned", "tool", "-y", "--no-prune-deps");
    const names = async () => (await conda("list", "-n", "pruned", "--fields", "name")).stdout;
    expect(await names()).toContain("\napp\n");
    expect((await conda("install", "-n", "pruned", "-y", "--prune", ...only(), "conf-b")).code).toBe(0);
    expect(await names()).not.toContain("\napp\n");
  });

  it("lists its commands, to completion scripts too, and asks for one", async () => {
    const { stdout } = await conda("commands");
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(["activate", "commands", "doctor", "rename"]));
    expect((await conda("shell.posix", "commands")).stdout).toBe(stdout);
    // Scripts ask so whether conda-build is there.
    expect(await conda("build", "--help")).toMatchObject({ code: 2, stdout: "" });
    expect((await conda("--json")).stderr).toMatch(
      /^conda: error: the following arguments are required: COMMAND\n/,
    );
    expect((await conda("notices", ...only())).stdout).toMatch(/^Retrieving notices/);
  });

  it("sets CONDA_EXE, evaluates no help, and has the files that scripts source", async () => {
    const hook = (await conda("shell.bash", "hook")).stdout;
    const script = `${hook}\nconda activate --help\nconda activate one\necho "$CONDA_EXE $CONDA_DEFAULT_ENV"`;
    const run = await runAs(sandbox, "conda", ["run", "-p", at("one"), "bash", "-c", script]);
    expect(run.stdout).toBe(`${join(sandbox.dir, "bin", "conda")} one\n`);
    expect(run.stderr).toMatch(/^Usage: conda activate \[options\]/);
    for (const shell of ["bash", "fish", "tcsh"]) await conda("init", shell);
    const below = ["bin/activate", "bin/deactivate", "etc/profile.d/conda.sh", "etc/profile.d/conda.csh"];
    for (const file of [...below, "etc/fish/conf.d/conda.fish"])
      expect(existsSync(join(sandbox.root, file)), file).toBe(true);
    const old = `source ${sandbox.root}/bin/activate one; source ${sandbox.root}/bin/deactivate; echo $CONDA_SHLVL`;
    expect((await runAs(sandbox, "conda", ["run", "-p", at("one"), "bash", "-c", old])).stdout).toBe("0\n");
  });
});

describe("config of an environment", () => {
  it("is in its own file", async () => {
    await conda("create", "-n", "with-rc", "--yes");
    expect((await conda("config", "--append", "channels", "mine", "-n", "with-rc")).code).toBe(0);
    expect(readFileSync(join(at("with-rc"), ".condarc"), "utf8")).toBe("channels:\n  - mine\n");
    expect(existsSync(join(sandbox.home, ".condarc"))).toBe(false);
    const missing = await failure("config", "--get", "channels", "-n", "nowhere");
    expect(missing.name).toBe("EnvironmentLocationNotFound");
  });

  it("loses what it has, and keeps each key as it was written", async () => {
    const file = join(sandbox.dir, "losing.yml");
    const edit = (...words: string[]) => conda("config", "--file", file, ...words);
    // CI scripts take out conda's default channels before all else.
    expect(await edit("--remove", "channels", "defaults")).toMatchObject({ code: 0, stderr: "" });
    const words = {
      "create_default_packages x": "'create_default_packages': undefined in config",
      "nonsense x": "'nonsense': unknown parameter",
      "changeps1 x": "'changeps1': invalid parameter",
    };
    for (const [asked, said] of Object.entries(words))
      expect((await edit("--remove", ...asked.split(" "))).stderr).toContain(`CondaKeyError: ${said}`);
    writeFileSync(file, "platform: linux-64\n");
    await edit("--set", "subdir", "osx-64", "--append", "channels", "a");
    expect(readFileSync(file, "utf8")).toBe("channels:\n  - a\nsubdir: osx-64\n");
    expect((await edit("--remove", "channels", "defaults")).stderr).toContain("'defaults' not present");
  });

  it("is printed sorted, with a word on keys that mean nothing and on values that were there", async () => {
    const file = join(sandbox.dir, "some.yml");
    writeFileSync(file, "channels: [a, b]\nnonsense: 1\nalways_yes: true\n");
    const got = await conda("config", "--file", file, "--get");
    expect(got.stdout).toBe(
      "--set always_yes True\n--add channels 'b'   # lowest priority\n--add channels 'a'   # highest priority\n",
    );
    expect(got.stderr).toBe("Unknown key: 'nonsense'\n");
    const moved = await conda("config", "--file", file, "--append", "channels", "a");
    expect(moved.stderr).toBe("Warning: 'a' already in 'channels' list, moving to the bottom\n");
    expect(readFileSync(file, "utf8")).toContain("channels: [b, a]");
  });
});

it("env update installs what the file names and the environment lacks", async () => {
  for (const name of ["conda", "taipan"] as const) {
    const file = join(sandbox.dir, `${name}.yml`);
    const env = `grows-${name}`;
    writeFileSync(file, `name: ${env}\nchannels: ["${channel}", nodefaults]\ndependencies: [libx]\n`);
    // conda asks nothing where a file says it.
    expect(
      (await runAs(sandbox, name, ["env", "create", "-f", file, ...(name === "conda" ? [] : ["-y"])])).code,
    ).toBe(0);
    writeFileSync(file, `name: ${env}\nchannels: ["${channel}", nodefaults]\ndependencies: [libx, app]\n`);
    const result = await runAs(sandbox, name, ["env", "update", "-f", file, "-y"]);
    expect(result.code, result.stderr).toBe(0);
    const { stdout } = await runAs(sandbox, name, ["list", "-n", env, "--json"]);
    expect(JSON.parse(stdout).map((item: { name: string }) => item.name)).toEqual(
      expect.arrayContaining(["app", "libx"]),
    );
  }
});
