import { posix, win32 } from "node:path";
import { ToolError } from "../errors.ts";
import { isDirectorySync, listPathsSync, readTextSync } from "../fs/sync-files.ts";
import { type ConvertContext, convertValue, expandPath, rawFromVariable } from "./convert.ts";
import { deriveDefaults } from "./defaults.ts";
import type { KeyDefinition } from "./key-types.ts";
import {
  type ConfigValues,
  camelCase,
  FOREIGN_KEYS,
  findKey,
  KEY_NAMES,
  type KeyName,
  keyDefinition,
  UNHEEDED_KEYS,
} from "./keys.ts";
import { type Contribution, type Merged, mergeContributions } from "./merge.ts";
import { nearestKey } from "./nearest.ts";
import type { RcEntry } from "./rc-parse.ts";
import { isRcFileName, rcSearchPath } from "./rc-path.ts";

/** The name that the program is run by; it decides where conda's and micromamba's rules differ. */
export type Dialect = "taipan" | "conda" | "mamba" | "micromamba";

export interface ConfigInput {
  env: Readonly<Record<string, string | undefined>>;
  /** What the command line says, by camel-case key; undefined means not given. */
  overrides?: { readonly [K in keyof ConfigValues]?: ConfigValues[K] | undefined };
  /** `--rc-file`: read these, highest precedence first, instead of the search path. */
  rcFiles?: readonly string[] | undefined;
  noRc?: boolean;
  noEnv?: boolean;
  home: string;
  cwd: string;
  /** Platform of this machine, such as `linux-64`. */
  platform: string;
  /** Its condarc is read last. */
  targetPrefix?: string | undefined;
  dialect?: Dialect;
}

export interface ConfigWarning {
  code: "config-unknown-key" | "config-invalid" | "config-no-effect";
  message: string;
  hint?: string | undefined;
}

export interface Config {
  values: ConfigValues;
  /** Where the value of a key comes from, such as `default`, `CLI`, a variable's name or a path. */
  origin(key: KeyName): string;
  /** All sources and the origins of list items and map entries; undefined when nothing but the default is known. */
  detail(key: KeyName): Merged | undefined;
  /** Files that were read, highest precedence first. */
  sources: string[];
  /** What each source says, lowest precedence first, for `config --show-sources`. */
  layers: readonly ConfigLayer[];
  warnings: ConfigWarning[];
  home: string;
}

/** Everything that one source says. */
export interface ConfigLayer {
  origin: string;
  kind: "file" | "env" | "cli";
  values: ReadonlyMap<KeyName, Contribution>;
}

/** Reads YAML. Passed in, as the library that reads all of YAML takes longer to load than most commands run. */
export interface YamlReader {
  /** The entries of a condarc; throws `config-invalid`. */
  parseRc(text: string, path: string): RcEntry[];
  /** A value in a variable; text that is no YAML is itself. */
  parseValue(text: string): unknown;
}

/**
 * Puts the whole configuration together. Throws `config-invalid` for a variable of the wrong type and, except in
 * micromamba's dialect, for a file that is no YAML and a value of the wrong type in a file; `usage` for --rc-file together with --no-rc.
 */
export function assembleConfig(input: ConfigInput, yaml: YamlReader): Config {
  const dialect = input.dialect ?? "taipan";
  const windows = input.platform.startsWith("win");
  const noEnv = input.noEnv || isTrue(input.env["MAMBA_NO_ENV"]);
  const env = noEnv ? withoutConfigVariables(input.env) : input.env;
  const noRc = input.noRc || isTrue(env["MAMBA_NO_RC"]);
  if (noRc && input.rcFiles?.length) {
    throw new ToolError("usage", "--rc-file and --no-rc exclude each other");
  }
  const context: ConvertContext = {
    env: input.env,
    home: input.home,
    cwd: input.cwd,
    platform: input.platform,
  };
  const warnings: ConfigWarning[] = [];
  const cli = overrideLayer(input.overrides ?? {}, context);
  const variables = noEnv ? undefined : variableLayer(env, { dialect, context, yaml });
  const defaults = deriveDefaults({
    home: input.home,
    dataHome: input.env["XDG_DATA_HOME"] || (windows && input.env["APPDATA"]) || "",
    platform: input.platform,
    exists: isDirectorySync,
    rootPrefix: (cli.values.get("root_prefix") ?? variables?.values.get("root_prefix"))?.value as
      | string
      | undefined,
  });
  const paths = noRc ? [] : rcPaths(input, env, defaults.rootPrefix, context);
  const lenient = dialect === "micromamba" || dialect === "mamba";
  const files = paths.flatMap((path) => fileLayer(path, { context, warnings, lenient, yaml }));
  const layers = [...files, ...(variables ? [variables] : []), cli].filter(
    (layer) => layer.kind === "file" || layer.values.size > 0,
  );

  const merged = new Map<KeyName, Merged>();
  const values: Record<string, unknown> = {};
  for (const name of KEY_NAMES) {
    const said = contributions(name, layers);
    const key = keyDefinition(name);
    const result = said.length === 0 ? undefined : mergeContributions(key, said, !lenient);
    if (result) merged.set(name, result);
    values[camelCase(name)] = defaults.complete(
      name,
      result?.value ?? copyDefault(key),
      result !== undefined,
    );
  }
  for (const name of ["download_threads", "extract_threads"] as const) {
    const threads = values["defaultThreads"] as number;
    if (threads > 0 && !merged.has(name)) values[camelCase(name)] = threads;
  }
  warnings.push(...inVain(merged));
  if (!merged.has("repodata_shards_ttl")) values["repodataShardsTtl"] = values["localRepodataTtl"];
  const join = windows ? win32.join : posix.join;
  return {
    values: values as unknown as ConfigValues,
    origin: (key) => merged.get(key)?.origins[0] ?? "default",
    detail: (key) => merged.get(key),
    sources: files.map((layer) => layer.origin).reverse(),
    layers,
    warnings,
    home: join(input.home),
  };
}

