import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { listCells } from "../../src/cli/render/package-list.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";
import { runAs as runByName } from "../support/names.ts";

let sandbox: Sandbox;
let url: string;
let channel: string[];

beforeAll(async () => {
  sandbox = createSandbox();
  ({ url } = await writeWorld(join(sandbox.dir, "channel")));
  channel = ["-c", url, "--override-channels"];
  const made = await run("create", "-n", "e", "app=1", "libx=1.0", ...channel, "-y");
  expect(made.code, made.stderr).toBe(0);
});
afterAll(() => sandbox.close());

const run = (...words: string[]) => sandbox.taipanWith({ env: FIXED_ENV }, ...words);

/** As conda or micromamba: the name decides. */
const runAs = (name: string, words: string[], input = "") =>
  runByName(sandbox, name, words, FIXED_ENV, input);

type Actions = { actions?: Record<string, { name: string; version: string }[]> };
const names = (result: { stdout: string }, what: "LINK" | "UNLINK") =>
  ((JSON.parse(result.stdout) as Actions).actions?.[what] ?? []).map(
    ({ name, version }) => `${name} ${version}`,
  );

describe("what conda's install and update take", () => {
  const dry = ["--dry-run", "--json"];

  it("-S leaves alone what satisfies the request, --update-specs does not", async () => {
    const words = ["install", "-n", "e", "app", ...channel, ...dry];
    expect(names(await runAs("conda", words), "LINK")).toContain("app 2.0");
    expect(names(await runAs("conda", [...words, "-S"]), "LINK")).toEqual([]);
    expect(names(await run(...words), "LINK")).toEqual([]);
    expect(names(await run(...words, "--update-specs"), "LINK")).toContain("app 2.0");
  });

  it("install --all updates everything, update --freeze-installed nothing else", async () => {
    const all = await run("install", "-n", "e", "--all", ...channel, ...dry);
    expect(names(all, "LINK").sort()).toEqual(["app 2.0", "libx 1.1"]);
    const frozen = await run("update", "-n", "e", "app", "--freeze-installed", ...channel, ...dry);
    expect(frozen.json()).toMatchObject({ success: frozen.code === 0 });
    expect(names(frozen, "UNLINK")).not.toContain("libx 1.0");
  });

  it("-m makes the environment, --use-local is the channel `local`", async () => {
    const missing = ["install", "-n", "made", "libx", ...channel, "-y"];
    expect((await run(...missing)).code).toBe(1);
    expect((await run(...missing, "-m")).code).toBe(0);
    const local = await run("create", "-n", "l", "nothing-there", "--use-local", "--override-channels", "-d");
    expect([local.code, local.stderr]).toEqual([1, expect.stringMatching(/conda-bld|local/)]);
  });

  it("--experimental takes a value only as conda has it", async () => {
    const conda = await runAs("conda", [
      "create",
      "-n",
      "x",
      "--experimental",
      "jlap",
      "libx",
      ...channel,
      "-d",
    ]);
    expect([conda.code, conda.stdout]).toEqual([0, expect.stringContaining("libx")]);
    const mamba = await runAs("micromamba", [
      "create",
      "-n",
      "x",
      "--experimental",
      "libx",
      ...channel,
      "--dry-run",
    ]);
    expect([mamba.code, mamba.stdout]).toEqual([0, expect.stringContaining("libx")]);
  });
});

describe("choices and lists of values", () => {
  it("are the same in capitals", async () => {
    const result = await run("create", "-n", "c", "libx", ...channel, "-d", "--channel-priority", "STRICT");
    expect(result.code, result.stderr).toBe(0);
    const wrong = await run("create", "-n", "c", "libx", "--channel-priority", "strct");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("strict, flexible, disabled")]);
  });

  it("go on to the next option for micromamba, and not for the others", async () => {
    const words = ["create", "-n", "c", "--category", "main", "libx", ...channel, "--dry-run"];
    // As categories, both need a lock file; as a spec, there is one request left.
    const greedy = await runAs("micromamba", words);
    expect([greedy.code, greedy.stderr]).toEqual([2, expect.stringContaining("--category")]);
    const own = ["create", "-n", "c", "--trusted-channels", url, "libx", ...channel, "--dry-run"];
    expect((await run(...own)).stdout).toContain("libx");
    expect((await runAs("micromamba", own)).stdout).not.toContain("libx");
  });
});

