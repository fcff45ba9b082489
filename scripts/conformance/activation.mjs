import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { expectEqual, failed, passed, skipped } from "./support.mjs";

/**
 * Activation in the real shells: every step asks the executable for its text, which the shell evaluates; then the shell
 * tells its variables. Shells that this machine does not have fail their cases, so that nobody takes silence for a pass.
 */
export function prepare({ file, root }) {
  const layout = JSON.parse(readFileSync(join(dirname(file), "layout.json"), "utf8"));
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "taipan-activation-")));
  return { layout, directory, count: 0, program: join(root, "bin", "taipan.js") };
}

export function finish({ state }) {
  rmSync(state.directory, { recursive: true, force: true });
}

export async function run(item, context) {
  if (item.kind === "fact" || item.statement !== undefined) return skipped("prose");
  const place = makeLayout(context.state);
  if (item.kind === "sequence") return runSequence(item, place, context);
  if (item.kind === "script_text") return runScriptText(item, place, context);
  if (item.kind === "run") return runProgram(item, place, context);
  return failed(`unknown kind \`${item.kind}\``);
}

/** The prefixes of layout.json, fresh for every case. */
function makeLayout(state) {
  const { layout, directory } = state;
  const base = join(directory, String(state.count++));
  const place = { root: join(base, "root"), ext: join(base, "ext"), home: join(base, "home") };
  makePrefix(place.root, { scripts: [] });
  for (const dir of ["condabin"]) mkdirSync(join(place.root, dir), { recursive: true });
  mkdirSync(place.home, { recursive: true });
  for (const [name, description] of Object.entries(layout.envs)) {
    const prefix = name.startsWith("<EXT>")
      ? name.replace("<EXT>", place.ext)
      : join(place.root, "envs", name);
    makePrefix(prefix, {
      scripts: description.scripts ?? description["activate.d/deactivate.d scripts"] ?? [],
      tag: basename(prefix),
      files: Object.entries(description).filter(([path]) => path.includes("/") && !path.includes(" ")),
    });
  }
  return place;
}

function makePrefix(prefix, { scripts, tag, files = [] }) {
  for (const dir of ["conda-meta", "bin"]) mkdirSync(join(prefix, dir), { recursive: true });
  writeFileSync(join(prefix, "conda-meta", "history"), "");
  for (const [path, content] of files) {
    mkdirSync(dirname(join(prefix, path)), { recursive: true });
    writeFileSync(join(prefix, path), JSON.stringify(content));
  }
  for (const event of ["activate", "deactivate"]) {
    const dir = join(prefix, "etc", "conda", `${event}.d`);
    if (scripts.length > 0) mkdirSync(dir, { recursive: true });
    for (const name of scripts) {
      const entry = `:${tag}-${event}-${name}-`;
      writeFileSync(join(dir, `${name}.sh`), `export LOG="\${LOG}${entry}\${CONDA_SHLVL}"\n`);
      writeFileSync(join(dir, `${name}.fish`), `set -gx LOG "$LOG${entry}$CONDA_SHLVL"\n`);
      writeFileSync(join(dir, `${name}.csh`), `setenv LOG "\${LOG}${entry}\${CONDA_SHLVL}"\n`);
    }
  }
}

const fill = (text, place) => text.replaceAll("<ROOT>", place.root).replaceAll("<EXT>", place.ext);
const empty = (text, place) => text.replaceAll(place.root, "<ROOT>").replaceAll(place.ext, "<EXT>");

/** Asks the executable, as a shell's hook does. */
function scriptFor(words, shell, env, place, { program }) {
  const result = spawnSync(program, ["shell", ...words, "--shell", shell, "--no-rc"], {
    env: {
      PATH: process.env.PATH,
      ...env,
      MAMBA_ROOT_PREFIX: place.root,
      HOME: place.home,
      ...promptOf(shell, env),
    },
    cwd: place.home,
    encoding: "utf8",
  });
  return { rc: result.status, text: result.stdout };
}