/** Keys without effect that ask for something else than there is. */
function inVain(merged: ReadonlyMap<KeyName, Merged>): ConfigWarning[] {
  return [...merged].flatMap(([name, { value, origins }]) => {
    const { noEffect, default: usual } = keyDefinition(name);
    if (noEffect === undefined || JSON.stringify(value) === JSON.stringify(usual)) return [];
    const message = `configuration key \`${name}\` of \`${origins[0]}\` has no effect: ${noEffect}`;
    return [{ code: "config-no-effect", message }];
  });
}

/** `--override-channels` shuts out every list of channels but the command line's. */
function contributions(name: KeyName, layers: readonly ConfigLayer[]): Contribution[] {
  const overridden = name === "channels" && layers.at(-1)?.values.get("override_channels")?.value === true;
  return layers.flatMap((layer) =>
    overridden && layer.kind !== "cli" ? [] : (layer.values.get(name) ?? []),
  );
}

function copyDefault(key: KeyDefinition): unknown {
  return typeof key.default === "object" ? structuredClone(key.default) : key.default;
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(true|yes|on|1)$/i.test(text.trim());
}

/** `--no-env` hides the variables that would configure; `CONDA_PREFIX` and its kin describe the active environment. */
function withoutConfigVariables(env: ConfigInput["env"]): ConfigInput["env"] {
  const { CONDARC: _condarc, MAMBARC: _mambarc, ...rest } = env;
  return rest;
}

/** Existing files, lowest precedence first. */
function rcPaths(
  input: ConfigInput,
  env: ConfigInput["env"],
  rootPrefix: string,
  context: ConvertContext,
): string[] {
  if (input.rcFiles?.length) {
    const files = input.rcFiles.map((path) => expandPath(path, context)).reverse();
    const missing = files.find((path) => readTextSync(path) === undefined);
    if (missing !== undefined)
      throw new ToolError("config-invalid", `configuration file \`${missing}\` does not exist`);
    return files;
  }
  const search = {
    platform: input.platform,
    home: input.home,
    rootPrefix,
    targetPrefix: input.targetPrefix,
    env,
  };
  return rcSearchPath(search).flatMap(({ path, directory }) => {
    const full = expandPath(path, context);
    if (!directory) return [full];
    return listPathsSync(full).filter((file) => isRcFileName(file.split(/[/\\]/).at(-1) ?? ""));
  });
}

interface FileContext {
  context: ConvertContext;
  warnings: ConfigWarning[];
  lenient: boolean;
  yaml: YamlReader;
}

function fileLayer(path: string, { context, warnings, lenient, yaml }: FileContext): ConfigLayer[] {
  const text = readTextSync(path);
  if (text === undefined) return [];
  const values = new Map<KeyName, Contribution>();
  for (const entry of readEntries(text, path, { warnings, lenient, yaml })) {
    const name = rcKey(entry, path, warnings);
    if (!name || entry.raw === null || (values.has(name) && entry.key !== name)) continue;
    const converted = convertValue(name, entry.raw, context);
    if ("problem" in converted) {
      const message = `\`${entry.key}\` in \`${path}\` line ${entry.line} ${converted.problem}`;
      if (!lenient) {
        throw new ToolError("config-invalid", message, { hint: `see \`config describe ${name}\`` });
      }
      warnings.push({ code: "config-invalid", message: `${message}; it is ignored` });
      continue;
    }
    values.set(name, {
      origin: path,
      value: converted.value,
      marks: entry.marks,
      itemMarks: entry.itemMarks,
    });
  }
  return [{ origin: path, kind: "file", values }];
}

/** micromamba goes on without a file that is no YAML; for others channels, pins or certificates would be missing unnoticed. */
function readEntries(text: string, path: string, file: Omit<FileContext, "context">): RcEntry[] {
  try {
    return file.yaml.parseRc(text, path);
  } catch (error) {
    if (!file.lenient || !(error instanceof ToolError)) throw error;
    file.warnings.push({ code: "config-invalid", message: `${error.message}; the file is ignored` });
    return [];
  }
}

/** What conda has for `UNHEEDED_KEYS` where nobody says otherwise. */
const CONDA_DEFAULTS: ReadonlySet<unknown> = new Set([null, false, "not_set", "update_specs"]);

