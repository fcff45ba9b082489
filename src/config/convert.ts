import { posix, win32 } from "node:path";
import type { KeyDefinition } from "./key-types.ts";
import { type KeyName, keyDefinition } from "./keys.ts";

export interface ConvertContext {
  /** Variables for `$NAME` and `${NAME}`. */
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  cwd: string;
  platform: string;
}

/** A value that has the type of its key, or the reason why it has not. */
export type Converted = { value: unknown } | { problem: string };

const TRUE = /^(true|yes|on|y|1)$/i;
const FALSE = /^(false|no|off|n|0)$/i;

/**
 * `$NAME` and `${NAME}` replaced where the variable exists; anything else stays. Done on parsed strings, so a
 * variable's text can never become YAML structure.
 */
export function expandVariables(text: string, context: Pick<ConvertContext, "env" | "platform">): string {
  const expanded = text.replace(
    /\$(?:\{([^}]+)\}|([A-Za-z_]\w*))/g,
    (whole, braced?: string, bare?: string) => {
      return context.env[braced ?? bare ?? ""] ?? whole;
    },
  );
  if (!context.platform.startsWith("win")) return expanded;
  return expanded.replace(/%([^%\s]+)%/g, (whole, name: string) => context.env[name] ?? whole);
}

/** An absolute path, with `~` and variables expanded. */
export function expandPath(text: string, context: ConvertContext): string {
  const { join, resolve } = context.platform.startsWith("win") ? win32 : posix;
  const path = text === "~" || /^~[/\\]/.test(text) ? join(context.home, text.slice(1)) : text;
  return resolve(context.cwd, path);
}

/** Turns what a file, a variable or the command line says into the type of the key. */
export function convertValue(name: KeyName, raw: unknown, context: ConvertContext): Converted {
  const key = keyDefinition(name);
  switch (key.kind) {
    case "boolean":
      return convertBoolean(raw, context);
    case "integer":
    case "number":
      return convertNumber(raw, key.kind, context);
    case "ssl":
      return convertSsl(raw, context);
    case "string":
      return convertString(name, key, raw, context);
    case "list":
      return convertList(key, raw, context);
    case "map":
      return convertMap(raw, (item) => scalarText(item, context));
    case "listmap":
      return convertMap(raw, (item) => listOf(item, context));
    case "settings":
      return convertSettings(raw, context);
  }
}

function scalarText(raw: unknown, context: ConvertContext): string | undefined {
  if (typeof raw === "string") return expandVariables(raw, context);
  if (typeof raw === "number" || typeof raw === "boolean" || typeof raw === "bigint") return String(raw);
  return raw === null ? "" : undefined;
}

function convertBoolean(raw: unknown, context: ConvertContext): Converted {
  const text = scalarText(raw, context)?.trim();
  if (text !== undefined && TRUE.test(text)) return { value: true };
  if (text !== undefined && FALSE.test(text)) return { value: false };
  return { problem: "is not true or false" };
}

function convertNumber(raw: unknown, kind: "integer" | "number", context: ConvertContext): Converted {
  if (typeof raw === "boolean") return { value: raw ? 1 : 0 };
  const text = scalarText(raw, context)?.trim() ?? "";
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) {
    if (TRUE.test(text)) return { value: 1 };
    if (FALSE.test(text)) return { value: 0 };
    return { problem: "is not a number" };
  }
  if (kind === "integer" && !Number.isSafeInteger(value)) return { problem: "is not a whole number" };
  return { value };
}

function convertSsl(raw: unknown, context: ConvertContext): Converted {
  const text = scalarText(raw, context)?.trim();
  if (text === undefined) return { problem: "is not true, false or a path" };
  if (TRUE.test(text) || text === "" || text === "<true>") return { value: true };
  if (FALSE.test(text) || text === "<false>") return { value: false };
  return { value: text.startsWith("<") || text === "truststore" ? text : expandPath(text, context) };
}

