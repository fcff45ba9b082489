import { isMap, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import { ToolError } from "../errors.ts";
import { redactText } from "./credentials.ts";
import { type ExpandContext, expandPath, expandVariables } from "./expand.ts";
import { withoutPipExtras } from "./match-spec.ts";
import { similarNames } from "./names.ts";
import { isPlatform } from "./platform.ts";
import { applyCommentSelectors, evaluateSelector } from "./selectors.ts";
import { type FilePosition, fileError, YamlDocument } from "./yaml-document.ts";

/** What an `environment.yml` (CEP 24) asks for, for one platform. */
export interface EnvironmentFile {
  /** Name as printed in messages: a path or a URL. */
  fileName: string;
  name?: string;
  /** Absolute or relative path with `~` and variables expanded. */
  prefix?: string;
  /** Without `nodefaults`; variables expanded. */
  channels: string[];
  /** The configured channels are not to be appended. */
  nodefaults: boolean;
  /** MatchSpecs as written, in order, without repetitions; `pip` is added when there is a pip section without it. */
  dependencies: string[];
  /** Where each dependency stands, by its text. */
  positions: ReadonlyMap<string, FilePosition>;
  /** Requirement lines for pip, verbatim and in order. */
  pip?: string[];
  /** The same for `uv pip`. */
  uv?: string[];
  /** Environment variables for activation; all values as text. */
  variables: Record<string, string>;
  /** Platforms the author solves for (extension); not applied here. */
  platforms?: string[];
  /** Group label (extension). */
  category?: string;
  warnings: FileWarning[];
}

export interface FileWarning {
  /** One sentence with file and position. */
  message: string;
  hint?: string;
  /** What was left out are the dependencies: a command that finds no others must not take the file for an empty one. */
  losesDependencies?: true;
}

export interface EnvironmentFileOptions extends ExpandContext {
  fileName: string;
  /** Target platform: selectors are evaluated for it. */
  platform: string;
}

const CODE = "env-file-invalid";
const KEYS = ["name", "prefix", "channels", "dependencies", "variables", "platforms", "category"] as const;
/** Keys of other tools that share the file: known not to concern us, no misspelling. */
const FOREIGN_KEYS = new Set(["platform", "pip-repositories", "allow-pypi-requests", "extras", "version"]);

interface State {
  readonly yaml: YamlDocument;
  readonly options: EnvironmentFileOptions;
  readonly file: EnvironmentFile;
  readonly positions: Map<string, FilePosition>;
}

/** Reads an `environment.yml`. Throws `env-file-invalid` with file, line and column. */
export function parseEnvironmentFile(text: string, options: EnvironmentFileOptions): EnvironmentFile {
  const selected = applyCommentSelectors(text, options.platform);
  const yaml = YamlDocument.parse(selected.text, options.fileName, CODE);
  const positions = new Map<string, FilePosition>();
  const file: EnvironmentFile = {
    fileName: options.fileName,
    channels: [],
    nodefaults: false,
    dependencies: [],
    positions,
    variables: {},
    warnings: [],
  };
  const state: State = { yaml, options, file, positions };
  for (const { line, expression } of selected.unknown) {
    const reason = `the selector \`[${expression}]\` has a variable that is not supported, the line is kept`;
    file.warnings.push({ message: fileError(CODE, options.fileName, { line, column: 1 }, reason).message });
  }
  const root = yaml.root;
  if (isMap(root)) readKeys(state, root);
  else if (isSeq(root))
    warn(
      state,
      root,
      "the file is a list, not a mapping with `dependencies`: nothing is read",
    ).losesDependencies = true;
  else if (root !== undefined) throw yaml.error(root, "this is text, not a mapping with `dependencies`");
  return file;
}

function warn(state: State, node: unknown, reason: string, hint?: string): FileWarning {
  const { message } = state.yaml.error(node, reason);
  const warning: FileWarning = hint === undefined ? { message } : { message, hint };
  state.file.warnings.push(warning);
  return warning;
}

function readKeys(state: State, root: YAMLMap): void {
  for (const [key, entry] of state.yaml.entries(root)) {
    switch (key) {
      case "name":
        readName(state, entry.value);
        break;
      case "prefix":
        readPrefix(state, entry.value);
        break;
      case "channels":
        readChannels(state, entry);
        break;
      case "dependencies":
        readDependencies(state, entry.value);
        break;
      case "variables":
        readVariables(state, entry.value);
        break;
      case "platforms":
        state.file.platforms = readPlatforms(state, entry.value);
        break;
      case "category": {
        const category = state.yaml.text(entry.value);
        if (category !== undefined) state.file.category = category;
        break;
      }
      default:
        warnUnknownKey(state, key, entry);
    }
  }
  addInstallers(state.file);
}

function warnUnknownKey(state: State, key: string, entry: { key: Node; value: unknown }): void {
  // An anchor's holder (`x: &p python=3.11`) is there to be referred to.
  const holder = state.yaml.resolve(entry.value) as { anchor?: string } | undefined;
  if (holder?.anchor !== undefined) return;
  const nearest = FOREIGN_KEYS.has(key) ? undefined : similarNames(key.slice(0, 40), KEYS, 1)[0];
  const warning = warn(
    state,
    entry.key,
    `the key \`${key}\` is ignored`,
    nearest === undefined ? undefined : `did you mean \`${nearest}\`?`,
  );
  if (nearest === "dependencies") warning.losesDependencies = true;
}

/**
 * CEP 24 forbids `/`, space, `:` and `#`. A space is only warned about, because mamba and conda accept it in this file;
 * the others would leave the envs directory or break PATH and history. `base` is what images are made of: accepted. A path is
 * what conda's `env export` writes for an environment without a name: the file then names none.
 */
function readName(state: State, value: unknown): void {
  const node = state.yaml.resolve(value);
  if (node === undefined) return;
  const name = state.yaml.text(node);
  if (name === undefined) throw state.yaml.error(node, "`name` must be text");
  if (/^(\/|[A-Za-z]:[\\/])/.test(name)) {
    warn(
      state,
      node,
      `the name \`${name}\` is a path and does not count`,
      "give a name with -n, or a path with -p",
    );
    return;
  }
  const wrong = /[/\\:#\u0000-\u001f\u007f]/.exec(name);
  if (wrong || name === "." || name === ".." || name.trim() === "") {
    throw state.yaml.error(
      node,
      `the name \`${name}\` is not possible for an environment`,
      "use letters, digits, `.`, `_` and `-`",
    );
  }
  if (/\s/.test(name))
    warn(state, node, `the name \`${name}\` contains a space, which many tools do not expect`);
  state.file.name = name;
}

function readPrefix(state: State, value: unknown): void {
  const node = state.yaml.resolve(value);
  if (node === undefined) return;
  const prefix = state.yaml.text(node);
  if (prefix === undefined || prefix.trim() === "" || prefix.includes("\0")) {
    throw state.yaml.error(node, "`prefix` must be a path");
  }
  state.file.prefix = expandPath(prefix, state.options);
}

function readChannels(state: State, entry: { key: Node; value: unknown }): void {
  const { yaml, file, options } = state;
  const list = yaml.resolve(entry.value);
  if (!isSeq(list)) {
    throw yaml.error(
      list ?? entry.key,
      "`channels` must be a list",
      isScalar(list)
        ? `write \`channels: [${yaml.text(list)}]\``
        : "leave the key out to use the configured channels",
    );
  }
  for (const item of list.items) {
    const text = yaml.text(item);
    if (text === undefined || text.trim() === "") throw yaml.error(item, "a channel must be text");
    const channel = expandVariables(text.trim(), options);
    if (channel === "nodefaults") file.nodefaults = true;
    else if (!file.channels.includes(channel)) file.channels.push(channel);
  }
}

function readDependencies(state: State, value: unknown): void {
  const list = state.yaml.resolve(value);
  if (list === undefined) return;
  if (!isSeq(list)) {
    // `-numpy` on each line is one text to YAML.
    const hint = /^-\S/.test(state.yaml.text(list) ?? "")
      ? "write a space after each `-`"
      : "write one `- package` a line";
    warn(state, list, "`dependencies` is not a list: it is ignored", hint).losesDependencies = true;
    return;
  }
  for (const item of list.items) readDependency(state, item);
}

function readDependency(state: State, item: unknown): void {
  const node = state.yaml.resolve(item);
  if (node === undefined) return;
  if (isMap(node)) readSection(state, node);
  else if (isScalar(node)) addDependency(state, node);
  else throw state.yaml.error(item, "a dependency must be a spec or a section such as `pip:`");
}

function addDependency(state: State, node: Node): void {
  const written = (state.yaml.text(node) ?? "").trim();
  if (written === "") throw state.yaml.error(node, "a dependency is empty");
  const plain = withoutPipExtras(written);
  if (plain !== undefined) {
    warn(
      state,
      node,
      `\`${written}\` is read as \`${plain}\`: conda packages have no extras of pip`,
      "name the packages that the extra needs, or move the line to a `pip:` section",
    );
  }
  const text = plain ?? written;
  if (/\s-\s/.test(text)) {
    throw state.yaml.error(
      node,
      `\`${text}\` is several lines that YAML joined into one`,
      /^(?:pip|uv)\s/.test(text)
        ? `write \`${text.slice(0, text.indexOf(" "))}:\` with a colon before its list`
        : "start each item at the same column",
    );
  }
  if (/^-/.test(text)) {
    throw state.yaml.error(
      node,
      `\`${text}\` is an option of pip, not a conda package`,
      "put it under a `pip:` section",
    );
  }
  if (state.positions.has(text)) return;
  state.file.dependencies.push(text);
  const position = state.yaml.position(node);
  if (position) state.positions.set(text, position);
}

function readSection(state: State, map: YAMLMap): void {
  for (const [key, entry] of state.yaml.entries(map)) {
    const selector = /^sel\((.*)\)$/.exec(key.trim());
    if (selector) readSelected(state, selector[1] ?? "", entry);
    else if (key === "pip" || key === "uv") readRequirements(state, key, entry);
    else {
      throw state.yaml.error(
        entry.key,
        `the section \`${key}\` of \`dependencies\` is for an installer that is not supported`,
        "supported are `pip:`, `uv:` and `sel(unix|linux|osx|win):`",
      );
    }
  }
}

function readSelected(state: State, expression: string, entry: { key: Node; value: unknown }): void {
  const applies = evaluateSelector(expression, state.options.platform);
  if (applies === undefined) {
    throw state.yaml.error(
      entry.key,
      `unknown selector \`sel(${expression})\``,
      "use `unix`, `linux`, `osx` or `win`",
    );
  }
  const node = state.yaml.resolve(entry.value);
  const items = isSeq(node) ? node.items.map((item) => state.yaml.resolve(item)) : [node];
  for (const item of items) {
    if (!isScalar(item)) throw state.yaml.error(item ?? entry.key, "`sel(...)` must select a spec");
    if (applies) addDependency(state, item);
  }
}

function readRequirements(state: State, key: "pip" | "uv", entry: { key: Node; value: unknown }): void {
  const { yaml, file } = state;
  const node = yaml.resolve(entry.value);
  if (node === undefined) {
    warn(state, entry.key, `the \`${key}\` section is empty`, "indent its lines further than its name");
    return;
  }
  if (!isSeq(node)) throw yaml.error(node, `\`${key}\` must be a list of requirements`);
  if (file[key] !== undefined) {
    warn(
      state,
      entry.key,
      `this \`${key}\` section replaces the one before it`,
      "merge the sections: conda and mamba read only the last",
    );
  }
  file[key] = node.items.flatMap((item) => {
    const resolved = yaml.resolve(item);
    if (resolved === undefined) return [];
    const text = yaml.text(resolved);
    if (text === undefined)
      throw yaml.error(resolved, `a ${key} requirement must be text`, "quote a line that contains `: `");
    return [text];
  });
}

function readVariables(state: State, value: unknown): void {
  const node = state.yaml.resolve(value);
  if (node === undefined) return;
  if (!isMap(node)) throw state.yaml.error(node, "`variables` must be a mapping of names to values");
  const variables = new Map<string, string>();
  for (const [name, entry] of state.yaml.entries(node)) {
    if (!/^[^=\0\s]+$/.test(name))
      throw state.yaml.error(entry.key, `\`${name}\` cannot be the name of a variable`);
    const resolved = state.yaml.resolve(entry.value);
    if (resolved !== undefined && !isScalar(resolved))
      throw state.yaml.error(resolved, `the value of \`${name}\` must be text`);
    const text = resolved === undefined ? writtenNull(entry.value) : (state.yaml.text(resolved) ?? "");
    if (text.includes("\0"))
      throw state.yaml.error(resolved, `the value of \`${name}\` contains a null byte`);
    variables.set(name, text);
  }
  // Through fromEntries, so that a variable called `__proto__` is a key like any other.
  state.file.variables = Object.fromEntries(variables);
}

/** `X: null` is the text `null` (CEP 24: values become text); `X:` is empty. */
function writtenNull(value: unknown): string {
  return isScalar(value) && value.source ? "null" : "";
}

function readPlatforms(state: State, value: unknown): string[] {
  const node = state.yaml.resolve(value);
  if (node === undefined) return [];
  if (!isSeq(node)) throw state.yaml.error(node, "`platforms` must be a list");
  return node.items.map((item) => {
    const text = state.yaml.text(item);
    if (text === undefined) throw state.yaml.error(item, "a platform must be text");
    if (!isPlatform(text)) warn(state, item, `\`${text}\` is not a platform`);
    return text;
  });
}

/** A pip section needs pip: mamba and conda add it to the specs when nobody did. */
function addInstallers(file: EnvironmentFile): void {
  for (const installer of ["pip", "uv"] as const) {
    if (!file[installer]?.length) continue;
    const named = file.dependencies.some((spec) =>
      new RegExp(`^(?:.*::)?${installer}(?![\\w.-])`).test(spec),
    );
    if (!named) file.dependencies.push(installer);
  }
}

/**
 * Parses every dependency with `parse` (a MatchSpec parser) and rethrows its complaint with the place in the file: what
 * a command calls before it uses the dependencies.
 */
export function checkDependencies<T>(file: EnvironmentFile, parse: (spec: string) => T): T[] {
  return file.dependencies.map((spec) => {
    try {
      return parse(spec);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      throw fileError(
        CODE,
        file.fileName,
        file.positions.get(spec),
        redactText(error.message),
        error.hint,
        error,
      );
    }
  });
}
