import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ActivationContext,
  activate,
  deactivate,
  pathDirectories,
  reactivate,
  type Step,
} from "../../src/shell/activation.ts";
import { activatedEnvironment } from "../../src/shell/environment.ts";
import { type EnvironmentData, readEnvironmentData } from "../../src/shell/environment-data.ts";
import { shellScript } from "../../src/shell/script.ts";
import { shellSyntax } from "../../src/shell/syntax.ts";
import { makePrefix } from "../support/shells.ts";

type Env = Record<string, string>;

/** Environments of a made-up machine: their variables and scripts. */
const ENVIRONMENTS: Record<string, { variables?: Record<string, string | null>; scripts?: string[] }> = {
  "/r": {},
  "/r/envs/a": { variables: { SHARED: "a", ONLY_A: "1", GONE: null }, scripts: ["a1", "a2"] },
  "/r/envs/b": { variables: { SHARED: "b" }, scripts: ["b1"] },
  "/x/d": {},
};

function read(prefix: string): EnvironmentData {
  const { variables = {}, scripts = [] } = ENVIRONMENTS[prefix] ?? {};
  return {
    prefix,
    variables: new Map(Object.entries(variables)),
    activateScripts: scripts.map((name) => `on:${name}`),
    deactivateScripts: scripts.map((name) => `off:${name}`).reverse(),
    warnings: [],
  };
}

function contextOf(env: Env, extra: Partial<ActivationContext> = {}): ActivationContext {
  const base = {
    rootPrefix: "/r",
    windows: false,
    changePrompt: true,
    promptTemplate: "({default_env}) ",
    envsDirs: ["/r/envs"],
  };
  return { ...base, env, read, prompt: env["PS1"], ...extra };
}

/** What the steps make of an environment; scripts append to LOG. */
function apply(env: Env, steps: readonly Step[]): Env {
  const result = { ...env };
  for (const step of steps) {
    if (step.type === "set") result[step.name] = step.value;
    else if (step.type === "unset") delete result[step.name];
    else if (step.type === "prompt") result["PS1"] = step.value;
    else result["LOG"] = `${result["LOG"] ?? ""} ${step.path}@${result["CONDA_SHLVL"]}`;
  }
  return result;
}

const on = (env: Env, prefix: string, options = {}) => apply(env, activate(prefix, contextOf(env), options));
const off = (env: Env) => apply(env, deactivate(contextOf(env)));
const start: Env = { PATH: "/mine:/usr/bin", PS1: "$ ", SHARED: "user's", GONE: "user's too" };

