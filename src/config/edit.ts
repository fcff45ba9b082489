import { Document, isMap, isScalar, isSeq, parseDocument, YAMLMap, YAMLSeq } from "yaml";
import { ToolError } from "../errors.ts";
import { type ConvertContext, convertValue } from "./convert.ts";
import type { KeyDefinition } from "./key-types.ts";
import { FOREIGN_KEYS, findKey, type KeyName, keyDefinition } from "./keys.ts";
import { nearestKey } from "./nearest.ts";
import { LENIENT, parseRc, parseValue } from "./rc-parse.ts";
import { redactValue } from "./redact.ts";

/** What conda calls a wrong key, or one of another kind. */
const KEY_ERROR = { exception_name: "CondaKeyError" };

/** What editing needs to know of the machine: values are checked as they will be read. */
export type EditContext = ConvertContext;

/**
 * Editing the text of a condarc, as `config set`, `append`, `prepend`, `remove` and conda's `--set` and `--add` do.
 * Comments, order and style of what is not edited stay. All throw `config-invalid` for a text that is no condarc, for
 * an unknown key, and for a value that does not fit the key.
 */
export function setValue(text: string, key: string, value: string, context: EditContext): string {
  const document = open(text);
  const [name, ...path] = key.split(".");
  const known = knownKey(name ?? "", path.length > 0 ? ["map", "listmap"] : undefined, key);
  if (path.length > 0) {
    const map = collection(document, spellingIn(document, known), "map");
    map.set(path.join("."), scalarFor(undefined, value));
    check(known, { [path.join(".")]: value }, context);
  } else {
    const definition = isKeyName(known) ? keyDefinition(known) : undefined;
    if (definition && !["boolean", "integer", "number", "string", "ssl"].includes(definition.kind)) {
      throw new ToolError("config-invalid", `\`${key}\` holds several values`, {
        hint:
          definition.kind === "list"
            ? `use append or prepend: \`config append ${key} ${value}\``
            : `set one entry: \`${key}.NAME\``,
        details: { ...KEY_ERROR, key, problem: "invalid" },
      });
    }
    check(known, value, context);
    dropOtherSpellings(document, known, key);
    document.set(key, scalarFor(definition, value));
  }
  return print(document);
}

/** Adds to the end or start of a list; a value that is there already moves. */
export function addToList(
  text: string,
  key: string,
  value: string,
  where: "append" | "prepend",
  context: EditContext,
): string {
  const document = open(text);
  const known = knownKey(key, ["list"], key);
  check(known, [value], context);
  const list = collection(document, spellingIn(document, known), "list");
  list.items = list.items.filter((item) => !(isScalar(item) && String(item.value) === value));
  if (where === "append") list.add(document.createNode(value));
  else list.items.unshift(document.createNode(value));
  return print(document);
}

/** The text with every key of another condarc in place of its own (conda's `config --stdin`). */
export function mergeText(text: string, other: string, context: EditContext): string {
  const document = open(text);
  const added = open(other);
  for (const [key, value] of Object.entries((added.toJS() as Record<string, unknown> | null) ?? {})) {
    const known = knownKey(key, undefined, key);
    check(known, value, context);
    dropOtherSpellings(document, known, key);
    document.set(key, added.get(key, true));
  }
  return print(document);
}

/** The text without a key, or undefined when it is not there. */
export function removeKey(text: string, key: string): string | undefined {
  const document = open(text);
  const path = key.split(".");
  const target = document.has(key) ? [key] : path;
  if (!document.hasIn(target)) return undefined;
  document.deleteIn(target);
  if (target.length > 1) dropEmpty(document, target[0] ?? "");
  return print(document);
}

/**
 * The text without one value of a list, or one entry of a map; undefined when it is not there. An empty list means
 * "none" where no list means "the default", so the key goes with its last value.
 */
export function removeValue(text: string, key: string, value: string): string | undefined {
  const document = open(text);
  const node = document.get(key, true);
  if (isMap(node)) {
    if (!node.has(value)) return undefined;
    node.delete(value);
  } else if (isSeq(node)) {
    const at = node.items.findIndex((item) => isScalar(item) && String(item.value) === value);
    if (at === -1) return undefined;
    node.delete(at);
  } else {
    return undefined;
  }
  dropEmpty(document, key);
  return print(document);
}

/** A key as the file has it: its YAML text without comments and secrets, and its value. Undefined when it is not there. */
export function getValue(text: string, key: string): { text: string; value: unknown } | undefined {
  const document = open(text);
  if (!document.has(key)) return undefined;
  const node = document.get(key, true);
  const value: unknown = (document.toJS() as Record<string, unknown>)[key];
  const flow = (isSeq(node) || isMap(node)) && node.flow === true;
  const alone = new Document({ [key]: redactValue(value) });
  const copy = alone.get(key, true);
  if (flow && (isSeq(copy) || isMap(copy))) copy.flow = true;
  return { text: alone.toString(PRINT).trimEnd(), value };
}

