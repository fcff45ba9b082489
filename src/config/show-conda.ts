import { stringify } from "yaml";
import { ToolError } from "../errors.ts";
import type { Config } from "./config.ts";
import { camelCase, FOREIGN_KEYS, findKey, KEY_NAMES, type KeyName, keyDefinition } from "./keys.ts";
import { nearestKey } from "./nearest.ts";
import { redactValue } from "./redact.ts";
import { keyDescription } from "./show.ts";

/** Where conda's name of a key is another one. */
const CONDA_NAMES: Partial<Record<KeyName, string>> = {
  auto_activate_base: "auto_activate",
  platform: "subdir",
};

/** Keys as the user spelt them, each with what it stands for. Throws `usage` for names that nobody knows. */
function resolveKeys(names: readonly string[]): [shown: string, key: KeyName][] {
  if (names.length === 0) {
    return KEY_NAMES.filter((key) => keyDefinition(key).rc)
      .map((key): [string, KeyName] => [CONDA_NAMES[key] ?? key, key])
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
  const unknown = names.filter((name) => !findKey(name) && !FOREIGN_KEYS.has(name));
  if (unknown.length > 0) {
    const near = nearestKey(unknown[0] ?? "");
    throw new ToolError(
      "usage",
      `Invalid configuration parameters: ${unknown.map((name) => `\n  - ${name}`).join("")}`,
      {
        hint: near && `did you mean \`${near}\`?`,
      },
    );
  }
  return [...names].sort().flatMap((name): [string, KeyName][] => {
    const key = findKey(name);
    return key ? [[name, key]] : [];
  });
}

/** What conda's `config --show [KEYS]` prints under `--json`. Secrets are hidden. */
export function showConfigJson(config: Config, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    resolveKeys(names).map(([shown, key]) => [
      shown,
      redactValue(config.values[camelCase(key) as keyof Config["values"]]),
    ]),
  );
}

/** The text of conda's `config --show [KEYS]`. */
export function showConfig(config: Config, names: readonly string[]): string {
  const values = showConfigJson(config, names);
  return Object.keys(values).length === 0 ? "" : stringify(values, { lineWidth: 0, indentSeq: true });
}

/** The text of conda's `config --show-sources`: what each file, variable and option says. */
export function showSources(config: Config): string {
  return Object.entries(showSourcesJson(config))
    .map(([origin, values]) => {
      const text =
        Object.keys(values).length === 0 ? "" : stringify(values, { lineWidth: 0, indentSeq: true });
      return `==> ${origin} <==\n${text}\n`;
    })
    .join("");
}

export function showSourcesJson(config: Config): Record<string, Record<string, unknown>> {
  const entries = config.layers.map(({ kind, origin, values }) => {
    const pairs = [...values].map(([key, said]) => [key, redactValue(said.value)] as const);
    const shown = kind === "cli" ? "cmd_line" : origin;
    return [shown, Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))] as const;
  });
  return Object.fromEntries(entries);
}

/** The lines of conda's `config --get [KEYS]` for what a file holds: the commands that would write it. */
export function getCommands(values: ReadonlyMap<string, unknown>): string {
  const lines = [...values].flatMap(([key, value]) => {
    const shown: unknown = redactValue(value);
    if (Array.isArray(shown)) return listCommands(key, shown);
    if (typeof shown === "object" && shown !== null) {
      return Object.entries(shown).map(([name, item]) => `--set ${key}.${name} ${pythonText(item)}`);
    }
    return [`--set ${key} ${pythonText(shown)}`];
  });
  return lines.map((line) => `${line}\n`).join("");
}

/** In the order in which `--add`, which prepends, has to be run. */
function listCommands(key: string, values: readonly unknown[]): string[] {
  return [...values].reverse().map((value, i) => {
    const rank = i === 0 ? "   # lowest priority" : i === values.length - 1 ? "   # highest priority" : "";
    const shown = typeof value === "object" ? JSON.stringify(value) : String(value);
    return `--add ${key} '${shown}'${key === "channels" ? rank : ""}`;
  });
}

/** conda prints Python values, and scripts compare them. */
function pythonText(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  return value === null ? "None" : String(value);
}