describe("activation", () => {
  it("sets variables, keeps the values it replaces, and gives them back", () => {
    const a = on(start, "/r/envs/a");
    expect(a).toMatchObject({
      SHARED: "a",
      ONLY_A: "1",
      PS1: "(a) $ ",
      PATH: "/r/envs/a/bin:/r/condabin:/mine:/usr/bin",
    });
    expect(a["GONE"]).toBeUndefined();
    const { LOG, CONDA_SHLVL, PATH, ...rest } = off(a);
    expect({ LOG, CONDA_SHLVL, PATH }).toEqual({
      LOG: " on:a1@1 on:a2@1 off:a2@1 off:a1@1",
      CONDA_SHLVL: "0",
      PATH: "/r/condabin:/mine:/usr/bin",
    });
    expect(rest).toEqual({ PS1: "$ ", SHARED: "user's", GONE: "user's too" });
  });

  it("switches: the variables of the left environment go, and come back on the way back", () => {
    const b = on(on(start, "/r/envs/a"), "/r/envs/b");
    expect(b).toMatchObject({
      SHARED: "b",
      GONE: "user's too",
      CONDA_SHLVL: "2",
      CONDA_PREFIX_1: "/r/envs/a",
      PS1: "(b) $ ",
    });
    expect(b["ONLY_A"]).toBeUndefined();
    expect(b["PATH"]).toBe("/r/envs/b/bin:/r/condabin:/mine:/usr/bin");
    const a = off(b);
    expect(a).toMatchObject({
      SHARED: "a",
      ONLY_A: "1",
      CONDA_PREFIX: "/r/envs/a",
      CONDA_SHLVL: "1",
      PS1: "(a) $ ",
    });
    // As conda and mamba: the mark stays as the value, until the environment is left.
    expect(a["GONE"]).toBe("***unset***");
    expect(a["CONDA_PREFIX_1"]).toBeUndefined();
    expect(off(a)).toMatchObject({ SHARED: "user's", GONE: "user's too", PS1: "$ " });
  });

  it("states a variable of both environments once, so that no other value shines through", () => {
    const a = on(start, "/r/envs/a");
    const shared = activate("/r/envs/b", contextOf(a)).filter(
      (step) => step.type !== "source" && "name" in step && step.name === "SHARED",
    );
    expect(shared).toEqual([{ type: "set", name: "SHARED", value: "b" }]);
  });

  it("stacks: directories and variables of the lower environment stay", () => {
    const b = on(on(start, "/r/envs/a"), "/r/envs/b", { stack: true });
    expect(b).toMatchObject({ ONLY_A: "1", SHARED: "b", CONDA_STACKED_2: "true" });
    expect(b["PATH"]).toBe("/r/envs/b/bin:/r/envs/a/bin:/r/condabin:/mine:/usr/bin");
    const a = off(b);
    expect(a["PATH"]).toBe("/r/envs/a/bin:/r/condabin:/mine:/usr/bin");
    expect(a["CONDA_STACKED_2"]).toBeUndefined();
    expect(on(on(start, "/r/envs/a"), "/r/envs/b", { autoStack: 1 })["CONDA_STACKED_2"]).toBe("true");
  });

  it("reactivates when the environment is active already, and steps down to the one below", () => {
    const a = on(start, "/r/envs/a");
    const again = activate("/r/envs/a", contextOf(a));
    expect(again).toEqual(reactivate(contextOf(a)));
    expect(apply(a, again)).toEqual({ ...a, LOG: `${a["LOG"]} off:a2@1 off:a1@1 on:a1@1 on:a2@1` });
    const b = on(a, "/r/envs/b");
    expect(on(b, "/r/envs/a")["CONDA_SHLVL"]).toBe("1");
  });

  it("names environments: base, named ones, and paths", () => {
    expect(on(start, "/r")["PS1"]).toBe("(base) $ ");
    expect(on(start, "/x/d")["CONDA_DEFAULT_ENV"]).toBe("/x/d");
    const template = contextOf(start, { promptTemplate: "[{name}|{prefix}|{other}] " });
    expect(apply(start, activate("/x/d", template))["PS1"]).toBe("[d|/x/d|{other}] $ ");
  });

  it("leaves the prompt alone without changeps1, without a prompt, and to powerline", () => {
    const quiet = apply(start, activate("/r/envs/b", contextOf(start, { changePrompt: false })));
    expect(quiet["PS1"]).toBe("$ ");
    expect(quiet["CONDA_PROMPT_MODIFIER"]).toBeUndefined();
    expect(activate("/r", contextOf({ PATH: "/b" })).some((step) => step.type === "prompt")).toBe(false);
    const powerline = { ...start, PS1: "$(POWERLINE_COMMAND)" };
    expect(on(powerline, "/r")["PS1"]).toBe("$(POWERLINE_COMMAND)");
  });

  it("ignores a level that is no number, and does nothing when nothing is active", () => {
    expect(on({ ...start, CONDA_SHLVL: "many", CONDA_PREFIX: "/r" }, "/r/envs/b")["CONDA_SHLVL"]).toBe("1");
    expect(deactivate(contextOf(start))).toEqual([]);
    expect(reactivate(contextOf({ ...start, CONDA_SHLVL: "0" }))).toEqual([]);
  });

  it("puts the directories of Windows on PATH in conda's order", () => {
    expect(pathDirectories("C:\\e", true)).toEqual([
      "C:\\e",
      "C:\\e\\Library\\mingw-w64\\bin",
      "C:\\e\\Library\\usr\\bin",
      "C:\\e\\Library\\bin",
      "C:\\e\\Scripts",
      "C:\\e\\bin",
    ]);
  });

  it("comes back to where it started after any way through environments", () => {
    const prefix = fc.constantFrom("/r", "/r/envs/a", "/r/envs/b", "/x/d");
    fc.assert(
      fc.property(fc.array(fc.record({ prefix, stack: fc.boolean() }), { maxLength: 8 }), (moves) => {
        let env = { ...start };
        for (const { prefix, stack } of moves) env = on(env, prefix, { stack });
        for (let i = 0; i < 10; i++) env = off(env);
        const { LOG: _log, CONDA_SHLVL: _level, PATH, ...rest } = env;
        expect(rest).toEqual({ PS1: "$ ", SHARED: "user's", GONE: "user's too" });
        expect(PATH?.replace("/r/condabin:", "")).toBe("/mine:/usr/bin");
      }),
    );
  });
});

describe("environment files", () => {
  const temporary = () => realpathSync(mkdtempSync(join(tmpdir(), "taipan-env-")));

  it("lets conda-meta/state win over packages, the last package over the first, and takes nothing hostile", () => {
    const prefix = makePrefix(join(temporary(), "p"), {
      state: {
        env_vars: {
          A: "state",
          "x; touch /tmp/owned": "1",
          PATH: "/evil",
          CONDA_PREFIX: "/evil",
          N: 3,
          O: {},
          Z: "nul\0",
        },
      },
      envVars: { "10-first": { A: "first", B: "first" }, "20-last": { B: "last", PS1: "evil", "A B": "x" } },
    });
    const data = readEnvironmentData(prefix, ".sh");
    expect(Object.fromEntries(data.variables)).toEqual({ A: "state", B: "last", N: "3" });
    expect(data.warnings).toHaveLength(7);
  });

  it("goes on after broken files, with a warning", () => {
    const prefix = makePrefix(join(temporary(), "p"));
    writeFileSync(join(prefix, "conda-meta/state"), "{");
    mkdirSync(join(prefix, "etc/conda/env_vars.d"), { recursive: true });
    writeFileSync(join(prefix, "etc/conda/env_vars.d/x.json"), "[1]");
    expect(readEnvironmentData(prefix, ".sh").warnings).toHaveLength(2);
  });
});