/** Every key of a file and its value, in the file's order. */
export function getValues(text: string): Map<string, unknown> {
  return new Map(Object.entries((open(text).toJS() as Record<string, unknown> | null) ?? {}));
}

const PRINT = { lineWidth: 0, flowCollectionPadding: false, indentSeq: true } as const;

function open(text: string): Document {
  parseRc(text, "the configuration file");
  const document: Document = parseDocument(text, LENIENT);
  if (!isMap(document.contents)) document.contents = new YAMLMap();
  return document;
}

function print(document: Document): string {
  return isMap(document.contents) &&
    document.contents.items.length === 0 &&
    !document.comment &&
    !document.commentBefore
    ? ""
    : document.toString(PRINT);
}

function dropEmpty(document: Document, key: string): void {
  const node = document.get(key, true);
  if ((isSeq(node) || isMap(node)) && node.items.length === 0) document.delete(key);
}

/** A key stays as it was written, since each peer knows one spelling (`subdir`, `platform`); the last one written counts. */
function dropOtherSpellings(document: Document, known: string, written: string): void {
  for (const spelling of spellings(known)) if (spelling !== written) document.delete(spelling);
}

/** How a document spells a key: beside `envs_path`, a list `envs_dirs` would make what it holds not count. */
function spellingIn(document: Document, known: string): string {
  return spellings(known).find((spelling) => document.has(spelling)) ?? known;
}

/** The key's own name, which counts where a file has several, and its aliases. */
function spellings(known: string): readonly string[] {
  return isKeyName(known) ? [known, ...keyDefinition(known).aliases] : [known];
}

function isKeyName(name: string): name is KeyName {
  return findKey(name) === name;
}

/** The own name of a key, also for an alias of it. Throws when it cannot be written, or is of another kind. */
function knownKey(name: string, kinds: readonly string[] | undefined, written: string): string {
  const known = findKey(name);
  if (known && (!kinds || kinds.includes(keyDefinition(known).kind))) {
    if (keyDefinition(known).rc) return known;
    throw new ToolError("config-invalid", `configuration key \`${name}\` cannot be set in a file`);
  }
  if (known) {
    const what = kinds?.includes("list") ? "a list" : "a map";
    throw new ToolError("config-invalid", `configuration key \`${name}\` is not ${what}`, {
      hint: `use \`config set ${written}\``,
      details: KEY_ERROR,
    });
  }
  if (FOREIGN_KEYS.has(name)) return name;
  const near = nearestKey(name);
  throw new ToolError("config-invalid", `unknown configuration key \`${name}\``, {
    hint: near && `did you mean \`${near}\`?`,
    details: { ...KEY_ERROR, key: name, problem: "unknown" },
  });
}

function check(known: string, raw: unknown, context: EditContext): void {
  if (!isKeyName(known)) return;
  const converted = convertValue(known, raw, context);
  if ("problem" in converted) {
    const shown = typeof raw === "string" ? ` to \`${raw}\`` : "";
    throw new ToolError(
      "config-invalid",
      `\`${known}\` cannot be set${shown}: the value ${converted.problem}`,
    );
  }
}

/** Booleans and numbers are written as such; other text stays text, whatever it looks like. */
function scalarFor(definition: KeyDefinition | undefined, value: string): unknown {
  const plain: unknown = /^[\w.+<>-]+$/.test(value) ? parseValue(value) : value;
  if (definition === undefined)
    return typeof plain === "boolean" || typeof plain === "number" ? plain : value;
  if (definition.kind === "boolean") return /^(true|yes|on|y|1)$/i.test(value);
  if (definition.kind === "ssl" && /^(true|false|yes|no|on|off)$/i.test(value))
    return /^(true|yes|on)$/i.test(value);
  if (definition.kind === "integer" || definition.kind === "number")
    return typeof plain === "number" ? plain : value;
  return value;
}

function collection(document: Document, key: string, kind: "list"): YAMLSeq;
function collection(document: Document, key: string, kind: "map"): YAMLMap;
function collection(document: Document, key: string, kind: "list" | "map"): YAMLSeq | YAMLMap {
  const node = document.get(key, true);
  if (kind === "list" ? isSeq(node) : isMap(node)) return node as YAMLSeq | YAMLMap;
  const fresh = kind === "list" ? new YAMLSeq() : new YAMLMap();
  // A single text where a list belongs is kept as its first item.
  if (fresh instanceof YAMLSeq && isScalar(node) && node.value !== null) fresh.add(node);
  document.set(key, fresh);
  return fresh;
}
