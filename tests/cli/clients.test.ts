import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { namedExecutables, pythonPrograms, type Ran, runClient } from "../support/clients.ts";
import { hasShell } from "../support/shells.ts";

/** The calls of programs that have conda or micromamba do their work, and, where they can be had, the programs. */
let sandbox: Sandbox;
let bin: string;
let url: string;
let packages: BuiltPackage[];

beforeAll(async () => {
  sandbox = createSandbox();
  bin = namedExecutables(sandbox);
  const directory = join(sandbox.dir, "channel");
  const spec = (name: string, version: string, depends: string[] = []) =>
    buildPackage({
      name,
      version,
      noarch: "generic",
      depends,
      timestamp: 1_600_000_000_000,
      files: [
        {
          path: `bin/${name}`,
          content: `#!/bin/sh\necho ${name} ${version} in "$CONDA_PREFIX"\n`,
          mode: 0o755,
        },
      ],
    });
  packages = [
    await spec("libx", "1.0"),
    await spec("libx", "1.1"),
    await spec("app", "1.0", ["libx", "__unix"]),
    await spec("app", "2.0", ["libx >=1.1", "__unix"]),
    await spec("say-it", "1.0"),
  ];
  await writeChannel(directory, packages, { subdirs: ["linux-64", "osx-arm64"] });
  url = `file://${directory}`;
  writeFileSync(join(sandbox.home, ".condarc"), `channels: ["${url}"]\n`);
  writeFileSync(
    join(sandbox.dir, "environment.yml"),
    `channels: ["${url}", nodefaults]\ndependencies: [app, libx]\n`,
  );
});
afterAll(() => sandbox.close());

const run = (command: string[], options?: Parameters<typeof runClient>[3]) =>
  runClient(sandbox, bin, command, options);

function good(result: Ran): Ran {
  expect(result.code, `${result.stdout}\n${result.stderr}`).toBe(0);
  return result;
}