describe("show_channel_urls", () => {
  it("shows URLs in transactions", async () => {
    const plan = ["install", "-n", "e", "app=2", ...channel, "--dry-run"];
    expect((await run(...plan)).stdout).not.toContain(url);
    expect((await run(...plan, "--show-channel-urls")).stdout).toContain(`${url}/linux-64`);
    const env = { ...FIXED_ENV, CONDA_SHOW_CHANNEL_URLS: "true" };
    expect((await sandbox.taipanWith({ env }, ...plan)).stdout).toContain(`${url}/linux-64`);
    expect((await sandbox.taipanWith({ env }, ...plan, "--no-show-channel-urls")).stdout).not.toContain(url);
  });

  it("shows URLs in lists, without credentials", () => {
    const base_url = "https://me:secret@conda.anaconda.org/t/tk-1-2-3/chan";
    const item = { name: "x", channel: "https://conda.anaconda.org/chan", base_url };
    expect(listCells(item, ["name", "channel"])).toEqual(["x", "chan"]);
    const [, shown] = listCells(item, ["name", "channel"], true);
    expect(shown).toMatch(/^https:\/\/.*conda\.anaconda\.org\/.*chan$/);
    expect(shown).not.toMatch(/secret|tk-1/);
    expect(listCells({ name: "p", channel: "pypi", base_url }, ["channel"], true)).toEqual(["pypi"]);
  });
});

