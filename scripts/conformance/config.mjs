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
import { dirname, join } from "node:path";
import { all, executables, expectEqual, failed, passed } from "./support.mjs";

/** Configuration: search path, keys, merging, and sequences of `config` commands in micromamba's and conda's words. */
export function prepare({ root }) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "taipan-config-")));
  return { directory, count: 0, programs: executables(root, directory, ["conda", "micromamba"]) };
}

export function finish({ state }) {
  rmSync(state.directory, { recursive: true, force: true });
}

export function run(item, context) {
  if (item.kind === "search_path") return checkSearchPath(item, context.library);
  if (item.kind === "micromamba_key") return checkKey(item, context.library);
  if (item.kind === "scenario") return checkScenario(item, context);
  return failed(`unknown kind \`${item.kind}\``);
}

function checkSearchPath(item, { rcSearchPath }) {
  const home = "/home/u";
  const windows = item.platform === "win";
  const paths = rcSearchPath({
    platform: windows ? "win-64" : "linux-64",
    home,
    rootPrefix: "/root-prefix",
    targetPrefix: "/target",
    env: {
      XDG_CONFIG_HOME: "/xdg",
      CONDA_PREFIX: "/active",
      CONDARC: "/condarc-file",
      MAMBARC: "/mambarc-file",
    },
  }).map(({ path }) => path.replaceAll("\\", "/"));
  const expected = item.expect_lowest_to_highest
    .filter((text) => !text.startsWith("..."))
    .map((text) =>
      text
        .replace(/\(micromamba only\) /, "")
        .replace(/ \(if set\)$/, "")
        .replace(/\/$/, "")
        .replace("<root_prefix>", "/root-prefix")
        .replace("<target_prefix>", "/target")
        .replace("<user_config_dir>", `${home}/.config`)
        .replace("$XDG_CONFIG_HOME", "/xdg")
        .replace("$CONDA_PREFIX", "/active")
        .replace("$CONDARC", "/condarc-file")
        .replace("$MAMBARC", "/mambarc-file")
        .replace(/^~/, home),
    );
  // The places must all be searched, in this order; taipan may search more between them.
  let at = -1;
  for (const path of expected) {
    const found = paths.indexOf(path);
    if (found === -1) return failed(`${path} is not searched`);
    const moved = path.includes("/xdg/") || (windows && path.endsWith(".mambarc"));
    if (!moved && found < at) return failed(`${path} is searched too early`);
    if (!moved) at = found;
  }
  return passed;
}

function checkKey(item, { KEYS }) {
  const key = KEYS[item.key];
  if (!key) return failed(`unknown key \`${item.key}\``);
  // The list has micromamba's own names; a synonym that we take besides has a variable of its own.
  const synonyms = new Set((key.aliases ?? []).map((name) => `MAMBA_${name.toUpperCase()}`));
  return all([
    expectEqual(key.group, item.group, "group"),
    expectEqual(key.rc, item.rc_configurable, "rc"),
    expectEqual(
      key.env.filter((variable) => !synonyms.has(variable)).sort(),
      [...(item.env_vars ?? [])].sort(),
      "variables",
    ),
  ]);
}

function checkScenario(item, { state }) {
  const tmp = join(state.directory, String(state.count++));
  for (const dir of ["home", "root", "root/conda-meta", "cwd"])
    mkdirSync(join(tmp, dir), { recursive: true });
  const fill = (text) => text.replaceAll("<TMP>", tmp).replaceAll("<CONDA_ROOT>", join(tmp, "root"));
  for (const [path, content] of Object.entries(item.files ?? {})) {
    mkdirSync(dirname(fill(path)), { recursive: true });
    writeFileSync(fill(path), fill(content));
  }
  const env = { MAMBA_ROOT_PREFIX: join(tmp, "root") };
  for (const [name, value] of Object.entries(item.env ?? {})) env[name] = fill(value);
  const place = { tmp, env, home: join(tmp, "home"), state, tool: item.tool };
  for (const step of item.steps) {
    const args = step.args.map(fill);
    const got = execute(args, place);
    const result = compareStep(step, got, args, place);
    if (result.status !== "passed") return result;
  }
  for (const [path, content] of Object.entries(item.files_after ?? {})) {
    const actual = existsSync(fill(path)) ? readFileSync(fill(path), "utf8") : undefined;
    const result = expectEqual(actual, fill(content), path);
    if (result.status !== "passed") return result;
  }
  return passed;
}

function compareStep(step, got, args, { tmp, tool }) {
  const what = args.join(" ").replaceAll(tmp, "<TMP>");
  if ((got.rc === 0) !== (step.rc === 0))
    return failed(`${what}: exit code ${got.rc} (${got.message ?? ""})`);
  if (step.rc !== 0) return passed;
  if (!Array.isArray(step.stdout) || typeof step.stdout[0] === "object")
    return expectEqual(JSON.parse((got.text || "null").replaceAll(tmp, "<TMP>")), step.stdout, what);
  const clean = (lines) => lines.map((line) => line.replaceAll(tmp, "<TMP>").trimEnd());
  let lines = clean((got.text ?? "").split("\n"));
  let expected = step.stdout;
  if (tool === "conda" && args.includes("--show-sources")) {
    // conda's own root and a variable of the recording stand there, too.
    lines = sections(lines).filter((section) => !/\/root\/|envvars/.test(section));
    expected = sections(expected).filter((section) => !/<CONDA_ROOT>|envvars/.test(section));
  }
  const trim = (list) => list.join("\n").trimEnd();
  return expectEqual(trim(lines), trim(expected), what);
}

const sections = (lines) =>
  lines
    .join("\n")
    .split(/\n(?==> )/)
    .map((text) => text.trim());

/** Runs the executable under the tool's name, so that its dialect is the one that the case was recorded in. */
function execute(args, { tool, env, home, tmp, state }) {
  const result = spawnSync(state.programs[tool], args, {
    env: { PATH: process.env.PATH, NO_COLOR: "1", ...env, HOME: home },
    cwd: join(tmp, "cwd"),
    encoding: "utf8",
  });
  return { rc: result.status, text: result.stdout, message: result.stderr };
}
