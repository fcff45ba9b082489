import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { expectEqual, failed, passed, skipped } from "./support.mjs";

/**
 * Activation in the real shells: every step asks the library for its text, which the shell evaluates; then the shell
 * tells its variables. Shells that this machine does not have fail their cases, so that nobody takes silence for a pass.
 */
export function prepare({ file }) {
  const layout = JSON.parse(readFileSync(join(dirname(file), "layout.json"), "utf8"));
  return { layout, directory: realpathSync(mkdtempSync(join(tmpdir(), "taipan-activation-"))), count: 0 };
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

function scriptFor(words, shell, env, place, { shellScript, loadConfig }) {
  const [operation, ...rest] = words;
  const stack = rest.includes("--stack");
  const target = rest.find((word) => !word.startsWith("--"));
  const config = loadConfig({
    env: { ...env, MAMBA_ROOT_PREFIX: place.root },
    home: place.home,
    cwd: place.home,
    platform: "linux-64",
    noRc: true,
  }).values;
  const prefix = prefixOf(target, place);
  if (operation === "activate" && !existsSync(join(prefix, "conda-meta"))) return { rc: 1, text: "" };
  const script = shellScript(
    { operation, shell, prefix, stack },
    {
      env,
      rootPrefix: config.rootPrefix,
      envsDirs: config.envsDirs,
      windows: false,
      changePrompt: config.changeps1,
      promptTemplate: config.envPrompt,
      autoStack: config.autoStack,
    },
  );
  return { rc: 0, text: script.text };
}

function prefixOf(target, place) {
  if (target === undefined || target === "base") return place.root;
  return target.includes("/") ? target : join(place.root, "envs", target);
}

function wordsOf(step, place) {
  return [...fill(step, place).matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

const WATCHED =
  /^(CONDA_(PREFIX(_\d+)?|SHLVL|DEFAULT_ENV|PROMPT_MODIFIER|STACKED_\d+)|LOG|ENV_[AB]|SHARED|GONE|PKG_\w+|PATH|PS1|__CONDA_SHLVL_\d+_\w+)$/;

/** Every step runs in a shell of its own that starts with the variables of the step before. */
function runSequence(item, place, { library }) {
  let env = Object.fromEntries(
    Object.entries(item.initial_env).map(([name, value]) => [name, fill(value, place)]),
  );
  const outcomes = [];
  for (const step of item.steps) {
    const { rc, text } = step.startsWith("!")
      ? { rc: 0, text: fill(step.slice(1), place) }
      : scriptFor(wordsOf(step, place), item.shell, env, place, library);
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
function runScriptText(item, place, { library }) {
  const env = Object.fromEntries(
    Object.entries(item.env_before).map(([name, value]) => [name, fill(value, place)]),
  );
  const shell = item.shell;
  if (["cmd.exe", "nu"].includes(shell)) return passed;
  const { rc, text } = scriptFor(wordsOf(item.command, place), shell, env, place, library);
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
async function runProgram(item, place, { library }) {
  for (const [path, content] of Object.entries(item.extra_files ?? {})) {
    const body = content.replace(/^executable sh script: /, "#!/bin/sh\n");
    writeFileSync(fill(path, place), body, { mode: 0o755 });
  }
  const args = item.args.map((arg) => fill(arg, place));
  const options = readRunOptions(args, place);
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(item.env).map(([k, v]) => [k, fill(v, place)])),
  };
  for (const name of Object.keys(env)) if (/^CONDA|^_CONDA/.test(name)) delete env[name];
  if (
    !existsSync(join(options.prefix, "conda-meta")) ||
    !existsSync(options.cwd) ||
    options.command.length === 0
  ) {
    return item.expect.rc === "nonzero" ? passed : failed("the environment, directory or command is missing");
  }
  const activated = await library.activatedEnvironment(options.prefix, env, { rootPrefix: place.root });
  const [program, ...rest] = options.command;
  const result = spawnSync(program, rest, {
    env: { ...activated, ...options.env },
    cwd: options.cwd,
    input: item.stdin ?? "",
    encoding: "utf8",
  });
  const rc = result.status ?? 127;
  if (item.expect.rc === "nonzero" ? rc === 0 : rc !== item.expect.rc)
    return failed(`exit code ${rc}: ${result.stderr}`);
  if (item.expect.stderr_contains && !result.stderr.includes(item.expect.stderr_contains))
    return failed(result.stderr);
  if (item.expect.stdout === undefined || item.expect.rc === "nonzero") return passed;
  return expectEqual(empty(result.stdout, place), item.expect.stdout, "stdout");
}

function readRunOptions(args, place) {
  const options = { prefix: place.root, cwd: place.home, env: {}, command: [] };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "-n") options.prefix = prefixOf(args[++i], place);
    else if (arg === "-p") options.prefix = args[++i];
    else if (arg === "--cwd") options.cwd = args[++i];
    else if (arg === "-e") {
      const [name, ...value] = args[++i].split("=");
      options.env[name] = value.join("=");
    } else {
      options.command = args.slice(arg === "--" ? i + 1 : i);
      break;
    }
  }
  return options;
}