function convertString(name: KeyName, key: KeyDefinition, raw: unknown, context: ConvertContext): Converted {
  const text = scalarText(raw, context);
  if (text === undefined) return { problem: "is not text" };
  if (key.choices) return convertChoice(name, key.choices, text.trim());
  if (key.path && text !== "") return { value: expandPath(text, context) };
  return { value: text };
}

/** Old condarc files say `channel_priority: true` and `safety_checks: false`. */
const BOOLEAN_WORDS: Partial<Record<KeyName, readonly [string, string]>> = {
  channel_priority: ["flexible", "disabled"],
  safety_checks: ["enabled", "disabled"],
};

function convertChoice(name: KeyName, choices: readonly string[], text: string): Converted {
  const word = text.toLowerCase();
  if (choices.includes(word)) return { value: word };
  const words = BOOLEAN_WORDS[name];
  if (words && TRUE.test(word)) return { value: words[0] };
  if (words && FALSE.test(word)) return { value: words[1] };
  return { problem: `is not one of ${choices.join(", ")}` };
}

function listOf(raw: unknown, context: ConvertContext): string[] | undefined {
  const items = Array.isArray(raw) ? raw : raw === null ? [] : [raw];
  const texts = items.map((item) => scalarText(item, context));
  return texts.includes(undefined) ? undefined : (texts as string[]);
}

function convertList(key: KeyDefinition, raw: unknown, context: ConvertContext): Converted {
  const items = listOf(raw, context);
  if (!items) return { problem: "is not a list of texts" };
  return { value: key.path ? items.map((item) => expandPath(item, context)) : items };
}

function convertMap(raw: unknown, convert: (item: unknown) => unknown): Converted {
  if (raw === null) return { value: {} };
  if (typeof raw !== "object" || Array.isArray(raw)) return { problem: "is not a map" };
  const result: [string, unknown][] = [];
  for (const [key, item] of Object.entries(raw)) {
    const value = convert(item);
    if (value === undefined) return { problem: `has a wrong value at \`${key}\`` };
    result.push([key, value]);
  }
  return { value: Object.fromEntries(result) };
}

function convertSettings(raw: unknown, context: ConvertContext): Converted {
  if (!Array.isArray(raw)) return { problem: "is not a list of maps" };
  const maps = raw.map((item) => convertMap(item, (value) => scalarText(value, context)));
  const wrong = maps.find((item) => "problem" in item);
  return wrong ?? { value: maps.map((item) => ("value" in item ? item.value : undefined)) };
}

/**
 * The raw value of an environment variable's text: lists are separated by the key's separator or written as a YAML
 * flow sequence, maps as a YAML flow map. Text is never parsed as YAML otherwise: `[{name}] ` is a prompt.
 */
export function rawFromVariable(
  name: KeyName,
  text: string,
  { platform, parseValue }: { platform: string; parseValue(text: string): unknown },
): unknown {
  const { kind, separator } = keyDefinition(name);
  const trimmed = text.trim();
  if (
    kind === "map" ||
    kind === "listmap" ||
    kind === "settings" ||
    (kind === "list" && /^\[.*\]$/s.test(trimmed))
  ) {
    return parseValue(trimmed);
  }
  if (kind !== "list") return trimmed;
  if (separator !== "path") return splitItems(name, trimmed);
  return trimmed.split(platform.startsWith("win") ? ";" : /[:,]/).flatMap((item) => item.trim() || []);
}

/**
 * The items of a list that is written as one text, separated by commas outside of brackets. Specs have commas of their
 * own, before an operator or a number; one before a name begins the next: `numpy >=1.19,<2,python` is two specs
 * (micromamba splits at each comma, conda at `&`).
 */
export function splitItems(name: KeyName, text: string): string[] {
  const by = keyDefinition(name).separator === "&" ? /&|,(?=\s*[A-Za-z_])(?![^[\]]*\])/ : /,(?![^[\]]*\])/;
  return text.split(by).flatMap((item) => item.trim() || []);
}