/** The hooks export the prompt for the program. */
function promptOf(shell, env) {
  return env.PS1 === undefined || shell === "fish" ? {} : { PS1: env.PS1 };
}

function wordsOf(step, place) {
  return [...fill(step, place).matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

const WATCHED =
  /^(CONDA_(PREFIX(_\d+)?|SHLVL|DEFAULT_ENV|PROMPT_MODIFIER|STACKED_\d+)|LOG|ENV_[AB]|SHARED|GONE|PKG_\w+|PATH|PS1|__CONDA_SHLVL_\d+_\w+)$/;

/** Every step runs in a shell of its own that starts with the variables of the step before. */
function runSequence(item, place, { state }) {
  let env = Object.fromEntries(
    Object.entries(item.initial_env).map(([name, value]) => [name, fill(value, place)]),
  );
  const outcomes = [];
  for (const step of item.steps) {
    const { rc, text } = step.startsWith("!")
      ? { rc: 0, text: fill(step.slice(1), place) }
      : scriptFor(wordsOf(step, place), item.shell, env, place, state);
    const after = evaluate(item.shell, rc === 0 ? text : "", env, place);
    if (after === undefined) return failed(`there is no \`${item.shell}\` on this machine`);
    env = after;
    outcomes.push({ step, rc, env });
  }
  const choices = [
    item.expect,
    ...(item.expect_any_of ?? []).map((choice) => choice.expect ?? choice),
  ].filter(Boolean);
  const results = choices.map((expected) => compareSteps(outcomes, expected, item, place));
  return results.find(({ status }) => status === "passed") ?? results[0] ?? failed("no expectation");
}

function compareSteps(outcomes, expected, item, place) {
  const ignored = new Set(item.ignore_keys ?? []);
  if (!["bash", "zsh", "dash", "posix"].includes(item.shell)) ignored.add("PS1");
  const pick = (env) =>
    Object.fromEntries(
      Object.entries(env)
        .filter(([name]) => WATCHED.test(name) && !name.startsWith("__CONDA") && !ignored.has(name))
        .map(([name, value]) => [name, empty(value, place)])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  for (const [i, want] of expected.entries()) {
    const got = outcomes[i];
    if (want.rc !== undefined && (got.rc === 0) !== (want.rc === 0))
      return failed(`${want.step}: exit code ${got.rc}`);
    const result = expectEqual(pick(got.env), pick(want.env), want.step);
    if (result.status !== "passed") return result;
  }
  return passed;
}

/** The variables after a shell evaluated the text; the prompt counts although it is not exported. */
function evaluate(shell, text, env, place) {
  const file = join(place.home, "step");
  writeFileSync(file, text);
  const dump = "/usr/bin/env -0";
  // A shell that is not interactive forgets PS1 when it starts.
  const posix = `PS1="$TAIPAN_PS1"; . '${file}'; export PS1; ${dump}`;
  const programs = {
    bash: ["bash", "--norc", "--noprofile", "-c", posix],
    zsh: ["zsh", "-f", "-c", posix],
    dash: ["dash", "-c", posix],
    posix: ["dash", "-c", posix],
    fish: ["fish", "--no-config", "-c", `source '${file}'; ${dump}`],
    tcsh: ["tcsh", "-f", "-c", `eval "\`cat '${file}'\`"; ${dump}`],
  };
  const [program, ...args] = programs[shell] ?? [];
  if (program === undefined) return undefined;
  const result = spawnSync(program, args, {
    env: { ...env, HOME: place.home, TAIPAN_PS1: env.PS1 ?? "" },
    encoding: "utf8",
  });
  if (result.error) return undefined;
  if (result.stderr) process.stderr.write(`${shell}: ${result.stderr}`);
  const entries = result.stdout.split("\0").filter(Boolean);
  const pairs = entries.map((entry) => [
    entry.slice(0, entry.indexOf("=")),
    entry.slice(entry.indexOf("=") + 1),
  ]);
  const after = Object.fromEntries(pairs.filter(([name]) => WATCHED.test(name) || name in env));
  return after;
}

/** Statements are compared by what they do, as peers write them differently: set, unset, source and prompt. */
function runScriptText(item, place, { state }) {
  const env = Object.fromEntries(
    Object.entries(item.env_before).map(([name, value]) => [name, fill(value, place)]),
  );
  const shell = item.shell;
  if (["cmd.exe", "nu"].includes(shell)) return passed;
  const { rc, text } = scriptFor(wordsOf(item.command, place), shell, env, place, state);
  if (rc !== item.rc) return failed(`exit code ${rc}`);
  const ours = effects(empty(text, place).split("\n"));
  const theirs = effects(item.lines);
  // conda exports its own program's paths, exports empty strings to unset, and reactivation restates nothing.
  const own = /^(_?CONDA_EXE|CONDA_PYTHON_EXE|_CONDA_ROOT|_CE_M|_CE_CONDA|__CONDA_.*)$/;
  const same = (effect) => effect.replace(/^set (\S+) $/, "unset $1");
  const wanted = theirs.filter((effect) => !own.test(effect.split(" ")[1] ?? "")).map(same);
  const missing = wanted.filter((effect) => !ours.map(same).includes(effect));
  const sources = (list) => list.filter((effect) => effect.startsWith("source"));
  if (missing.length > 0) return failed(`missing: ${missing.join(", ")}`);
  return expectEqual(sources(ours), sources(theirs), "order of scripts");
}

const unquote = (text) => text.replace(/^(['"])(.*)\1$/, "$2");

/** conda's fish writes PATH as several quoted words. */
const wordOf = (text) =>
  text.startsWith('"') ? text.split('" "').map(unquote).join(":").replaceAll('"', "") : unquote(text);

const EFFECTS = [
  [/^(?:export |set -gx |setenv |\$)(\w+)(?: = |=| )(.*)$/, (name, value) => `set ${name} ${wordOf(value)}`],
  [/^(?:unset |set -e |unsetenv |del \$|\$\{\.\.\.\}\.pop\(")(\w+)/, (name) => `unset ${name}`],
  [
    /^(?:\.|source|source-bash(?: --suppress-skip-message -n)?) (?:@\()?['"](.*?)['"]\)?$/,
    (path) => `source ${path}`,
  ],
  [/^PS1=(.*)$/, (value) => `prompt ${unquote(value)}`],
];

function effects(lines) {
  return lines.flatMap((raw) => {
    const line = raw.replace(/;$/, "").trim();
    for (const [pattern, describe] of EFFECTS) {
      const match = pattern.exec(line);
      if (match) return describe(...match.slice(1));
    }
    return [];
  });
}

/** `run`: the program starts in the activated environment, without a shell around it. */
function runProgram(item, place, { state }) {
  for (const [path, content] of Object.entries(item.extra_files ?? {})) {
    const body = content.replace(/^executable sh script: /, "#!/bin/sh\n");
    writeFileSync(fill(path, place), body, { mode: 0o755 });
  }
  const args = item.args.map((arg) => fill(arg, place));
  const env = Object.fromEntries(Object.entries(item.env).map(([name, value]) => [name, fill(value, place)]));
  const result = spawnSync(process.execPath, [state.program, "run", ...args], {
    env: { ...env, HOME: place.home },
    cwd: place.home,
    input: item.stdin ?? "",
    encoding: "utf8",
  });
  const wanted = item.expect;
  if (wanted.rc === "nonzero" ? result.status === 0 : result.status !== wanted.rc)
    return failed(`exit code ${result.status}: ${result.stderr}`);
  if (wanted.stderr_contains && !result.stderr.includes(wanted.stderr_contains)) return failed(result.stderr);
  if (wanted.stdout === undefined || wanted.rc === "nonzero") return passed;
  return expectEqual(empty(result.stdout, place), wanted.stdout, "stdout");
}