describe("environments as a whole", () => {
  it("remove --all --keep-env leaves an empty environment", async () => {
    await run("create", "-n", "k", "app=1", ...channel, "-y");
    const alone = await run("remove", "-n", "k", "libx", "--keep-env", "-y");
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("goes with --all")]);
    const result = await run("remove", "-n", "k", "--all", "--keep-env", "-y");
    expect(result.code, result.stderr).toBe(0);
    const meta = join(sandbox.root, "envs", "k", "conda-meta");
    expect(readdirSync(meta).filter((name) => name.endsWith(".json"))).toEqual([]);
    expect(existsSync(join(meta, "history"))).toBe(true);
  });

  it("env create --force replaces what is there, and nobody is asked", async () => {
    const file = join(sandbox.dir, "force.yml");
    const create = (packages: string, ...words: string[]) => {
      writeFileSync(file, `name: f\nchannels: ["${url}", nodefaults]\ndependencies: [${packages}]\n`);
      return runAs("conda", ["env", "create", "-f", file, ...words]);
    };
    expect((await create("libx")).code).toBe(0);
    const again = await create("conf-a");
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringMatching(/^CondaValueError: prefix already exists: /),
    ]);
    expect((await create("conf-a", "--force")).code).toBe(0);
    expect((await run("list", "-n", "f")).stdout).toContain("conf-a");
  });

  it("--size tells how large environments are", async () => {
    const text = await run("env", "list", "--size");
    expect(text.stdout).toMatch(/Name +Active +Size +Path\n/);
    const all = (await run("info", "--envs", "--size", "--json")).json<{
      envs_details: Record<string, { size: number }>;
      envs_dirs: string[];
    }>();
    const details = all.envs_details;
    // Editors ask for this part of `info` and read the directories of environments from it.
    expect(all.envs_dirs).toEqual([join(sandbox.root, "envs")]);
    expect(details[join(sandbox.root, "envs", "e")]!.size).toBe("app 1.0\nlibx 1.0\n".length);
  });

  it("search --envs finds where a package is", async () => {
    const found = await run("search", "--envs", "app");
    expect(found.stdout).toMatch(/app +1\.0 +0 .*envs\/e\n/);
    const json = (await run("search", "--envs", "app", "--json")).json<
      { location: string; package_records: { name: string }[] }[]
    >();
    expect(json).toMatchObject([
      { location: join(sandbox.root, "envs", "e"), package_records: [{ name: "app" }] },
    ]);
    const none = await run("search", "--envs", "zzz");
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("No environment has `zzz`")]);
  });

  it("package --which names the package of a file", async () => {
    const file = join(sandbox.root, "envs", "e", "share", "app", "f.txt");
    const found = await run("package", "-w", file);
    expect([found.code, found.stdout]).toEqual([0, expect.stringMatching(/f\.txt +app-1\.0-0\n/)]);
    const json = await run("package", "-n", "e", "--which", "share/app/f.txt", "-w", "share/no", "--json");
    expect(json.code).toBe(1);
    expect(json.json()).toMatchObject([{ path: file, packages: ["app-1.0-0"] }, { packages: [] }]);
    const outside = await run("package", "-w", "/etc/passwd");
    expect([outside.code, outside.stderr]).toEqual([1, expect.stringContaining("is in no environment")]);
  });

  it("info --system shows the variables, and no secret", async () => {
    const env = { ...FIXED_ENV, CONDA_TEST_URL: "https://me:secret@host/x", HTTPS_PROXY: "http://u:p@proxy" };
    const { stdout } = await sandbox.taipanWith({ env }, "info", "-s");
    expect(stdout).toContain("CONDA_SUBDIR: linux-64\n");
    expect(stdout).toContain("HTTPS_PROXY: <set>\n");
    expect(stdout).not.toMatch(/secret|u:p/);
    expect((await run("info", "--json")).json()).toHaveProperty("env_vars.CONDA_SUBDIR", "linux-64");
  });

  it("list -r is the history for conda, and the root prefix for the others", async () => {
    expect((await runAs("conda", ["list", "-n", "e", "-r"])).stdout).toContain("(rev 0)");
    expect((await run("list", "-n", "e", "-r", sandbox.root)).stdout).toContain("app");
  });
});

describe("conda config", () => {
  const rc = () => join(sandbox.dir, "own.yml");

  it("--stdin sets what YAML says, and refuses what is no key", async () => {
    writeFileSync(rc(), "# mine\nchannels: [a]\nalways_yes: true\n");
    const yaml = "channels: [b, c]\nchannel_priority: strict\n";
    expect((await runAs("conda", ["config", "--stdin", "--file", rc()], yaml)).code).toBe(0);
    expect(readFileSync(rc(), "utf8")).toBe(
      "# mine\nchannels: [b, c]\nalways_yes: true\nchannel_priority: strict\n",
    );
    for (const bad of ["chanels: [x]\n", "channel_priority: sometimes\n", "[x]\n", "a: [\n"]) {
      const result = await runAs("conda", ["config", "--stdin", "--file", rc()], bad);
      expect([result.code, result.stderr], bad).toEqual([1, expect.stringContaining("Error: ")]);
    }
    expect(readFileSync(rc(), "utf8")).toContain("channel_priority: strict\n");
  });

  it("--write-default writes every key as a comment, into a file that says nothing", async () => {
    writeFileSync(rc(), "always_yes: true\n");
    expect((await run("config", "--write-default", "--file", rc())).code).toBe(1);
    rmSync(rc());
    expect((await run("config", "--write-default", "--file", rc())).code).toBe(0);
    const text = readFileSync(rc(), "utf8");
    expect(text).toContain("# channel_priority: flexible\n");
    expect(text.split("\n").every((line) => line === "" || line.startsWith("#"))).toBe(true);
    expect((await run("list", "-n", "e", "--rc-file", rc())).code).toBe(0);
  });
});

