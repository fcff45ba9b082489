import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { executableAs, runAs } from "../support/names.ts";
import { hasShell } from "../support/shells.ts";

let sandbox: Sandbox;

/** An environment with a program and a script of its own. */
function makeEnvironment(prefix: string, script = true): string {
  for (const dir of ["conda-meta", "bin", "etc/conda/activate.d"])
    mkdirSync(join(prefix, dir), { recursive: true });
  writeFileSync(join(prefix, "conda-meta", "history"), "");
  writeFileSync(
    join(prefix, "conda-meta", "state"),
    JSON.stringify({ version: 1, env_vars: { FROM_STATE: "it's $set" } }),
  );
  if (script) {
    writeFileSync(join(prefix, "etc/conda/activate.d", "x.sh"), "export FROM_SCRIPT=sourced\n");
    writeFileSync(join(prefix, "etc/conda/activate.d", "x.fish"), "set -gx FROM_SCRIPT sourced\n");
    writeFileSync(join(prefix, "etc/conda/activate.d", "x.csh"), "setenv FROM_SCRIPT sourced\n");
  }
  return prefix;
}

beforeAll(() => {
  sandbox = createSandbox();
  makeEnvironment(join(sandbox.root, "envs", "sci"));
  makeEnvironment(join(sandbox.root, "envs", "other"), false);
});
afterAll(() => sandbox.close());

