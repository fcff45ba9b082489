import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { COMMANDS } from "../../src/cli/verbs.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";
import { repoRoot } from "../support/shared.ts";

let sandbox: Sandbox;
let prefix: string;
let url: string;
const run = (...words: string[]) => sandbox.taipanWith({ env: FIXED_ENV }, ...words);

/** Files of the user's in the environment, or what `directory` names, until the test ends. */
function writeFiles(files: Record<string, string>, directory = prefix): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    onTestFinished(() => rmSync(path, { force: true }));
  }
}

beforeAll(async () => {
  sandbox = createSandbox();
  ({ url } = await writeWorld(join(sandbox.dir, "channel")));
  prefix = join(sandbox.root, "envs", "e");
  const made = await run("create", "-n", "e", "app=1", "-c", url, "--override-channels", "-y");
  expect(made.code, made.stderr).toBe(0);
});
afterAll(() => sandbox.close());

describe("what conda has and few type", () => {
  it("package --untracked names what no package brought, and nothing else", async () => {
    expect((await run("package", "-n", "e", "--untracked")).stdout).toBe("");
    writeFiles({ "mine/notes.txt": "", "mine/x.pyc": "", "mine/old~": "", top: "" });
    expect((await run("package", "-n", "e", "-u")).stdout).toBe("mine/notes.txt\ntop\n");
  });

  it("clean --source-cache alone cleans nothing, however it is told to say so", async () => {
    for (const how of [[], ["-q"], ["--json"], ["--dry-run"]]) {
      const result = await run("clean", "-s", "-y", ...how);
      expect([how, result.code, result.stderr]).toEqual([how, 0, expect.stringContaining("conda-build")]);
    }
  });

  it("clean --tempfiles looks into environments that it is given", async () => {
    const inUse = ["lib.so.c~", "mine/x.trash", "mine/y.mamba_trash"];
    writeFiles({ top: "", ...Object.fromEntries(inUse.map((name) => [name, "in use"])) });
    const left = inUse.map((name) => join(prefix, name));
    const astray = await run("clean", "--tempfiles", join(prefix, "mine"), "-y");
    expect([astray.code, astray.stderr]).toEqual([1, expect.stringContaining("no environment at")]);
    const bare = await run("clean", "--locks", prefix, "-y");
    expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining("--tempfiles")]);
    const done = await run("clean", "-c", prefix, "-y", "--json");
    expect(done.json<{ tempfiles: string[] }>().tempfiles.sort()).toEqual(left);
    expect(left.filter((path) => existsSync(path))).toEqual([]);
    expect(existsSync(join(prefix, "top"))).toBe(true);
  });

  it("commands and doctor --list say what there is", async () => {
    const commands = (await run("commands")).stdout.trim().split("\n");
    const visible = COMMANDS.filter(({ hidden }) => !hidden).map(({ name }) => name);
    expect(visible.filter((name) => !commands.includes(name))).toEqual([]);
    expect(commands).not.toContain("completer");
    const checks = (await run("doctor", "-n", "e", "--json")).json<{ checks: { name: string }[] }>().checks;
    const listed = (await run("doctor", "--list", "--json")).json();
    const names = checks.map(({ name }) => name);
    expect([...names, "network"].sort()).toEqual(Object.keys(listed).sort());
  });

  it("info --licenses has every package that is installed with taipan", async () => {
    const { packages } = JSON.parse(readFileSync(join(repoRoot, "package-lock.json"), "utf8")) as {
      packages: Record<string, { dev?: boolean; license: string }>;
    };
    const installed = Object.entries(packages)
      .filter(([path, { dev }]) => path !== "" && !dev && !/node-zstd-/.test(path))
      .map(([path, { license }]) => [path.replace(/^.*node_modules\//, ""), license]);
    expect((await run("info", "--licenses", "--json")).json()).toEqual({
      licenses: { taipan: "BSD-3-Clause", ...Object.fromEntries(installed) },
    });
  });

  it("allow_non_channel_urls makes a warning of a channel that is none", async () => {
    const words = ["search", "app", "-c", `file://${sandbox.home}`, "-c", url, "--override-channels"];
    const refused = await run(...words);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("has neither")]);
    writeFiles({ ".condarc": "allow_non_channel_urls: true\n" }, sandbox.home);
    const warned = await run(...words);
    expect([warned.code, warned.stderr]).toEqual([0, expect.stringMatching(/^warning: .*has neither/m)]);
    expect(warned.stdout).toContain("app");
  });

  it("run takes conda's options about its wrapper script, which there is none of", async () => {
    for (const option of ["--dev", "--debug-wrapper-scripts"]) {
      const ran = await run("run", "-n", "e", option, "echo", "--dev");
      expect([ran.code, ran.stdout]).toEqual([0, "--dev\n"]);
      expect(ran.stderr).toContain(`\`${option}\` has no effect`);
    }
  });

  it("takes --dev everywhere, and refuses with a reason what is not built", async () => {
    expect((await run("remove", "-n", "e", "app", "--dev", "--dry-run")).code).toBe(0);
    for (const [words, reason] of [
      [["package", "--reset"], "--untracked"],
      [["init", "--no-user", "bash"], "its user"],
      [["search", "--outdated", "app"], "update --all --dry-run"],
      [["search", "--reverse-dependency", "app"], "whoneeds"],
    ] as const) {
      const { code, stderr } = await run(...words);
      expect([code, stderr]).toEqual([2, expect.stringContaining(reason)]);
    }
    const slip = await run("export", "-n", "e", "--format", "condalock");
    expect([slip.code, slip.stderr]).toEqual([2, expect.stringContaining("did you mean `conda-lock`?")]);
  });
});