describe("variables of environments", () => {
  it("are in upper case for the peers, as given for taipan, or as the key says", async () => {
    const set = ["env", "config", "vars", "set", "-n", "e"];
    const shown = async () => (await run("env", "config", "vars", "list", "-n", "e", "--json")).json();
    await runAs("conda", [...set, "my_var=a=b"]);
    expect(await shown()).toEqual({ MY_VAR: "a=b" });
    await runAs("micromamba", ["env", "config", "vars", "unset", "-n", "e", "my_var"]);
    await run(...set, "my_var=1");
    expect(await shown()).toEqual({ my_var: "1" });
    await run("env", "config", "vars", "unset", "-n", "e", "my_var");
    const env = { ...FIXED_ENV, CONDA_ENVVARS_FORCE_UPPERCASE: "true" };
    await sandbox.taipanWith({ env }, ...set, "my_var=2");
    expect(await shown()).toEqual({ MY_VAR: "2" });
  });
});

describe("keys that the solver heeds", () => {
  it("track_features brings a package that tracks the feature", async () => {
    const dir = join(sandbox.dir, "features");
    const packages = await Promise.all(
      [
        { name: "tracker", version: "1", subdir: "linux-64", extraIndex: { track_features: "mkl" } },
        { name: "lib", version: "1", subdir: "linux-64" },
      ].map(buildPackage),
    );
    await writeChannel(dir, packages, { subdirs: ["linux-64"] });
    const words = ["create", "-n", "t", "lib", "-c", pathToFileURL(dir).href, "--override-channels"];
    expect(names(await run(...words, "-d", "--json"), "LINK")).toEqual(["lib 1"]);
    const env = { ...FIXED_ENV, CONDA_TRACK_FEATURES: "mkl" };
    const tracked = await sandbox.taipanWith({ env }, ...words, "-d", "--json");
    expect(names(tracked, "LINK").sort(), tracked.stderr).toEqual(["lib 1", "tracker 1"]);
    const missing = await sandbox.taipanWith(
      { env: { ...env, CONDA_TRACK_FEATURES: "nomkl" } },
      ...words,
      "-d",
    );
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("nomkl")]);
  });

  it("override_virtual_packages says what the machine has, below CONDA_OVERRIDE_*", async () => {
    writeFileSync(
      join(sandbox.home, ".condarc"),
      "override_virtual_packages:\n  cuda: '12.4'\n  __glibc: '2.99'\n",
    );
    const virtual = (await run("info", "--json")).json<{ virtual_pkgs: string[][] }>().virtual_pkgs;
    expect(virtual).toContainEqual(["__cuda", "12.4", "0"]);
    expect(virtual).toContainEqual(["__glibc", "2.31", "0"]);
    rmSync(join(sandbox.home, ".condarc"));
  });

  it("use_only_tar_bz2 leaves .conda packages out, in flat files and in shards", async () => {
    const dir = join(sandbox.dir, "formats");
    const spec = (name: string, version: string, format: "conda" | "tar.bz2") =>
      buildPackage({ name, version, subdir: "linux-64", format, files: { [`share/${name}`]: version } });
    const packages = [
      await spec("both", "1", "conda"),
      await spec("both", "1", "tar.bz2"),
      await spec("newer", "2", "conda"),
      await spec("newer", "1", "tar.bz2"),
    ];
    await writeChannel(dir, packages, { subdirs: ["linux-64"], shards: true });
    const words = [
      "create",
      "-n",
      "b",
      "both",
      "newer",
      "-c",
      pathToFileURL(dir).href,
      "--override-channels",
    ];
    const files = async (env: Record<string, string>) => {
      const result = await sandbox.taipanWith({ env: { ...FIXED_ENV, ...env } }, ...words, "-d", "--json");
      const { actions } = result.json<{ actions: { LINK: { fn: string }[] } }>();
      return actions.LINK.map(({ fn }) => fn).sort();
    };
    expect(await files({})).toEqual(["both-1-0.conda", "newer-2-0.conda"]);
    for (const shards of ["true", "false"])
      expect(await files({ CONDA_USE_ONLY_TAR_BZ2: "true", MAMBA_USE_SHARDED_REPODATA: shards })).toEqual([
        "both-1-0.tar.bz2",
        "newer-1-0.tar.bz2",
      ]);
  });

  it("default_threads is the number where another is not given", async () => {
    const env = { ...FIXED_ENV, CONDA_DEFAULT_THREADS: "3", CONDA_FETCH_THREADS: "7" };
    const shown = await sandbox.taipanWith(
      { env },
      ...["config", "list", "--all", "download_threads", "extract_threads", "--json"],
    );
    expect(shown.json()).toEqual({ download_threads: 7, extract_threads: 3 });
  });
});