interface Started {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A real shell in the sandbox's home. */
function shell(program: string, args: readonly string[], env: Record<string, string> = {}): Started {
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  return spawnSync(program, [...args], {
    cwd: sandbox.dir,
    env: { PATH: path, HOME: sandbox.home, MAMBA_ROOT_PREFIX: sandbox.root, TERM: "dumb", ...env },
    encoding: "utf8",
  });
}

const SHOW = 'echo "[$CONDA_DEFAULT_ENV|$CONDA_SHLVL|$FROM_STATE|$FROM_SCRIPT]"';

describe("shell init", () => {
  beforeEach(() => {
    for (const name of [".bashrc", ".zshrc"]) writeFileSync(join(sandbox.home, name), "# before\n");
  });
  const bashrc = () => readFileSync(join(sandbox.home, ".bashrc"), "utf8");

  it("shows the diff, writes micromamba's block once, keeps a backup, and takes it all away again", async () => {
    const dry = await sandbox.taipan("shell", "init", "-s", "bash", "--dry-run");
    expect(dry.stdout).toContain("+# >>> mamba initialize >>>");
    expect(bashrc()).toBe("# before\n");
    for (let i = 0; i < 2; i++) expect((await sandbox.taipan("shell", "init", "-s", "bash")).code).toBe(0);
    // setup-micromamba cuts the block out by this expression.
    expect(
      bashrc().match(
        /\n# >>> mamba initialize >>>(?:\n|\r\n)?([\s\S]*?)# <<< mamba initialize <<<(?:\n|\r\n)?/g,
      ),
    ).toHaveLength(1);
    expect(readFileSync(join(sandbox.home, ".bashrc.taipan-backup"), "utf8")).toBe("# before\n");
    expect((await sandbox.taipan("shell", "reinit", "--json")).json()).toMatchObject({
      success: true,
      files: [],
    });
    const gone = await sandbox.taipan("shell", "deinit", "-s", "bash", "--json");
    expect(gone.json<{ files: { path: string }[] }>().files.map((file) => file.path)).toContain(
      join(sandbox.home, ".bashrc"),
    );
    expect(bashrc()).toBe("# before\n");
    expect(existsSync(join(sandbox.root, "etc", "profile.d", "mamba.sh"))).toBe(false);
  });

  it("takes the root prefix as an option or as an argument, as setup-micromamba's calls give it", async () => {
    const rc = join(sandbox.dir, ".condarc");
    writeFileSync(rc, "channels: [x]\n");
    const root = join(sandbox.dir, "elsewhere");
    const result = await sandbox.taipan(
      ..."shell init -s bash -r".split(" "),
      root,
      "--log-level",
      "info",
      "--rc-file",
      rc,
    );
    expect(result.code).toBe(0);
    expect(bashrc()).toContain(`export MAMBA_ROOT_PREFIX='${root}';`);
    const other = join(sandbox.dir, "another");
    expect((await sandbox.taipan("shell", "init", "-s", "bash", other)).code).toBe(0);
    expect(bashrc()).toContain(`export MAMBA_ROOT_PREFIX='${other}';`);
    expect(bashrc()).not.toContain(`'${root}'`);
  });

  it("works as conda's `init`, with conda's files", async () => {
    const env = { SHELL: "/bin/zsh" };
    expect((await runAs(sandbox, "conda", ["init", "bash", "zsh"], env)).code).toBe(0);
    expect(bashrc()).toContain("managed by 'conda shell init'");
    expect(readFileSync(join(sandbox.home, ".zshrc"), "utf8")).toContain(executableAs(sandbox, "conda"));
    const script = `. '${sandbox.root}/etc/profile.d/conda.sh' && conda activate sci && ${SHOW}`;
    expect(shell("sh", ["-c", script])).toMatchObject({ stdout: "[sci|1|it's $set|sourced]\n", stderr: "" });
    const activate = `. '${sandbox.root}/bin/activate' sci && ${SHOW}`;
    if (hasShell("bash")) expect(shell("bash", ["-c", activate]).stdout).toBe("[sci|1|it's $set|sourced]\n");
    // Programs that look for conda by its place get the root prefix of that place, whatever the variable says.
    for (const directory of ["bin", "condabin"]) {
      const conda = join(sandbox.root, directory, "conda");
      expect(lstatSync(conda).isFile()).toBe(true);
      const elsewhere = `MAMBA_ROOT_PREFIX=/nowhere '${conda}'`;
      expect(shell("sh", ["-c", `${elsewhere} info --base`]).stdout).toBe(`${sandbox.root}\n`);
      expect(shell("sh", ["-c", `${elsewhere} --version`]).stdout).toMatch(/^conda \d/);
    }
    // R's reticulate and VS Code find conda by the first command of an environment's history.
    const made = join(sandbox.dir, "made");
    await runAs(sandbox, "conda", ["create", "--yes", "-p", made]);
    const history = readFileSync(join(made, "conda-meta", "history"), "utf8");
    expect(history).toContain(`# cmd: ${join(sandbox.root, "bin", "conda")} create --yes`);
    await runAs(sandbox, "conda", ["env", "remove", "--yes", "-p", made]);
    expect((await runAs(sandbox, "conda", ["init", "--reverse", "bash", "zsh"], env)).code).toBe(0);
    expect(bashrc()).toBe("# before\n");
    for (const file of ["bin/activate", "bin/conda", "condabin/conda"])
      expect(existsSync(join(sandbox.root, file)), file).toBe(false);
  });

  it("leaves the `bin/activate` and `bin/conda` of a package alone, and itself in their place", async () => {
    const paths = ["activate", "conda"].map((name) => join(sandbox.root, "bin", name));
    mkdirSync(dirname(paths[0]!), { recursive: true });
    for (const path of paths) writeFileSync(path, "#!/bin/sh\n# of a package\n");
    for (const how of [[], ["--reverse"]]) await runAs(sandbox, "conda", ["init", "bash", ...how]);
    for (const path of paths) expect(readFileSync(path, "utf8")).toBe("#!/bin/sh\n# of a package\n");

    const itself = join(sandbox.root, "bin", "mamba");
    symlinkSync(executableAs(sandbox, "mamba"), itself);
    const before = readFileSync(itself, "utf8");
    expect(shell("sh", ["-c", `'${itself}' shell init -s bash -r '${sandbox.root}'`]).stderr).not.toContain(
      "error",
    );
    expect(readFileSync(itself, "utf8")).toBe(before);
    expect(existsSync(join(sandbox.root, "condabin", "mamba"))).toBe(false);
    await runAs(sandbox, "mamba", ["shell", "deinit", "-s", "bash", "-r", sandbox.root]);
    for (const path of [itself, ...paths]) rmSync(path);
  });

  it.each([
    ["bash", "--norc", "-euo", "pipefail"],
    ["bash", "--norc", "--posix", "-eu"],
    ["zsh", "-eu"],
    ["zsh", "-o", "KSH_ARRAYS", "-o", "NOUNSET", "-e"],
    ["zsh", "-o", "SH_WORD_SPLIT", "-eu"],
    ["dash", "-eu"],
  ])("the hook bears strict options: %s %s %s %s", (...words) => {
    const [name = "", ...options] = words.filter(Boolean);
    if (!hasShell(name)) return;
    const odd = join(sandbox.root, "envs", `it's "odd" ü`);
    mkdirSync(join(odd, "conda-meta"), { recursive: true });
    writeFileSync(join(odd, "conda-meta", "history"), "");
    const script = [
      `eval "$('${executableAs(sandbox, "micromamba")}' shell hook -s ${name})"`,
      'micromamba activate sci; micromamba activate "$ODD"; echo "$CONDA_PREFIX"',
      'PATH="/mine:$PATH"; micromamba activate --stack sci; micromamba reactivate; echo "$CONDA_SHLVL"',
      "for i in 1 2 3 4; do micromamba deactivate; done",
      'echo "${CONDA_PREFIX-none} ${PATH%%:*}"; micromamba activate nowhere 2>/dev/null || echo failed',
      'case "$PATH" in *envs*) echo "left over: $PATH";; esac',
    ].join("\n");
    const result = shell(name, [...options, "-c", script], { ODD: odd });
    rmSync(odd, { recursive: true });
    expect(result).toMatchObject({ stdout: `${odd}\n3\nnone /mine\nfailed\n`, stderr: "" });
  });

  it.skipIf(!hasShell("bash"))("makes a new login shell activate", async () => {
    writeFileSync(join(sandbox.home, ".bash_profile"), ". ~/.bashrc\n");
    await sandbox.taipan("shell", "init", "-s", "bash");
    const script = `taipan activate sci; ${SHOW}; taipan deactivate; ${SHOW}; taipan env list --json`;
    const result = shell("bash", ["--login", "-c", script], { SHELL: "/bin/bash" });
    expect(result.stderr).toBe("");
    expect(result.stdout).toMatch(/^\[sci\|1\|it's \$set\|sourced\]\n\[\|0\|\|sourced\]\n\{/);
    await sandbox.taipan("shell", "deinit", "-s", "bash");
  });
});

const HOOKED: Record<string, (exe: string) => [args: string[], script: string]> = {
  bash: (exe) => [
    ["--norc", "-c"],
    `eval "$('${exe}' shell hook -s bash)"\ntaipan activate sci\n${SHOW}\ntaipan activate --stack other\n${SHOW}\ntaipan deactivate\n${SHOW}\n`,
  ],
  zsh: (exe) => [
    ["-f", "-c"],
    `eval "$('${exe}' shell hook -s zsh)"\ntaipan activate sci\n${SHOW}\ntaipan activate --stack other\n${SHOW}\ntaipan deactivate\n${SHOW}\n`,
  ],
  dash: (exe) => [
    ["-c"],
    `eval "$('${exe}' shell.posix hook)"\ntaipan activate sci\n${SHOW}\ntaipan activate --stack other\n${SHOW}\ntaipan deactivate\n${SHOW}\n`,
  ],
  fish: (exe) => [
    ["--no-config", "-c"],
    `'${exe}' shell hook -s fish | source\ntaipan activate sci\n${SHOW}\ntaipan activate --stack other\n${SHOW}\ntaipan deactivate\n${SHOW}\n`,
  ],
  tcsh: (exe) => [
    ["-f", "-c"],
    `eval "\`'${exe}' shell hook -s tcsh\`"\ntaipan activate sci\n${SHOW}\ntaipan activate --stack other\n${SHOW}\ntaipan deactivate\n${SHOW}\n`,
  ],
};

describe("a hooked shell", () => {
  it.each(Object.keys(HOOKED).filter(hasShell))("%s activates, stacks and deactivates", (name) => {
    const [args, script] = HOOKED[name]!(join(import.meta.dirname, "../../bin/taipan.js"));
    const file = join(sandbox.dir, `script.${name}`);
    writeFileSync(file, script);
    const run = name === "tcsh" ? ["-f", file] : [...args.slice(0, -1), file];
    const result = shell(name, run);
    expect(result.stderr).toBe("");
    const outer = "[sci|1|it's $set|sourced]";
    expect(result.stdout.trim().split("\n")).toEqual([outer, "[other|2|it's $set|sourced]", outer]);
  });

  it("is told what is wrong, and keeps its environment", async () => {
    const exe = join(import.meta.dirname, "../../bin/taipan.js");
    const result = shell("sh", [
      "-c",
      `eval "$('${exe}' shell hook -s posix)"; taipan activate sic; echo "$? [$CONDA_PREFIX]"`,
    ]);
    expect(result.stdout).toBe("1 []\n");
    expect(result.stderr).toContain("did you mean `sci`?");
  });
});

describe("without a hook", () => {
  it("says how to get one", async () => {
    for (const verb of ["activate", "deactivate"]) {
      const result = await runAs(
        sandbox,
        "micromamba",
        verb === "activate" ? [verb, "sci", "--stack"] : [verb],
      );
      expect(result.code).toBeGreaterThan(0);
      expect(result.stdout).toBe("");
      expect(result.stderr).toContain(`eval "$(micromamba shell hook -s bash)"`);
    }
  });

  it("starts a shell inside an environment", () => {
    const program = join(sandbox.dir, "my-shell");
    writeFileSync(program, `#!/bin/sh\n${SHOW}\nexit 3\n`, { mode: 0o755 });
    const exe = join(import.meta.dirname, "../../bin/taipan.js");
    const result = shell(exe, ["shell", "-n", "sci"], { SHELL: program });
    expect([result.status, result.stdout, result.stderr]).toEqual([3, "[sci|1|it's $set|sourced]\n", ""]);
  });

  it("prints steps as JSON, and refuses unknown shells", async () => {
    const document = (await sandbox.taipan("shell", "activate", "sci", "-s", "posix", "--json")).json<{
      operation: string;
      actions: { print: string[] };
    }>();
    expect(document).toMatchObject({ operation: "activate", context: { shell_type: "posix" } });
    expect(document.actions.print[0]).toContain("CONDA_DEFAULT_ENV='sci'");
    const unknown = await sandbox.taipan("shell", "hook", "-s", "zhs");
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("did you mean `zsh`?")]);
    expect((await sandbox.taipan("shell", "activate", "-s", "cmd.exe", "-n", "sci")).stdout).toMatch(
      /\.bat\n$/,
    );
  });
});

describe.runIf(hasShell("tcsh"))("the prompt of tcsh, which is no variable of its environment", () => {
  it("gets the environment's name and its old text back", () => {
    const exe = executableAs(sandbox, "taipan");
    const hook = join(sandbox.dir, "hook.csh");
    const script = join(sandbox.dir, "prompt.csh");
    writeFileSync(
      script,
      `"${exe}" shell hook -s tcsh > "${hook}"
source "${hook}"
taipan activate sci
echo without $?prompt
taipan deactivate
set prompt = '%n "x" it is > '
taipan activate sci
echo "one $prompt"
taipan activate other
echo "two $prompt"
taipan deactivate
taipan deactivate
echo "none $prompt"
env | grep '^prompt='
`,
    );
    const env = { PATH: process.env["PATH"], HOME: sandbox.home, MAMBA_ROOT_PREFIX: sandbox.root };
    const result = spawnSync("tcsh", ["-f", script], { env, encoding: "utf8", cwd: sandbox.dir });
    expect(result.stdout.split("\n"), result.stderr).toEqual([
      "without 0",
      'one (sci) %n "x" it is > ',
      'two (other) %n "x" it is > ',
      'none %n "x" it is > ',
      "",
    ]);
  });
});

describe("completion", () => {
  const complete = async (...words: string[]) =>
    (await sandbox.taipan("completer", "--", ...words)).stdout.split("\n").filter(Boolean);

  it("offers commands, options, environments, keys and shells", async () => {
    expect(await complete("ins")).toEqual(["install"]);
    expect(await complete("shell", "de")).toEqual(["deactivate", "deinit"]);
    expect(await complete("create", "--over")).toEqual(["--override-channels", "--override-frozen"]);
    expect(await complete("run", "-n", "s")).toEqual(["sci"]);
    expect(await complete("activate", "")).toEqual(["base", "other", "sci"]);
    expect(await complete("config", "set", "channel_p")).toEqual(["channel_priority"]);
    expect(await complete("shell", "hook", "--shell=f")).toEqual(["--shell=fish"]);
    expect(await complete("install", "--channel-priority", "")).toEqual(["disabled", "flexible", "strict"]);
  });
});
