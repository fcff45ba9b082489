import { chmodSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { shellHook } from "../../src/shell/hook.ts";
import { shellScript } from "../../src/shell/script.ts";
import { shellSyntax } from "../../src/shell/syntax.ts";
import { evaluateIn, hasShell, makePrefix, REAL_SHELLS, type RealShell } from "../support/shells.ts";

const HOSTILE = [
  `it's "q" $HOME \`x\` \\ end`,
  "semi;colon & more | less > file",
  "$(touch /tmp/taipan-was-here)",
  "bang! !! !$ !*",
  "  spaces  around  ",
  "*? [a-z] {a,b} ~ #!",
  "trailing backslash \\",
  "\u2018curly\u2019 \u00e9 \u4e2d",
  "-n",
  "%s %PATH% ^caret",
  "a'\\''b",
  `${"{"}${"}"} @(1) $[ls]`,
];

const temporary = () => realpathSync(mkdtempSync(join(tmpdir(), "taipan-activate-")));
const context = (root: string, env: Record<string, string>) => ({
  env,
  rootPrefix: root,
  envsDirs: [join(root, "envs")],
  windows: false,
  changePrompt: true,
  promptTemplate: "({default_env}) ",
});

describe.each(REAL_SHELLS.filter(hasShell))("%s", (shell: RealShell) => {
  const syntax = shellSyntax(shell);

  it("takes hostile values literally", () => {
    const values = shell === "tcsh" ? HOSTILE : [...HOSTILE, "two\nlines"];
    const steps = values.map((value, i) => ({ type: "set", name: `V${i}`, value }) as const);
    const result = evaluateIn(shell, syntax.render(steps), {});
    for (const [i, value] of values.entries()) expect(result.env[`V${i}`], result.stderr).toBe(value);
  });

  it("unsets variables, also those that are not set", () => {
    const text = syntax.render([
      { type: "unset", name: "GONE" },
      { type: "unset", name: "NEVER_SET" },
      { type: "set", name: "AFTER", value: "1" },
    ]);
    const result = evaluateIn(shell, text, { GONE: "here" });
    expect(result.env["GONE"]).toBeUndefined();
    expect(result.env["AFTER"]).toBe("1");
  });

  it("activates and deactivates, running scripts in order, from directories with hostile names", () => {
    const root = makePrefix(join(temporary(), "it's $NOPE"));
    const prefix = makePrefix(join(root, "envs", "env"), {
      scripts: ["20-b", "10-a", ...(shell === "tcsh" ? [] : ["30 $(x) `y`"])],
      state: { env_vars: { FROM_STATE: `x'y"$z` } },
    });
    const start = { LOG: "", PATH: `${process.env["PATH"]}` };
    const on = shellScript({ operation: "activate", shell, prefix }, context(root, start));
    const active = evaluateIn(shell, on.text, start);
    const third = shell === "tcsh" ? "" : ":env-activate-30___x___y_";
    expect(active.env["LOG"], active.stderr).toBe(`:env-activate-10_a:env-activate-20_b${third}`);
    expect(active.env).toMatchObject({
      CONDA_PREFIX: prefix,
      CONDA_SHLVL: "1",
      FROM_STATE: `x'y"$z`,
      CONDA_DEFAULT_ENV: "env",
    });
    expect(active.env["PATH"]?.split(":").slice(0, 2)).toEqual([`${prefix}/bin`, `${root}/condabin`]);

    const env = { ...active.env, LOG: "" };
    const off = shellScript({ operation: "deactivate", shell }, context(root, env));
    const left = evaluateIn(shell, off.text, env);
    expect(left.env["LOG"], left.stderr).toBe(
      `${shell === "tcsh" ? "" : ":env-deactivate-30___x___y_"}:env-deactivate-20_b:env-deactivate-10_a`,
    );
    for (const name of ["CONDA_PREFIX", "FROM_STATE", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER"]) {
      expect(left.env[name]).toBeUndefined();
    }
    expect(left.env["CONDA_SHLVL"]).toBe("0");
    expect(left.env["PATH"]).toBe(`${root}/condabin:${start.PATH}`);
  });

  it("gets a function from the hook that starts one process for an activation and passes the rest through", () => {
    const root = makePrefix(join(temporary(), "a root"));
    const prefix = makePrefix(join(root, "envs", "env"), { scripts: ["one"] });
    const log = join(root, "calls");
    const start = { LOG: "", CONDA_SHLVL: "0", PATH: `${process.env["PATH"]}` };
    const script = shellScript({ operation: "activate", shell, prefix }, context(root, start)).text;
    writeFileSync(join(root, "activate.text"), script);
    const exe = join(root, "the exe");
    writeFileSync(
      exe,
      `#!/bin/sh\nfor a; do printf '[%s]' "$a" >> '${log}'; done; echo >> '${log}'\nif [ "$1 $2" = "shell activate" ]; then cat '${root}/activate.text'; fi\nif [ "$1" = fail ]; then exit 3; fi\n`,
    );
    chmodSync(exe, 0o755);
    const hook = shellHook(shell, { name: "taipan", exe, rootPrefix: root, completion: true });
    const separator = shell === "tcsh" ? ";\n" : "\n";
    const words = ["taipan activate 'a b'", 'taipan list --json "a b"', "taipan install x"].join(separator);
    const result = evaluateIn(shell, shell === "tcsh" ? hook : `${hook}${words}\n`, start);
    const used = shell === "tcsh" ? useTcsh(hook, words, start) : result;
    expect(used.env["CONDA_PREFIX"], used.stderr).toBe(prefix);
    expect(used.env["LOG"]).toBe(":env-activate-one");
    const dialect = shellSyntax(shell).family === "posix" ? "posix" : shell;
    expect(readFileSync(log, "utf8").trim().split("\n")).toEqual([
      `[shell][activate][a b][--shell][${dialect}]`,
      "[list][--json][a b]",
      "[install][x]",
      `[shell][reactivate][--shell][${dialect}]`,
    ]);
    expect(used.env["MAMBA_EXE"]).toBe(exe);
  });

  it("redirects what the function prints, and can keep it", () => {
    const root = makePrefix(temporary());
    const exe = join(root, "exe");
    writeFileSync(exe, '#!/bin/sh\necho "told $*"\n');
    chmodSync(exe, 0o755);
    const hook = shellHook(shell, { name: "taipan", exe, rootPrefix: root, completion: false });
    const redirect = `taipan list > '${root}/printed'`;
    const keep = {
      bash: "export KEPT=$(taipan list)",
      zsh: "export KEPT=$(taipan list)",
      dash: 'KEPT="$(taipan list)"; export KEPT',
      fish: "set -gx KEPT (taipan list)",
      tcsh: "true",
      xonsh: "$KEPT = $(taipan list)",
    }[shell];
    const start = { CONDA_SHLVL: "0" };
    const words = [redirect, keep].join(shell === "tcsh" ? ";\n" : "\n");
    const used =
      shell === "tcsh" ? useTcsh(hook, words, start) : evaluateIn(shell, `${hook}${words}\n`, start);
    expect(readFileSync(join(root, "printed"), "utf8"), used.stderr).toBe("told list\n");
    // An alias of tcsh is none in backquotes.
    if (shell !== "tcsh") expect(used.env["KEPT"]?.trim(), used.stderr).toBe("told list");
  });
});

/** Aliases work from the next line on, so the words come from the shell's input. */
function useTcsh(hook: string, words: string, env: Record<string, string>) {
  const dir = temporary();
  writeFileSync(join(dir, "hook"), hook);
  writeFileSync(join(dir, "all"), `${hook}${words}\n`);
  return evaluateIn("tcsh", `source '${join(dir, "all")}';`, env);
}

describe("hook text", () => {
  const input = { name: "micromamba", exe: "/opt/x/micromamba", rootPrefix: "/opt/r", completion: true };
  const count = (text: string) => text.split(input.exe).length - 1;

  it("names the executable as often as micromamba's, whose test suite counts", () => {
    for (const shell of ["bash", "zsh", "posix", "fish", "tcsh"] as const)
      expect(count(shellHook(shell, input))).toBe(5);
    expect(count(shellHook("xonsh", input))).toBe(8);
    expect(count(shellHook("nu", input))).toBe(0);
    expect(shellHook("cmd.exe", input)).toBe("");
    expect(shellHook("powershell", input).split("\n")[2]).toMatch(/^## AFTER PARAM ####/);
    expect(shellHook("powershell", input)).toContain("$Env:MAMBA_EXE='/opt/x/micromamba'");
  });

  it.runIf(hasShell("dash"))("can be evaluated without quotes", () => {
    const dir = temporary();
    writeFileSync(join(dir, "hook"), shellHook("dash", input));
    const result = evaluateIn("dash", `eval $(cat '${join(dir, "hook")}')\ntype micromamba >&2\n`, {});
    expect(result.stderr).toContain("function");
    expect(result.env["MAMBA_EXE"]).toBe(input.exe);
  });

  it("calls the function taipan when the program's name is no function name", () => {
    expect(shellHook("dash", { ...input, name: "my-mamba; rm x" })).toContain("\ntaipan() {");
  });
});