describe("programs of the Python registry", () => {
  let programs: string | undefined;
  beforeAll(() => {
    programs = pythonPrograms("conda-lock==4.0.3", "pre-commit==4.7.0");
  }, 300_000);

  for (const name of ["micromamba", "conda"]) {
    it(`conda-lock locks two platforms, updates and installs with ${name}`, ({ skip }) => {
      if (!programs) return skip();
      const lockFile = join(sandbox.dir, `${name}-lock.yml`);
      const map = join(sandbox.dir, "map.yaml");
      writeFileSync(map, "{}");
      const call = (...args: string[]) => [
        join(programs!, "conda-lock"),
        ...args,
        "--conda",
        join(bin, name),
      ];
      const lock = call(
        "lock",
        "--no-mamba",
        "--lockfile",
        lockFile,
        "--pypi_to_conda_lookup_file",
        `file://${map}`,
      );
      const platforms = ["-p", "linux-64", "-p", "osx-arm64"];
      const locked = () =>
        (parse(readFileSync(lockFile, "utf8")) as { package: Record<string, string>[] }).package
          .map((entry) => `${entry["platform"]} ${entry["name"]} ${entry["version"]}`)
          .sort();
      writeFileSync(
        join(sandbox.dir, "old.yml"),
        `channels: ["${url}", nodefaults]\ndependencies: [app, "libx <2"]\n`,
      );
      good(run([...lock, "-f", "old.yml", ...platforms]));
      const everywhere = (...packages: string[]) =>
        ["linux-64", "osx-arm64"].flatMap((platform) => packages.map((text) => `${platform} ${text}`)).sort();
      expect(locked()).toEqual(everywhere("app 2.0", "libx 1.1"));

      // What is older in the lock is updated, by a solve on top of made-up installed packages.
      const text = readFileSync(lockFile, "utf8");
      const records = new Map(packages.map((built) => [built.fn, built.record]));
      const older = text
        .replaceAll("libx-1.1-0.conda", "libx-1.0-0.conda")
        .replaceAll("version: '1.1'", "version: '1.0'")
        .replaceAll(records.get("libx-1.1-0.conda")!.md5!, records.get("libx-1.0-0.conda")!.md5!)
        .replaceAll(records.get("libx-1.1-0.conda")!.sha256!, records.get("libx-1.0-0.conda")!.sha256!)
        .replaceAll("app-2.0-0.conda", "app-1.0-0.conda")
        .replaceAll("version: '2.0'", "version: '1.0'")
        .replaceAll(records.get("app-2.0-0.conda")!.md5!, records.get("app-1.0-0.conda")!.md5!)
        .replaceAll(records.get("app-2.0-0.conda")!.sha256!, records.get("app-1.0-0.conda")!.sha256!);
      writeFileSync(lockFile, older);
      good(run([...lock, "--update", "libx", ...platforms]));
      expect(locked()).toEqual(everywhere("app 1.0", "libx 1.1"));

      const prefix = join(sandbox.dir, `locked-${name}`);
      good(run([...call("install", "-p", prefix), lockFile]));
      expect(distsOf(prefix)).toEqual(["app-1.0-0", "libx-1.1-0"]);
    });
  }

  it("pre-commit makes environments for hooks, with additional dependencies", ({ skip }) => {
    if (!programs || !hasShell("git")) return skip();
    const git = (cwd: string, ...args: string[]) =>
      good(run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", ...args], { cwd }));
    const hooks = join(sandbox.dir, "hooks");
    mkdirSync(hooks);
    writeFileSync(
      join(hooks, ".pre-commit-hooks.yaml"),
      "- {id: say, name: say, entry: say-it, language: conda, pass_filenames: false, verbose: true}\n",
    );
    writeFileSync(
      join(hooks, "environment.yml"),
      `channels: ["${url}", nodefaults]\ndependencies: [say-it]\n`,
    );
    git(hooks, "init", "--quiet");
    git(hooks, "add", "--all");
    git(hooks, "commit", "--quiet", "-m", "hooks");
    const revision = git(hooks, "rev-parse", "HEAD").stdout.trim();

    const work = join(sandbox.dir, "work");
    mkdirSync(work);
    writeFileSync(
      join(work, ".pre-commit-config.yaml"),
      `repos: [{repo: "${hooks}", rev: "${revision}", hooks: [{id: say, additional_dependencies: [libx]}]}]\n`,
    );
    git(work, "init", "--quiet");
    git(work, "add", "--all");
    for (const variable of ["PRE_COMMIT_USE_MICROMAMBA", "PRE_COMMIT_USE_MAMBA"]) {
      const env = { PRE_COMMIT_HOME: join(sandbox.dir, variable), [variable]: "1" };
      const { stdout } = good(run([join(programs, "pre-commit"), "run", "--all-files"], { cwd: work, env }));
      expect(stdout).toMatch(/say-it 1\.0 in .*conda-default/);
    }
  });
});

describe("nox", () => {
  let programs: string | undefined;
  beforeAll(() => {
    programs = pythonPrograms("nox==2026.10.20");
  }, 300_000);

  for (const backend of ["micromamba", "mamba", "conda"]) {
    it(`makes its environments with ${backend}`, async ({ skip }) => {
      if (!programs) return skip();
      const directory = join(sandbox.dir, `nox-${backend}`);
      const channel = `file://${join(directory, "channel")}`;
      const stub = (name: string) => buildPackage({ name, version: "3.12.0", noarch: "generic", files: {} });
      await writeChannel(join(directory, "channel"), [...packages, await stub("python"), await stub("pip")], {
        subdirs: ["linux-64"],
      });
      writeFileSync(
        join(directory, "noxfile.py"),
        `import nox
@nox.session(venv_backend="${backend}", venv_params=["--override-channels", "--channel=${channel}"])
def work(session):
    session.conda_install("--override-channels", "app", channel="${channel}")
    session.run("app")
`,
      );
      // It looks for the network first, and adds --offline where there is none: channels of this machine are read all the same.
      const { stderr, stdout } = good(
        run([join(programs, "nox"), "-s", "work"], { cwd: directory, env: { COLUMNS: "200" } }),
      );
      expect(stdout + stderr).toContain(`app 2.0 in ${join(directory, ".nox", "work")}`);
    });
  }
});

function distsOf(prefix: string): string[] {
  return readdirSync(join(prefix, "conda-meta"))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -5))
    .sort();
}

const json = (result: Ran) => JSON.parse(good(result).stdout);

