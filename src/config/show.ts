import { stringify } from "yaml";
import { type Config, variableNames } from "./config.ts";
import { KEY_GROUPS, type KeyGroup } from "./key-types.ts";
import { camelCase, findKey, KEY_NAMES, type KeyName, keyDefinition } from "./keys.ts";
import { redactValue } from "./redact.ts";

export interface ListOptions {
  /** Names or aliases; unknown ones are left out. Default: every key that some source sets. */
  keys?: readonly string[] | undefined;
  /** `-a`: also keys that have their default value. */
  all?: boolean | undefined;
  /** `-s` */
  sources?: boolean | undefined;
  /** `-d` */
  descriptions?: boolean | undefined;
  /** `-l` */
  longDescriptions?: boolean | undefined;
  /** `-g` */
  groups?: boolean | undefined;
  /** `config describe` leaves the values out. */
  values?: boolean | undefined;
}

/** The text of micromamba's `config list` and `config describe`. Secrets are hidden. */
export function listConfig(config: Config, options: ListOptions = {}): string {
  const chosen = chooseKeys(config, options);
  const blocks: string[] = [];
  let group: KeyGroup | undefined;
  for (const key of chosen) {
    const definition = keyDefinition(key);
    if (options.groups && definition.group !== group) blocks.push(groupHeader(definition.group));
    group = definition.group;
    blocks.push(
      describe(key, options) +
        (options.values === false ? "" : valueText(config, key, options.sources ?? false)),
    );
  }
  const separated = options.descriptions || options.longDescriptions;
  return blocks.join(separated ? "\n" : "").replace(/\n{3,}/g, "\n\n");
}

/** The value of every listed key, for `--json`. Secrets are hidden. */
export function listConfigJson(config: Config, options: ListOptions = {}): Record<string, unknown> {
  return Object.fromEntries(
    chooseKeys(config, options).map((key) => [key, redactValue(shownValue(config, key))]),
  );
}

/** The text of `config sources`. */
export function listSources(config: Config, noRc: boolean): string {
  if (noRc) return "Configuration files disabled by --no-rc flag\n";
  const paths = config.sources.map((path) => `${shortPath(path, config.home)}\n`);
  return `Configuration files (by precedence order):\n${paths.join("")}`;
}

/** As micromamba lists them, group by group. What no file can set is shown when it is asked for by name. */
function chooseKeys(config: Config, options: ListOptions): KeyName[] {
  const wanted = options.keys?.length ? new Set(options.keys.map((name) => findKey(name))) : undefined;
  const chosen = KEY_NAMES.filter((key) => {
    if (wanted) return wanted.has(key);
    if (!keyDefinition(key).rc) return false;
    return options.values === false || options.all || config.detail(key) !== undefined;
  });
  const place = (key: KeyName) => KEY_GROUPS.indexOf(keyDefinition(key).group);
  return chosen.sort((a, b) => place(a) - place(b));
}

/** micromamba's words for the two values that are no path; `cacert_path` is what counts where it is set. */
function shownValue(config: Config, key: KeyName): unknown {
  const value = config.values[camelCase(key) as keyof Config["values"]];
  if (keyDefinition(key).kind !== "ssl") return value;
  if (config.values.cacertPath) return config.values.cacertPath;
  if (typeof value !== "boolean") return value;
  return value ? "<system>" : "<false>";
}

function groupHeader(group: KeyGroup): string {
  const title = `${group} Configuration`;
  const left = Math.max(0, Math.floor((52 - title.length) / 2));
  const line = `# ${"#".repeat(54)}\n`;
  return `${line}# #${" ".repeat(left)}${title}${" ".repeat(Math.max(0, 52 - left - title.length))}#\n${line}\n`;
}

function describe(key: KeyName, options: ListOptions): string {
  const definition = keyDefinition(key);
  if (!options.descriptions && !options.longDescriptions) return options.values === false ? `${key}\n` : "";
  const text = options.longDescriptions
    ? (definition.details ?? definition.description)
    : definition.description;
  const lines = text.split("\n").map((line) => `#   ${line}\n`);
  return `# ${key}\n${lines.join("")}`;
}

function scalar(value: unknown): string {
  return stringify(redactValue(value), { lineWidth: 0 }).trimEnd();
}

function valueText(config: Config, key: KeyName, sources: boolean): string {
  const value = shownValue(config, key);
  const parts = config.detail(key)?.parts;
  const mark = (origins: readonly string[]) =>
    sources ? `  # ${origins.map((origin) => `'${shortPath(origin, config.home)}'`).join(" > ")}` : "";
  const part = (name: string) => mark([parts?.[name] ?? "default"]);
  if (Array.isArray(value)) {
    if (value.length === 0) return `${key}: []${mark([config.origin(key)])}\n`;
    return `${key}:\n${value.map((item, i) => `  - ${listItem(item)}${part(String(i))}\n`).join("")}`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return `${key}: {}${mark([config.origin(key)])}\n`;
    return `${key}:\n${entries.map(([name, item]) => entryText(name, item, part(name))).join("")}`;
  }
  return `${key}: ${scalar(value)}${mark(config.detail(key)?.origins ?? ["default"])}\n`;
}

/** A map of `channel_settings` takes several lines. */
function listItem(item: unknown): string {
  return scalar(item).replaceAll("\n", "\n    ");
}

function entryText(name: string, item: unknown, mark: string): string {
  if (!Array.isArray(item)) return `  ${scalar(name)}: ${scalar(item)}${mark}\n`;
  return `  ${scalar(name)}:\n${item.map((value) => `    - ${scalar(value)}${mark}\n`).join("")}`;
}

/** A path with the home directory as `~`; other origins as they are. */
export function shortPath(path: string, home: string): string {
  const inside = path === home || path.startsWith(`${home}/`) || path.startsWith(`${home}\\`);
  return home !== "" && inside ? `~${path.slice(home.length)}` : path;
}

/** Everything that is known of a key, for `config describe --json` (conda's shape) and the documentation. */
export function keyDescription(key: KeyName): Record<string, unknown> {
  const definition = keyDefinition(key);
  const shapes = { list: "sequence", settings: "sequence", map: "map", listmap: "map" } as Record<
    string,
    string
  >;
  const element = { boolean: "bool", integer: "int", number: "float", ssl: "bool" } as Record<string, string>;
  return {
    name: key,
    aliases: definition.aliases,
    default_value: definition.default,
    description: definition.details ?? definition.description,
    element_types: [element[definition.kind] ?? "str"],
    parameter_type: shapes[definition.kind] ?? "primitive",
    environment_variables: variableNames(key, "taipan"),
    ...(definition.choices ? { choices: definition.choices } : {}),
  };
}
