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
import { all, expectEqual, failed, passed } from "./support.mjs";

/** Configuration: search path, keys, merging, and sequences of `config` commands in micromamba's and conda's words. */
export function prepare() {
  return { directory: realpathSync(mkdtempSync(join(tmpdir(), "taipan-config-"))), count: 0 };
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
  return all([
    expectEqual(key.group, item.group, "group"),
    expectEqual(key.rc, item.rc_configurable, "rc"),
    expectEqual([...key.env].sort(), [...(item.env_vars ?? [])].sort(), "variables"),
  ]);
}

function checkScenario(item, { state, library }) {
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
  const place = { tmp, env, home: join(tmp, "home"), root: join(tmp, "root"), tool: item.tool };
  for (const step of item.steps) {
    const args = step.args.map(fill);
    const got = execute(args, place, library);
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
    return expectEqual(
      JSON.parse(JSON.stringify(got.json ?? null).replaceAll(tmp, "<TMP>")),
      step.stdout,
      what,
    );
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

function execute(args, place, library) {
  try {
    return place.tool === "conda"
      ? conda(args.slice(1), place, library)
      : micromamba(args.slice(1), place, library);
  } catch (error) {
    if (error?.name !== "ToolError") throw error;
    return { rc: 1, message: error.message };
  }
}

/** Splits words into options with and without values, and the rest. */
function parse(args, withValue) {
  const found = { flags: new Set(), values: {}, words: [] };
  for (let i = 0; i < args.length; i++) {
    const [name, inline] = args[i].startsWith("--") ? args[i].split(/=(.*)/s) : [args[i]];
    if (withValue[name] !== undefined) {
      const count = withValue[name];
      const taken = inline === undefined ? args.slice(i + 1, i + 1 + count) : [inline];
      found.values[name] = [...(found.values[name] ?? []), ...(count === 1 ? taken : [taken])];
      if (inline === undefined) i += count;
    } else if (name.startsWith("-")) found.flags.add(name);
    else found.words.push(args[i]);
  }
  return found;
}

function load(place, library, extra) {
  const { env, home, root, tool, tmp } = place;
  return library.loadConfig({
    env,
    home,
    cwd: join(tmp, "cwd"),
    platform: "linux-64",
    dialect: tool,
    targetPrefix: root,
    ...extra,
  });
}

function editing(place, path) {
  const context = { env: place.env, home: place.home, cwd: join(place.tmp, "cwd"), platform: "linux-64" };
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const save = (changed) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, changed);
  };
  return { context, text, save };
}

function micromamba(args, place, library) {
  const { flags, values, words } = parse(args, { "--rc-file": 1, "--file": 1 });
  const [action, ...rest] = words;
  const has = (...names) => names.some((name) => flags.has(name));
  if (["list", "sources", "describe"].includes(action)) {
    const noRc = has("--no-rc");
    const overrides = {};
    if (has("--json")) overrides.json = true;
    if (has("--offline")) overrides.offline = true;
    const config = load(place, library, {
      noRc,
      noEnv: has("--no-env"),
      rcFiles: values["--rc-file"],
      overrides,
    });
    const options = {
      keys: rest,
      all: has("-a", "--all"),
      sources: has("-s", "--sources"),
      descriptions: has("-d", "--descriptions"),
      longDescriptions: has("-l", "--long-descriptions"),
      groups: has("-g", "--groups"),
      ...(action === "describe" ? { values: false } : {}),
    };
    if (action === "sources") return { rc: 0, text: library.listSources(config, noRc) };
    if (has("--json")) return { rc: 0, json: library.listConfigJson(config, options) };
    return { rc: 0, text: library.listConfig(config, options) };
  }
  const scope = has("--env") ? "env" : has("--system") ? "system" : "user";
  const path =
    values["--file"]?.[0] ??
    library.rcFileToEdit(scope, {
      home: place.home,
      rootPrefix: place.root,
      activePrefix: place.env.CONDA_PREFIX,
      platform: "linux-64",
    });
  const { context, text, save } = editing(place, path);
  return editMicromamba({ action, rest, text, save, context }, library);
}

function editMicromamba({ action, rest, text, save, context }, library) {
  const ok = { rc: 0, text: "" };
  switch (action) {
    case "get": {
      const value = library.condarc.getValue(text, rest[0]);
      return value ? { rc: 0, text: value.text } : { rc: 0, text: "Key is not present in file" };
    }
    case "set":
      if (rest.length !== 2) return { rc: 0, text: "Key is invalid or more than one key was received" };
      save(library.condarc.setValue(text, rest[0], rest[1], context));
      return ok;
    case "append":
    case "prepend": {
      if (rest.length < 2 || rest.length % 2 === 1) return { rc: 1 };
      let changed = text;
      for (let i = 0; i < rest.length; i += 2)
        changed = library.condarc.addToList(changed, rest[i], rest[i + 1], action, context);
      save(changed);
      return ok;
    }
    case "remove-key":
    case "remove": {
      if (action === "remove" && rest.length > 2)
        return { rc: 0, text: "Only one value can be removed at a time" };
      const changed =
        action === "remove"
          ? library.condarc.removeValue(text, rest[0], rest[1])
          : library.condarc.removeKey(text, rest[0]);
      if (changed === undefined) return { rc: 0, text: "Key is not present in file" };
      save(changed);
      return ok;
    }
    default:
      return { rc: 2, message: `unknown action ${action}` };
  }
}

function conda(args, place, library) {
  const edits = {
    "--add": 2,
    "--prepend": 2,
    "--append": 2,
    "--set": 2,
    "--remove": 2,
    "--remove-key": 1,
    "--file": 1,
  };
  const { flags, values, words } = parse(args, edits);
  const json = flags.has("--json");
  if (flags.has("--show")) {
    const config = load(place, library, {});
    return json
      ? { rc: 0, json: library.showConfigJson(config, words) }
      : { rc: 0, text: library.showConfig(config, words) };
  }
  if (flags.has("--show-sources")) return { rc: 0, text: library.showSources(load(place, library, {})) };
  if (flags.has("--describe"))
    return json
      ? { rc: 0, json: library.describeConfigJson(words) }
      : { rc: 0, text: library.describeConfig(words) };
  const path = values["--file"]?.[0] ?? join(place.home, ".condarc");
  const { context, text, save } = editing(place, path);
  if (flags.has("--get")) {
    const all = library.condarc.getValues(text);
    const chosen = new Map([...all].filter(([key]) => words.length === 0 || words.includes(key)));
    const document = { success: true, rc_path: path, warnings: [], get: Object.fromEntries(chosen) };
    return json ? { rc: 0, json: document } : { rc: 0, text: library.getCommands(chosen) };
  }
  let changed = text;
  for (const [key, value] of [...(values["--add"] ?? []), ...(values["--prepend"] ?? [])])
    changed = library.condarc.addToList(changed, key, value, "prepend", context);
  for (const [key, value] of values["--append"] ?? [])
    changed = library.condarc.addToList(changed, key, value, "append", context);
  for (const [key, value] of values["--set"] ?? [])
    changed = library.condarc.setValue(changed, key, value, context);
  for (const [key, value] of values["--remove"] ?? [])
    changed = library.condarc.removeValue(changed, key, value) ?? changed;
  for (const key of values["--remove-key"] ?? [])
    changed = library.condarc.removeKey(changed, key) ?? changed;
  save(changed);
  return { rc: 0, text: "" };
}