describe("calls of programs that are not there", () => {
  it("setup-micromamba: init, create, info, list, run, deinit", () => {
    const root = join(sandbox.dir, "action-root");
    const condarc = join(sandbox.dir, ".condarc");
    writeFileSync(condarc, `channels: ["${url}"]\n`);
    const tail = ["--log-level", "info", "--rc-file", condarc];
    const micromamba = (...args: string[]) => run(["micromamba", ...args]);
    good(micromamba("shell", "init", "-s", "bash", "-r", root, ...tail));
    const bashrc = readFileSync(join(sandbox.home, ".bashrc"), "utf8");
    expect(bashrc).toMatch(/\n?# >>> mamba initialize >>>.*# <<< mamba initialize <<</s);

    // The action splits its arguments at single spaces, so that one may be empty.
    good(micromamba("create", "-y", "-r", root, "-n", "test", "libx", "", "app", ...tail));
    const info = good(micromamba("info", "-r", root, "-n", "test")).stdout;
    expect(info).toMatch(/^\s+environment : test$/m);
    expect(info).toMatch(new RegExp(`^\\s+env location : ${root}/envs/test$`, "m"));
    expect(good(micromamba("list", "-r", root, "-n", "test")).stdout).toMatch(/\bapp +2\.0\b/);
    const ran = good(micromamba("run", "-r", root, "-n", "test", "app"));
    expect(ran.stdout.trim()).toBe(`app 2.0 in ${root}/envs/test`);

    writeFileSync(join(sandbox.home, ".bash_profile"), `${bashrc}\nmicromamba activate test\n`);
    const login = good(run(["bash", "--login", "-c", "echo $CONDA_PREFIX; micromamba info"]));
    expect(login.stdout.split("\n")[0]).toBe(`${root}/envs/test`);
    expect(login.stdout).toMatch(/environment : test/);
    rmSync(join(sandbox.home, ".bash_profile"));
    good(micromamba("shell", "deinit", "-s", "bash", "-r", root, "--log-level", "info"));
    expect(readFileSync(join(sandbox.home, ".bashrc"), "utf8")).not.toContain("mamba initialize");
  });

  it("Snakemake: info, config, env create, create from pins, list, clean", () => {
    const conda = (...args: string[]) => run(["conda", ...args]);
    expect(good(conda("--version")).stdout.match(/\d+\.\d+\.\d+/g)).toHaveLength(1);
    expect(json(conda("info", "--json"))).toMatchObject({ conda_prefix: sandbox.root, platform: "linux-64" });
    expect(json(conda("config", "--get", "channel_priority", "--json"))).toHaveProperty("get");
    const prefix = join(sandbox.dir, "snake", "0123456789abcdef_");
    good(
      conda(
        "env",
        "create",
        "--quiet",
        "--no-default-packages",
        "--file",
        "environment.yml",
        "--prefix",
        prefix,
      ),
    );
    expect(distsOf(prefix)).toEqual(["app-2.0-0", "libx-1.1-0"]);
    const pins = good(conda("list", "--explicit", "--prefix", prefix)).stdout;
    expect(pins).toContain("@EXPLICIT");
    writeFileSync(join(sandbox.dir, "env.linux-64.pin.txt"), pins);
    const pinned = join(sandbox.dir, "snake", "pinned");
    good(
      conda(
        "create",
        "--quiet",
        "--no-default-packages",
        "--file",
        "env.linux-64.pin.txt",
        "--prefix",
        pinned,
        "--yes",
      ),
    );
    expect(distsOf(pinned)).toEqual(distsOf(prefix));
    const archive = join(sandbox.dir, "channel", "noarch", "libx-1.0-0.conda");
    const packed = join(sandbox.dir, "snake", "packed");
    good(conda("create", "--quiet", "--yes", "--no-default-packages", "--prefix", packed, archive));
    expect(distsOf(packed)).toEqual(["libx-1.0-0"]);
    expect(good(conda("env", "export", "--prefix", prefix)).stdout).toContain("dependencies:");
    good(conda("clean", "-y", "--tarballs", "--packages"));
  });

  it("VS Code and Jupyter: info --json, list --json, run, environments.txt", () => {
    good(run(["conda", "create", "-y", "-n", "ide", "app"]));
    const info = json(run(["conda", "info", "--json"]));
    const prefix = join(sandbox.root, "envs", "ide");
    expect(info.envs).toContain(prefix);
    expect(info).toMatchObject({
      root_prefix: sandbox.root,
      envs_dirs: expect.arrayContaining([join(sandbox.root, "envs")]),
    });
    expect(json(run(["conda", "env", "list", "--json"])).envs).toContain(prefix);
    expect(
      json(run(["conda", "list", "-p", prefix, "--json"])).map(({ name }: { name: string }) => name),
    ).toEqual([...["app", "libx"]]);
    const ran = good(run(["conda", "run", "-p", prefix, "--no-capture-output", "app"]));
    expect(ran.stdout.trim()).toBe(`app 2.0 in ${prefix}`);
    expect(readFileSync(join(sandbox.home, ".conda", "environments.txt"), "utf8").split("\n")).toContain(
      prefix,
    );
  });

  it("setup-miniconda: conda below its root prefix, config, init --all, env update, a login shell", () => {
    const root = join(sandbox.dir, "base");
    const home = join(sandbox.dir, "base-home");
    mkdirSync(home);
    const env = { HOME: home, MAMBA_ROOT_PREFIX: root };
    good(run(["conda", "init", "bash"], { env }));
    const conda = (...args: string[]) =>
      run([join(root, "condabin", "conda"), ...args], { env: { HOME: home } });
    good(conda("config", "--add", "channels", url));
    good(conda("config", "--set", "auto_activate", "false"));
    const sources = json(conda("config", "--show-sources", "--json"));
    expect(sources[join(home, ".condarc")]).toMatchObject({ channels: [url] });
    expect(json(conda("config", "--show", "--json"))).toHaveProperty("default_activation_env");
    good(conda("init", "--all"));
    good(conda("create", "--name", "test", "--yes", "libx=1.0"));
    good(conda("env", "update", "--name", "test", "--file", join(sandbox.dir, "environment.yml")));
    expect(distsOf(join(root, "envs", "test"))).toEqual(["app-2.0-0", "libx-1.1-0"]);
    writeFileSync(join(home, ".bash_profile"), ". ~/.bashrc\nconda activate test\n");
    expect(good(run(["bash", "--login", "-c", "app"], { env: { HOME: home } })).stdout).toContain(
      `app 2.0 in ${join(root, "envs", "test")}`,
    );
  });

  it("Nextflow: create from an explicit list whose name does not tell what it is", () => {
    const locked = json(run(["conda", "create", "-n", "flow", "--dry-run", "--json", "app"]));
    const urls = locked.actions.LINK.map(({ url }: { url: string }) => url);
    const file = join(sandbox.dir, "process.lock");
    writeFileSync(file, `# a lock\n@EXPLICIT\n${urls.join("\n")}\n`);
    for (const name of ["conda", "mamba", "micromamba"]) {
      const prefix = join(sandbox.dir, "flows", name);
      good(run([name, "create", "--yes", "--quiet", "--prefix", prefix, "--file", file]));
      expect(distsOf(prefix)).toEqual(["app-2.0-0", "libx-1.1-0"]);
    }
  });

  it("PyCharm: environments, what is outdated, packages to add and to take away", () => {
    const named = ["-n", "charm"];
    good(run(["conda", "create", "-y", ...named, "libx=1.0"]));
    expect(json(run(["conda", "env", "list", "--json"])).envs).toContain(join(sandbox.root, "envs", "charm"));
    const { actions } = json(run(["conda", "update", "--dry-run", "--all", "--json", ...named]));
    expect([actions.UNLINK[0], actions.LINK[0]]).toMatchObject([
      { name: "libx", version: "1.0" },
      { name: "libx", version: "1.1" },
    ]);
    good(run(["conda", "install", "say-it", "-y", ...named]));
    good(run(["conda", "uninstall", "libx", "-y", ...named]));
    const installed = json(run(["conda", "list", "--json", ...named]));
    expect(installed).toMatchObject([{ name: "say-it", version: "1.0", channel: url }]);
    expect(good(run(["conda", "env", "export", "--no-builds", ...named])).stdout).toContain("- say-it=1.0\n");
  });
});
