import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guessShell } from "../../src/shell/guess.ts";
import {
  applyInit,
  BACKUP_SUFFIX,
  initDiff,
  planDeinit,
  planInit,
  planReinit,
  startupFile,
} from "../../src/shell/init.ts";
import { addInitBlock, autoRunValue, removeInitBlocks } from "../../src/shell/init-block.ts";
import { SHELLS, type Shell } from "../../src/shell/syntax.ts";
import { hasShell } from "../support/shells.ts";

const input = { name: "taipan", exe: "/opt/taipan", rootPrefix: "/opt/root" };
const withFile = SHELLS.filter((shell) => shell !== "cmd.exe");

function place(extra: Partial<typeof input> = {}) {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "taipan-init-")));
  return { ...input, rootPrefix: join(home, "root"), ...extra, home, env: {}, platform: "linux-64" };
}

describe("init block", () => {
  it("is the one that setup-micromamba cuts out", () => {
    expect(addInitBlock("", "bash", { ...input, name: "micromamba" })).toBe(`
# >>> mamba initialize >>>
# !! Contents within this block are managed by 'micromamba shell init' !!
export MAMBA_EXE='/opt/taipan';
export MAMBA_ROOT_PREFIX='/opt/root';
__mamba_setup="$("$MAMBA_EXE" shell hook --shell bash --root-prefix "$MAMBA_ROOT_PREFIX" 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__mamba_setup"
else
    alias micromamba="$MAMBA_EXE"
fi
unset __mamba_setup
# <<< mamba initialize <<<
`);
  });

  it.each(withFile)("of %s: init twice leaves one, deinit leaves the file as it was", (shell) => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("alias x=y\n", "\n", "# comment\n", "export A='b'\n")),
        fc.string(),
        (parts, tail) => {
          const text = parts.join("") + (tail === "" ? "" : `${tail.replace(/#/g, "")}\n`);
          const once = addInitBlock(text, shell, input);
          expect(addInitBlock(once, shell, input)).toBe(once);
          expect(removeInitBlocks(once, shell)).toBe(text);
          const moved = addInitBlock(once, shell, { ...input, rootPrefix: "/elsewhere" });
          expect(moved).not.toContain("/opt/root");
          expect(moved.startsWith(text)).toBe(true);
        },
      ),
    );
  });

  it("is replaced in place, all others removed, and a begin without an end is left alone", () => {
    const block = addInitBlock("", "bash", { ...input, exe: "/old" });
    const text = `before\n${block}between\n${block}after\n`;
    const fresh = addInitBlock(text, "bash", input);
    expect(fresh.match(/>>> mamba initialize >>>/g)).toHaveLength(1);
    expect(fresh.replace(/# >>>[\s\S]*<<< mamba initialize <<</, "BLOCK")).toBe(
      "before\n\nBLOCK\nbetween\nafter\n",
    );
    const open = "a\n# >>> mamba initialize >>>\nrm -rf\n";
    expect(removeInitBlocks(open, "bash")).toBe(open);
  });
});