describe("shell enable_long_path_support", () => {
  it("has nothing to do but on Windows", async () => {
    const result = await run("shell", "enable_long_path_support", "--json");
    expect(result.json()).toEqual({ success: true, long_paths: "unneeded" });
  });
});

describe("what conda's activation takes", () => {
  const activate = (...words: string[]) => runAs("conda", ["shell.posix", "activate", ...words]);

  it("no word, --dev, and --no-stack in spite of auto_stack", async () => {
    const target = (text: string) => /CONDA_PREFIX='(.*)'/.exec(text)?.[1];
    expect(target((await activate("")).stdout)).toBe(target((await activate()).stdout));
    expect(target((await activate("--dev", "e")).stdout)).toBe(join(sandbox.root, "envs", "e"));
    expect((await runAs("conda", ["shell.posix", "deactivate", "--dev"])).code).toBe(0);
    const stacked = async (...words: string[]) => {
      const script = 'CONDA_SHLVL=1 CONDA_PREFIX=/x conda shell.posix activate "$@"';
      const file = join(sandbox.home, ".condarc");
      writeFileSync(file, "auto_stack: 1\n");
      const { stdout } = await runAs("conda", ["run", "-n", "e", "sh", "-c", script, "-", ...words]);
      rmSync(file);
      return stdout.includes("CONDA_STACKED_2");
    };
    expect([await stacked("e"), await stacked("--no-stack", "e")]).toEqual([true, false]);
  });

  it("known operations only, and helps with what was typed", async () => {
    expect((await runAs("conda", ["shell.posix", "bogus"])).stderr).toContain(
      "or 'reactivate' command must be given",
    );
    for (const word of ["-h", "--help", "/?"])
      expect(await activate(word)).toMatchObject({
        code: 0,
        stdout: "",
        stderr: expect.stringMatching(/^Usage: conda activate/),
      });
  });
});

it("a damaged record is conda's CorruptedEnvironmentError, with the file's name", async () => {
  const file = join(sandbox.dir, "damaged", "conda-meta", "x-1-0.json");
  mkdirSync(dirname(file), { recursive: true });
  for (const content of ['{"name": "x",', '{"name": "x"}']) {
    writeFileSync(file, content);
    const words = ["list", "-p", join(sandbox.dir, "damaged")];
    expect((await runAs("conda", words)).stderr).toMatch(
      /^CorruptedEnvironmentError: The target environment has been corrupted\.\n {2}corrupted file: .*x-1-0\.json\n/,
    );
    const { stdout } = await runAs("conda", [...words, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ exception_name: "CorruptedEnvironmentError" });
  }
});

it("export takes the platform that the environment is for, and knows the others", async () => {
  const { stdout } = await run("info", "--json");
  const own = JSON.parse(stdout).platform as string;
  const other = own === "win-64" ? "linux-64" : "win-64";
  expect((await run("export", "-n", "e", "--platform", own)).stdout).toMatch(/^name: e\n/);
  const refused = await run("export", "-n", "e", "--platform", own, "--subdir", other);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(`lock --platform ${other}`)]);
  const unknown = await runAs("conda", ["export", "-n", "e", "--platform", "idontexist"]);
  expect(unknown.stderr).toMatch(/^CondaValueError: Could not find platform\(s\): idontexist\n/);
});
