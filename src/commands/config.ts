import { dirname, join } from "node:path";
import {
  addToList,
  type EditContext,
  getValue,
  getValues,
  mergeText,
  removeKey,
  removeValue,
  setValue,
} from "../config/edit.ts";
import { FOREIGN_KEYS, findKey, keyDefinition } from "../config/keys.ts";
import { nearestKey } from "../config/nearest.ts";
import { rcFileToEdit } from "../config/rc-path.ts";
import { ToolError } from "../errors.ts";
import { ensureDir, readText, realPath, writeAtomic } from "../fs/files.ts";
import { fileModeSync } from "../fs/sync-files.ts";
import type { CommandContext } from "./context.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { prefixFromPath, resolveTarget, type TargetOptions } from "./target.ts";

/** Which configuration file is read or edited: the user's, unless one is named. */
export interface RcTarget {
  file?: string | undefined;
  system: boolean;
  env: boolean;
  /** The file of a named environment, which must be there. */
  target?: TargetOptions | undefined;
}

export type RcEdit =
  | { kind: "set" | "append" | "prepend" | "remove"; key: string; value: string }
  | { kind: "remove-key"; key: string }
  /** Every key of a YAML text. */
  | { kind: "merge"; key: ""; value: string };

export interface RcOutcome {
  path: string;
  /** Edits that found nothing to remove. */
  missing: RcEdit[];
}

type ConfigContext = Pick<CommandContext, "config" | "env" | "cwd" | "home" | "hostPlatform" | "dialect">;

/** Absolute path of the file that a target names. */
async function rcPath(target: RcTarget, context: ConfigContext): Promise<string> {
  const named = [target.file !== undefined, target.system, target.env].filter(Boolean);
  if (named.length > 1) throw new ToolError("usage", "--file, --system and --env exclude each other");
  if (target.file !== undefined) return prefixFromPath(target.file, context);
  const { name, prefix } = target.target ?? {};
  if (!target.system && (name !== undefined || prefix !== undefined)) {
    const named = await resolveTarget({ name, prefix }, targetContext(context));
    return join(await requireEnvironment(named, context), ".condarc");
  }
  return rcFileToEdit(target.system ? "system" : target.env ? "env" : "user", {
    home: context.home,
    rootPrefix: context.config.rootPrefix,
    activePrefix: context.env["CONDA_PREFIX"],
    platform: context.hostPlatform,
  });
}

/**
 * Makes all edits, or none when one of them is wrong. The file is replaced at once, keeps its mode, and a symlink stays
 * one. Throws `config-invalid` as src/config/edit.ts says.
 */
export async function editRc(
  target: RcTarget,
  edits: readonly RcEdit[],
  context: ConfigContext,
): Promise<RcOutcome> {
  const path = await rcPath(target, context);
  const before = (await readText(path)) ?? "";
  const missing: RcEdit[] = [];
  const after = inFile(path, () =>
    edits.reduce((text, edit) => {
      const changed = applyEdit(text, edit, context);
      if (changed === undefined) missing.push(edit);
      return changed ?? text;
    }, before),
  );
  if (after !== before) await replaceFile(path, after);
  return { path, missing };
}

/** Writes a text into a file that says nothing yet, and returns its path. Throws `config-invalid` for one that does. */
export async function writeNewRc(target: RcTarget, text: string, context: ConfigContext): Promise<string> {
  const path = await rcPath(target, context);
  if (((await readText(path)) ?? "").trim() !== "")
    throw new ToolError("config-invalid", `\`${path}\` already contains configuration`, {
      hint: "remove the file first; `config --describe` prints the same text",
    });
  await replaceFile(path, text);
  return path;
}

/** The value of a key as the file has it, or undefined. */
export async function readRcKey(
  target: RcTarget,
  key: string,
  context: ConfigContext,
): Promise<{ text: string; value: unknown } | undefined> {
  const path = await rcPath(target, context);
  const text = (await readText(path)) ?? "";
  return inFile(path, () => getValue(text, key));
}

/** The named keys of the file as they are named, all of them without names, sorted. */
export async function readRcKeys(
  target: RcTarget,
  keys: readonly string[],
  context: ConfigContext,
): Promise<{ path: string; values: Map<string, unknown> }> {
  const path = await rcPath(target, context);
  const text = (await readText(path)) ?? "";
  const all = inFile(path, () => getValues(text));
  const wanted = keys.length > 0 ? keys : [...all.keys()].sort();
  return {
    path,
    values: new Map(wanted.flatMap((key) => (all.has(key) ? [[key, all.get(key)] as const] : []))),
  };
}

/** Whether a key is one of the configuration's, or of the programs that share the files. */
export function isKnownKey(key: string): boolean {
  return findKey(key) !== undefined || FOREIGN_KEYS.has(key);
}

/**
 * Why a value or key is not in a file that was to lose it, in conda's words (conda/cli/main_config.py); `values` is what the file
 * has. conda's own default channels are in no file: taking them out is no error where no channels are.
 */
export function whyNotRemoved(edit: RcEdit, values: ReadonlyMap<string, unknown>): string | undefined {
  const { key } = edit;
  if (edit.kind !== "remove") return "undefined in config";
  if (values.has(key) || (key === "channels" && edit.value !== "defaults"))
    return `value '${edit.value}' not present in config`;
  if (key === "channels") return undefined;
  const known = findKey(key);
  if (known === undefined) return FOREIGN_KEYS.has(key) ? "undefined in config" : "unknown parameter";
  const several = ["list", "map", "listmap"].includes(keyDefinition(known).kind);
  return several ? "undefined in config" : "invalid parameter";
}

function applyEdit(text: string, edit: RcEdit, context: ConfigContext): string | undefined {
  const { env, home, cwd, hostPlatform: platform } = context;
  const edits: EditContext = { env, home, cwd, platform };
  switch (edit.kind) {
    case "set":
      return setValue(text, edit.key, edit.value, edits);
    case "append":
    case "prepend":
      return addToList(text, edit.key, edit.value, edit.kind, edits);
    case "remove":
      return removeValue(text, edit.key, edit.value);
    case "remove-key":
      return removeKey(text, edit.key);
    case "merge":
      return mergeText(text, edit.value, edits);
  }
}

/** The editor knows only the text; a message about it names the file. */
function inFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ToolError) || !error.message.includes("`the configuration file`")) throw error;
    throw new ToolError(
      error.code,
      error.message.replace("`the configuration file`", () => `\`${path}\``),
      {
        hint: "correct the file in an editor: what is no YAML cannot be edited key by key",
        details: { ...error.details, path },
      },
    );
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const target = realPath(path);
  const mode = fileModeSync(target);
  await ensureDir(dirname(target));
  await writeAtomic(target, text, mode === undefined ? {} : { mode });
}

/** Warns of the first name that is no key, with the key that may be meant. */
export function warnOfUnknownKey(names: readonly string[], { events }: Pick<CommandContext, "events">): void {
  const unknown = unknownKeyError(names);
  if (unknown)
    events({ type: "warning", code: "config-unknown-key", message: unknown.message, hint: unknown.hint });
}

/** A `usage` error about the first name that is no key, or undefined. */
export function unknownKeyError(names: readonly string[]): ToolError | undefined {
  const unknown = names.find((name) => !isKnownKey(name));
  if (unknown === undefined) return undefined;
  const near = nearestKey(unknown);
  return new ToolError("usage", `unknown configuration key \`${unknown}\``, {
    hint: near ? `did you mean \`${near}\`?` : "`config describe` lists the keys",
  });
}