describe.runIf(process.platform !== "win32")("activatedEnvironment", () => {
  const prefixWith = (script: string) => {
    const prefix = makePrefix(join(realpathSync(mkdtempSync(join(tmpdir(), "taipan-run-"))), "envs", "e"), {
      scripts: ["x"],
    });
    writeFileSync(join(prefix, "etc/conda/activate.d/x.sh"), script);
    return prefix;
  };

  it("has what activate.d scripts set, whatever they print", async () => {
    const prefix = prefixWith("echo noise\nprintf 'A=b\\0'\nexport FROM_SCRIPT=\"two\nlines\"\nunset GOES\n");
    const env = await activatedEnvironment(
      prefix,
      { PATH: process.env["PATH"], GOES: "1", KEEP: "k\nk" },
      { rootPrefix: "/r" },
    );
    expect(env).toMatchObject({
      FROM_SCRIPT: "two\nlines",
      KEEP: "k\nk",
      CONDA_PREFIX: prefix,
      CONDA_SHLVL: "1",
      CONDA_DEFAULT_ENV: "e",
    });
    expect(env["GOES"]).toBeUndefined();
    expect(env["A"]).toBeUndefined();
    expect(env["PATH"]?.startsWith(`${prefix}/bin:/r/condabin:`)).toBe(true);
  });

  it("does not depend on an environment that is active outside", async () => {
    const prefix = makePrefix(join(realpathSync(mkdtempSync(join(tmpdir(), "taipan-run-"))), "e"));
    const outside = {
      PATH: "/outer/bin:/usr/bin",
      CONDA_PREFIX: "/outer",
      CONDA_SHLVL: "3",
      CONDA_PREFIX_2: "/other",
      CONDA_STACKED_3: "true",
    };
    const env = await activatedEnvironment(prefix, outside);
    expect(env["PATH"]).toBe(`${prefix}/bin:/usr/bin`);
    expect(env["CONDA_SHLVL"]).toBe("1");
    expect(env["CONDA_PREFIX_2"]).toBeUndefined();
  });

  it("says which scripts ended the shell", async () => {
    await expect(
      activatedEnvironment(prefixWith("exit 4\n"), { PATH: process.env["PATH"] }),
    ).rejects.toMatchObject({ code: "script-failed" });
  });
});

describe("text of shells that are not here", () => {
  const steps: Step[] = [
    { type: "set", name: "V", value: `a'b"c & calc %PATH% $x ^|(\u2019!` },
    { type: "unset", name: "W" },
    { type: "source", path: "/p/it's.ext" },
    { type: "prompt", value: "(a) $P$G" },
  ];

  it("PowerShell doubles every kind of quote", () => {
    expect(shellSyntax("powershell").render(steps)).toBe(
      "$Env:V = 'a''b\"c & calc %PATH% $x ^|(\u2019\u2019!'\nRemove-Item -LiteralPath Env:W -ErrorAction SilentlyContinue\n. '/p/it''s.ext'\n",
    );
  });

  it("cmd.exe gets carets, so that a quote in a value ends nothing", () => {
    expect(shellSyntax("cmd.exe").render(steps)).toBe(
      '@SET V=a\'b^"c ^& calc %%PATH%% $x ^^^|^(\u2019^!\r\n@SET W=\r\n@CALL "/p/it\'s.ext"\r\n@SET PROMPT=^(a^) $P$G\r\n',
    );
    expect(shellSyntax("cmd.exe").render([{ type: "set", name: "V", value: "a\r\n@calc" }])).toBe(
      "@SET V=a @calc\r\n",
    );
    expect(shellSyntax("cmd.exe").render([{ type: "source", path: "C:\\100%\\a.bat" }])).toBe(
      '@CALL "C:\\100%%%%\\a.bat"\r\n',
    );
  });

  it("nushell gets data", () => {
    expect(JSON.parse(shellSyntax("nu").render(steps))).toEqual({
      set: { V: `a'b"c & calc %PATH% $x ^|(\u2019!` },
      unset: ["W"],
    });
  });

  it("Windows activation uses its own directories, separators and prompt", () => {
    const env = { PATH: "C:\\Windows", PROMPT: "$P$G" };
    const context = {
      env,
      rootPrefix: "C:\\r",
      envsDirs: [],
      windows: true,
      changePrompt: true,
      promptTemplate: "({name}) ",
    };
    const { text } = shellScript({ operation: "activate", shell: "cmd.exe", prefix: "C:\\r" }, context);
    expect(text).toContain(
      "@SET PATH=C:\\r;C:\\r\\Library\\mingw-w64\\bin;C:\\r\\Library\\usr\\bin;C:\\r\\Library\\bin;C:\\r\\Scripts;C:\\r\\bin;C:\\r\\condabin;C:\\Windows\r\n",
    );
    expect(text).toContain("$P$G");
  });
});
