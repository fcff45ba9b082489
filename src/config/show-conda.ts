import { stringify } from "yaml";
import { ToolError } from "../errors.ts";
import type { Config } from "./config.ts";
import { camelCase, FOREIGN_KEYS, findKey, KEY_NAMES, type KeyName, keyDefinition } from "./keys.ts";
import { nearestKey } from "./nearest.ts";
import { redactValue } from "./redact.ts";
import { keyDescription } from "./show.ts";

/** Keys as the user spelt them, each with what it stands for. Throws `usage` for names that nobody knows. */
function resolveKeys(names: readonly string[]): [shown: string, key: KeyName][] {
  if (names.length === 0) {
    return KEY_NAMES.filter((key) => keyDefinition(key).rc)
      .sort()
      .map((key) => [key, key]);
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
    return `--add ${key} '${String(value)}'${key === "channels" ? rank : ""}`;
  });
}

/** conda prints Python values, and scripts compare them. */
function pythonText(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  return value === null ? "None" : String(value);
}

/** The text of conda's `config --describe [KEYS]`. */
export function describeConfig(names: readonly string[]): string {
  return resolveKeys(names)
    .map(([shown, key]) => {
      const definition = keyDefinition(key);
      const type = definition.choices ? definition.choices.join(", ") : definition.kind;
      const body = wrap(definition.details ?? definition.description, 70).map((line) => `# #   ${line}\n`);
      const aliases =
        definition.aliases.length === 0 ? "" : `# #   aliases: ${definition.aliases.join(", ")}\n`;
      const value = stringify({ [shown]: definition.default }, { lineWidth: 0, indentSeq: true })
        .trimEnd()
        .split("\n")
        .map((line) => `# ${line}\n`);
      return `# # ${shown} (${type})\n${aliases}${body.join("")}# # \n${value.join("")}`;
    })
    .join("\n");
}

export function describeConfigJson(names: readonly string[]): Record<string, unknown>[] {
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