/** The key of an entry; warns about keys that nobody knows and that may not stand in a file. */
function rcKey(entry: RcEntry, path: string, warnings: ConfigWarning[]): KeyName | undefined {
  const name = findKey(entry.key);
  if (name && keyDefinition(name).rc) return name;
  if (FOREIGN_KEYS.has(entry.key)) {
    const instead = UNHEEDED_KEYS.get(entry.key);
    if (instead !== undefined && !CONDA_DEFAULTS.has(entry.raw)) {
      const message = `configuration key \`${entry.key}\` of \`${path}\` has no effect: ${instead}`;
      warnings.push({ code: "config-no-effect", message });
    }
    return undefined;
  }
  const where = `in \`${path}\` line ${entry.line}`;
  if (name) {
    warnings.push({
      code: "config-unknown-key",
      message: `configuration key \`${entry.key}\` ${where} cannot be set in a file`,
    });
    return undefined;
  }
  const near = nearestKey(entry.key);
  warnings.push({
    code: "config-unknown-key",
    message: `unknown configuration key \`${entry.key}\` ${where}`,
    hint: near && `did you mean \`${near}\`?`,
  });
  return undefined;
}

/** Names of the variables of a key, highest precedence first. */
export function variableNames(name: KeyName, dialect: Dialect): string[] {
  const key = keyDefinition(name);
  if (name === "rc_files" || name === "no_rc" || name === "no_env") return [];
  if (dialect === "micromamba" || dialect === "mamba") return [...key.env];
  if (!key.rc && key.env.length === 0) return [];
  const upper = name.toUpperCase();
  const spellings = [upper, ...key.aliases.map((alias) => alias.toUpperCase())];
  return [
    ...new Set([
      `TAIPAN_${upper}`,
      ...key.env,
      `MAMBA_${upper}`,
      ...spellings.map((spelling) => `CONDA_${spelling}`),
    ]),
  ];
}

/** Variables that micromamba reads and lists nowhere; that of the root prefix is meant for tests. */
const UNLISTED: Partial<Record<KeyName, readonly string[]>> = {
  envs_dirs: ["CONDA_ENVS_DIRS", "CONDA_ENVS_PATH"],
  root_prefix: ["MAMBA_DEFAULT_ROOT_PREFIX"],
  prefix_data_interoperability: ["CONDA_PREFIX_DATA_INTEROPERABILITY", "MAMBA_PREFIX_DATA_INTEROPERABILITY"],
};

/** micromamba reads variables as YAML, where 1 and 0 are numbers. Everybody else takes them for true and false. */
function isWordOfYaml(name: KeyName, text: string, dialect: Dialect): boolean {
  if (keyDefinition(name).kind !== "boolean" || dialect === "taipan" || dialect === "conda") return true;
  return !/^\s*[01]\s*$/.test(text);
}

interface VariableContext {
  dialect: Dialect;
  context: ConvertContext;
  yaml: YamlReader;
}

function variableLayer(env: ConfigInput["env"], { dialect, context, yaml }: VariableContext): ConfigLayer {
  const values = new Map<KeyName, Contribution>();
  // Reading `process.env` calls out of JavaScript each time, and there are some 400 names to look for.
  const present = new Set(
    Object.keys(env).filter((name) => /^(TAIPAN|MAMBA|CONDA)_/.test(name) && env[name]),
  );
  if (present.size === 0) return { origin: "envvars", kind: "env", values };
  for (const name of KEY_NAMES) {
    const names = [...variableNames(name, dialect), ...(UNLISTED[name] ?? [])];
    const variable = names.find((candidate) => present.has(candidate));
    if (variable === undefined) continue;
    const converted = convertValue(
      name,
      rawFromVariable(name, env[variable] ?? "", { platform: context.platform, parseValue: yaml.parseValue }),
      context,
    );
    if ("problem" in converted || !isWordOfYaml(name, env[variable] ?? "", dialect)) {
      const problem = "problem" in converted ? converted.problem : "is not `true` or `false`";
      throw new ToolError("config-invalid", `environment variable \`${variable}\` ${problem}`, {
        hint: `see \`config describe ${name}\``,
      });
    }
    values.set(name, { origin: variable, value: converted.value, marks: [], itemMarks: new Map() });
  }
  return { origin: "envvars", kind: "env", values };
}

function overrideLayer(
  overrides: NonNullable<ConfigInput["overrides"]>,
  context: ConvertContext,
): ConfigLayer {
  const values = new Map<KeyName, Contribution>();
  for (const name of KEY_NAMES) {
    const given = overrides[camelCase(name) as keyof ConfigValues];
    if (given === undefined) continue;
    const value = keyDefinition(name).path ? absolute(given, context) : given;
    values.set(name, { origin: "CLI", value, marks: [], itemMarks: new Map() });
  }
  return { origin: "CLI", kind: "cli", values };
}

function absolute(value: unknown, context: ConvertContext): unknown {
  if (Array.isArray(value)) return value.map((item) => expandPath(String(item), context));
  return typeof value === "string" && value !== "" ? expandPath(value, context) : value;
}