/** conda's names of the types of keys with a choice of values. */
const ENUMERATIONS: Partial<Record<KeyName, string>> = {
  channel_priority: "ChannelPriority",
  path_conflict: "PathConflict",
  safety_checks: "SafetyChecks",
};
const PRIMITIVES: Readonly<Record<string, readonly string[]>> = {
  boolean: ["bool"],
  integer: ["int"],
  number: ["float"],
  ssl: ["bool", "str"],
};
const CONTAINERS: Readonly<Record<string, readonly [type: string, element: string]>> = {
  list: ["sequence", "primitive"],
  settings: ["sequence", "map"],
  map: ["map", "primitive"],
  listmap: ["map", "sequence"],
};

interface KeyShape {
  type: string;
  elements: readonly string[];
  /** Of a list in an environment variable. */
  delimiter?: string;
}

/** A key in conda's terms: it names the types of Python's values, an enumeration's once for each value. */
function shapeOf(key: KeyName): KeyShape {
  const { kind, choices, separator } = keyDefinition(key);
  const container = Object.hasOwn(CONTAINERS, kind) ? CONTAINERS[kind] : undefined;
  if (container) {
    const [type, element] = container;
    const delimiter = separator === "path" ? ":" : separator;
    return { type, elements: [element], ...(type === "sequence" ? { delimiter } : {}) };
  }
  const enumeration = choices && ENUMERATIONS[key];
  const elements = enumeration ? choices.map(() => enumeration) : (PRIMITIVES[kind] ?? ["str"]);
  return { type: "primitive", elements };
}

/** The text of conda's `config --describe [KEYS]`: of named keys by name, of all by group under headings. */
export function describeConfig(names: readonly string[]): string {
  const keys = resolveKeys(names);
  if (names.length > 0) return keys.map(([shown, key]) => describeKey(shown, key)).join("\n");
  const groups = new Map<string, string[]>();
  for (const [shown, key] of keys) {
    const { group } = keyDefinition(key);
    groups.set(group, [...(groups.get(group) ?? []), describeKey(shown, key)]);
  }
  return [...groups].map(([group, texts]) => `${heading(group)}\n${texts.join("\n")}`).join("\n\n");
}

const HEADING_WIDTH = 50;

function heading(group: string): string {
  const bar = `# ${"#".repeat(HEADING_WIDTH + 4)}\n`;
  const left = Math.floor((HEADING_WIDTH + group.length) / 2);
  return `${bar}# ##${group.padStart(left).padEnd(HEADING_WIDTH)}##\n${bar}`;
}

function otherNames(shown: string, key: KeyName): string[] {
  return [key, ...keyDefinition(key).aliases].filter((name) => name !== shown);
}

function describeKey(shown: string, key: KeyName): string {
  const { default: value, description, details } = keyDefinition(key);
  const aliases = otherNames(shown, key);
  const { type, elements, delimiter } = shapeOf(key);
  const types = [...new Set(elements)].sort().join(", ");
  const lines = [
    `${shown} (${type === "primitive" ? types : `${type}: ${types}`})`,
    ...(aliases.length === 0 ? [] : [`  aliases: ${aliases.join(", ")}`]),
    ...(delimiter === undefined ? [] : [`  env var string delimiter: '${delimiter}'`]),
    ...wrap(details ?? description, 70).map((line) => `  ${line}`),
    "",
  ];
  const setting = stringify({ [shown]: value }, { lineWidth: 0, indentSeq: true })
    .trimEnd()
    .split("\n");
  return [...lines.map((line) => `# # ${line}\n`), ...setting.map((line) => `# ${line}\n`)].join("");
}

/** What conda's `config --describe [KEYS]` prints under `--json`, with exactly its keys. */
export function describeConfigJson(names: readonly string[]): Record<string, unknown>[] {
  return resolveKeys(names).map(([shown, key]) => {
    const { default: value, description, details } = keyDefinition(key);
    const { type, elements, delimiter } = shapeOf(key);
    return {
      aliases: otherNames(shown, key),
      default_value: value,
      description: (details ?? description).replaceAll("\n", " "),
      element_types: elements,
      name: shown,
      parameter_type: type,
      ...(delimiter === undefined ? {} : { string_delimiter: delimiter }),
    };
  });
}

/** What `config describe [KEYS]` prints under `--json`: conda's keys and those that only this program has. */
export function keyDescriptions(names: readonly string[]): Record<string, unknown>[] {
  return resolveKeys(names).map(([, key]) => keyDescription(key));
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.replaceAll("\n", " ").split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