describe("init files", () => {
  it("writes, backs up, shows a diff first, and takes everything back", async () => {
    const context = place();
    const file = join(context.home, ".bashrc");
    writeFileSync(file, "alias ll='ls -l'\n", { mode: 0o600 });
    const plan = planInit("bash", context);
    expect(readFileSync(file, "utf8")).toBe("alias ll='ls -l'\n");
    expect(initDiff(plan)).toContain(
      `--- ${file}\n+++ ${file}\n@@ -1,1 +1,14 @@\n alias ll='ls -l'\n+\n+# >>> mamba initialize >>>\n`,
    );
    await applyInit(plan, process.env);
    expect(readFileSync(file, "utf8")).toMatch(
      /^alias ll='ls -l'\n\n# >>> mamba initialize >>>\n[\s\S]*<<<\n$/,
    );
    expect(readFileSync(`${file}${BACKUP_SUFFIX}`, "utf8")).toBe("alias ll='ls -l'\n");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(join(context.rootPrefix, "etc/profile.d/mamba.sh"))).toBe(true);
    expect(planInit("bash", context).changes).toEqual([]);

    await applyInit(planDeinit("bash", context), process.env);
    expect(readFileSync(file, "utf8")).toBe("alias ll='ls -l'\n");
    expect(existsSync(join(context.rootPrefix, "etc/profile.d/mamba.sh"))).toBe(false);
  });

  it("keeps a start-up file that is a symlink", async () => {
    const context = place();
    mkdirSync(join(context.home, "dotfiles"));
    writeFileSync(join(context.home, "dotfiles/bashrc"), "x=1\n");
    symlinkSync("dotfiles/bashrc", join(context.home, ".bashrc"));
    await applyInit(planInit("bash", context), process.env);
    expect(lstatSync(join(context.home, ".bashrc")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(context.home, "dotfiles/bashrc"), "utf8")).toContain("mamba initialize");
  });

  it("does for reinit only the shells that have the block", async () => {
    const context = place();
    await applyInit(planInit("fish", context), process.env);
    const plans = planReinit(SHELLS, { ...context, exe: "/new/taipan" });
    expect(plans.map((plan) => plan.shell)).toEqual(["fish"]);
    expect(plans[0]?.changes.some((change) => change.after?.includes("/new/taipan"))).toBe(true);
  });

  it("finds start-up files by shell, platform and variables", () => {
    const at = (shell: Shell, platform: string, env = {}) =>
      startupFile(shell, { home: "/h", env, platform });
    expect(at("bash", "linux-64")).toBe("/h/.bashrc");
    expect(at("bash", "osx-arm64")).toBe("/h/.bash_profile");
    expect(at("zsh", "linux-64", { ZDOTDIR: "/z" })).toBe("/z/.zshrc");
    expect(at("fish", "linux-64", { XDG_CONFIG_HOME: "/c" })).toBe("/c/fish/config.fish");
    expect(at("cmd.exe", "win-64")).toBeUndefined();
    const none = () => undefined;
    expect(guessShell({ SHELL: "/bin/zsh" }, "linux-64", none)).toBe("zsh");
    expect(() => guessShell({ SHELL: "/bin/oil" }, "linux-64", none)).toThrow(/`oil` is no known shell/);
    expect(guessShell({ SHELL: "/bin/zsh" }, "linux-64", () => "fish")).toBe("fish");
    expect(guessShell({ SHELL: "/bin/zsh" }, "linux-64", () => "dash")).toBe("zsh");
    expect(guessShell({}, "linux-64", () => "sh")).toBe("posix");
    expect(guessShell({ SHELL: "/bin/zsh" }, "linux-64", () => "node")).toBe("zsh");
  });

  it("reactivates after a change in cmd.exe, too, and keeps the code of a failure", () => {
    const { changes } = planInit("cmd.exe", { ...place(), platform: "win-64" });
    const batch = changes.find(({ path }) => path.endsWith("taipan.bat"))?.after?.split("\r\n") ?? [];
    const call = batch.findIndex((line) => line.startsWith("@CALL") && line.endsWith("%*"));
    expect(batch.slice(call + 1, call + 3)).toEqual([
      '@SET "_MAMBA_CODE=%ERRORLEVEL%"',
      '@IF NOT "%_MAMBA_CODE%"=="0" EXIT /B %_MAMBA_CODE%',
    ]);
    expect(batch[batch.indexOf(":RELOAD") + 1]).toBe('@CALL "%~dp0_mamba_activate.bat" reactivate');
  });

  it("sets up all users in files of its own, which go with the block", async () => {
    const systemDirectory = mkdtempSync(join(tmpdir(), "taipan-etc-"));
    const context = { ...place(), systemDirectory };
    const file = join(systemDirectory, "profile.d", "taipan.sh");
    await applyInit(planInit("posix", context), process.env);
    expect(readFileSync(file, "utf8")).toContain("shell hook --shell posix");
    expect(existsSync(join(context.home, ".profile"))).toBe(false);
    expect(planInit("posix", context).changes).toEqual([]);
    await applyInit(planDeinit("posix", context), process.env);
    expect(existsSync(file)).toBe(false);
    expect(() => planInit("nu", context)).toThrow("nu cannot be set up for all users");
  });

  it("leaves the commands of others in cmd.exe's AutoRun", () => {
    const hook = "C:\\r\\condabin\\mamba_hook.bat";
    const ours = `if exist "${hook}" call "${hook}"`;
    expect(autoRunValue("", hook)).toBe(ours);
    expect(autoRunValue("doskey a=b", hook)).toBe(`doskey a=b & ${ours}`);
    expect(autoRunValue(`doskey a=b & ${ours}`, hook)).toBe(`doskey a=b & ${ours}`);
    expect(autoRunValue(`doskey a=b & ${ours}`, undefined)).toBe("doskey a=b");
  });
});

/** A shell that starts as its user's own does, and the words that make it read its start-up file. */
const STARTS: [shell: Shell, args: (file: string) => string[]][] = [
  ["bash", () => ["-i", "-c", "type taipan; taipan list"]],
  ["zsh", () => ["-i", "-c", "type taipan; taipan list"]],
  ["dash", () => ["-l", "-c", "type taipan; taipan list"]],
  ["fish", () => ["-c", "type taipan; taipan list"]],
  ["tcsh", () => ["-c", "alias taipan; eval 'taipan list'"]],
  ["xonsh", (file) => ["--rc", file, "-c", "taipan list"]],
];

describe.each(STARTS.filter(([shell]) => hasShell(shell)))("a new %s", (shell, args) => {
  it("has the function after init, also with blanks and quotes in paths", async () => {
    const home = realpathSync(mkdtempSync(join(tmpdir(), "taipan-it's-")));
    const exe = join(home, "the exe");
    const context = { ...place(), home, exe, rootPrefix: join(home, "a root") };
    const plan = planInit(shell, context);
    const hook = plan.changes.find((change) => change.owner === "tool")?.after ?? "";
    writeFileSync(join(home, "hook"), hook);
    writeFileSync(
      exe,
      `#!/bin/sh\nif [ "$1 $2" = "shell hook" ]; then cat "$HOME/hook"; else echo "called with $*"; fi\n`,
    );
    chmodSync(exe, 0o755);
    await applyInit(plan, process.env);
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      TERM: "dumb",
      XDG_CONFIG_HOME: join(home, ".config"),
    };
    const program =
      (process.env["PATH"] ?? "")
        .split(":")
        .map((dir) => join(dir, shell))
        .find(existsSync) ?? shell;
    const result = spawnSync(program, args(startupFile(shell, { ...context, env }) ?? ""), {
      env,
      encoding: "utf8",
      input: "",
    });
    expect(result.stdout, result.stderr).toContain("called with list");
  });
});
