import { text as readStream } from "node:stream/consumers";
import {
  editRc,
  isKnownKey,
  type RcEdit,
  type RcTarget,
  readRcKeys,
  whyNotRemoved,
  writeNewRc,
} from "../../commands/config.ts";
import { nearestKey } from "../../config/nearest.ts";
import { redactValue } from "../../config/redact.ts";
import { listSources } from "../../config/show.ts";
import {
  describeConfig,
  describeConfigJson,
  getCommands,
  showConfig,
  showConfigJson,
  showSources,
  showSourcesJson,
} from "../../config/show-conda.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, list } from "../invocation.ts";
import { VALUE_SEPARATOR } from "../normalize.ts";
import type { Session } from "../session.ts";
import { rcTarget } from "./config-edit.ts";

/** conda's `config --set`, `--add`, `--get`, `--show` and kin. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const { options } = invocation;
  if (options["show"] !== undefined) return show(keysOf(options["show"]), session);
  if (options["describe"] !== undefined) return describe(keysOf(options["describe"]), session);
  if (flag(invocation, "showSources")) {
    if (session.json) session.printJson(showSourcesJson(session.config));
    else printText(showSources(session.config), session);
    return EXIT.ok;
  }
  if (flag(invocation, "validate")) {
    // Loading the session has read and checked every file; unknown keys were warned about.
    if (session.json) {
      const { warnings } = session.config;
      session.printJson({ success: warnings.length === 0, warnings });
    }
    return session.config.warnings.length === 0 ? EXIT.ok : EXIT.failure;
  }
  if (flag(invocation, "writeDefault")) {
    const path = await writeNewRc(rcTarget(invocation), describeConfig([]), session.context);
    if (session.json) session.printJson({ get: {}, rc_path: path, success: true, warnings: [] });
    else session.say(`Wrote ${path}`);
    return EXIT.ok;
  }
  if (options["get"] !== undefined) return get(invocation, keysOf(options["get"]), session);
  return edit(invocation, session);
}

function keysOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function show(keys: readonly string[], session: Session): number {
  if (session.json) session.printJson(showConfigJson(session.config, keys));
  else printText(showConfig(session.config, keys), session);
  return EXIT.ok;
}

function describe(keys: readonly string[], session: Session): number {
  if (session.json) session.printJson(describeConfigJson(keys));
  else printText(describeConfig(keys), session);
  return EXIT.ok;
}

async function get(invocation: Invocation, keys: readonly string[], session: Session): Promise<number> {
  const { path, values } = await readRcKeys(rcTarget(invocation), keys, session.context);
  const unknown = (keys.length > 0 ? keys : [...values.keys()]).filter((key) => !isKnownKey(key));
  if (keys.length === 0) for (const key of unknown) values.delete(key);
  if (session.json) {
    const warnings = unknown.map(unknownKey);
    session.printJson({
      get: redactValue(Object.fromEntries(values)),
      rc_path: path,
      success: true,
      warnings,
    });
    return EXIT.ok;
  }
  for (const key of unknown) {
    const near = nearestKey(key);
    process.stderr.write(`${unknownKey(key)}${near ? `; did you mean '${near}'?` : ""}\n`);
  }
  printText(getCommands(values), session);
  return EXIT.ok;
}

const unknownKey = (key: string): string => `Unknown key: '${key}'`;

async function edit(invocation: Invocation, session: Session): Promise<number> {
  const edits = editsOf(invocation);
  if (flag(invocation, "stdin"))
    edits.unshift({ kind: "merge", key: "", value: await readStream(process.stdin) });
  if (edits.length === 0 && invocation.name !== "conda") return introduce(invocation, session);
  if (edits.length === 0) {
    throw new ToolError("usage", "`config` was not told what to do", {
      hint: "such as `config list`, `config set KEY VALUE`, `config --set KEY VALUE`; see `config --help`",
    });
  }
  const target = rcTarget(invocation);
  const moved = await alreadyListed(target, edits, session);
  const { path, missing } = await editRc(target, edits, session.context);
  if (missing.length > 0) {
    const { values } = await readRcKeys(target, [], session.context);
    for (const edit of missing) {
      const why = whyNotRemoved(edit, values);
      if (why !== undefined) throw notThere(edit, why, path);
    }
  }
  if (session.json) session.printJson({ get: {}, rc_path: path, success: true, warnings: moved });
  else if (!session.quiet) for (const warning of moved) process.stderr.write(`Warning: ${warning}\n`);
  return EXIT.ok;
}

/** `config` alone, which micromamba answers with the help: which files there are, and how to go on. */
function introduce({ name }: Invocation, session: Session): number {
  const { sources } = session.config;
  if (session.json) session.printJson({ success: true, sources });
  else if (!session.quiet)
    session.print(
      `Configuration of ${name}\n\n${listSources(session.config, false)}\n\`${name} config list --sources\` shows the values; see \`${name} config --help\`.`,
    );
  return EXIT.ok;
}

/** conda's words for each value that a list has already and that gets another place in it. */
async function alreadyListed(
  target: RcTarget,
  edits: readonly RcEdit[],
  session: Session,
): Promise<string[]> {
  const added = edits.flatMap((edit) => (edit.kind === "append" || edit.kind === "prepend" ? [edit] : []));
  if (added.length === 0) return [];
  const { values } = await readRcKeys(
    target,
    added.map(({ key }) => key),
    session.context,
  );
  return added.flatMap(({ key, kind, value }) => {
    const list = values.get(key);
    if (!Array.isArray(list) || !list.includes(value)) return [];
    return [`'${value}' already in '${key}' list, moving to the ${kind === "append" ? "bottom" : "top"}`];
  });
}

/** In conda's order. `--add` prepends, as in conda. */
function editsOf(invocation: Invocation): RcEdit[] {
  const pairs = (option: string, kind: "set" | "append" | "prepend" | "remove"): RcEdit[] =>
    list(invocation, option).map((joined) => {
      const [key, value] = joined.split(VALUE_SEPARATOR);
      if (key === undefined || value === undefined)
        throw new ToolError("usage", `--${option} needs a key and a value`);
      return { kind, key, value };
    });
  return [
    ...pairs("add", "prepend"),
    ...pairs("append", "append"),
    ...pairs("set", "set"),
    ...pairs("remove", "remove"),
    ...list(invocation, "removeKey").map((key): RcEdit => ({ kind: "remove-key", key })),
  ];
}

/** In conda's words: the option is conda's alone. */
function notThere({ key }: RcEdit, why: string, path: string): ToolError {
  return new ToolError("config-invalid", `'${key}': ${why}, \`${path}\``, {
    hint: "`config --get` shows what the file holds",
    details: { exception_name: "CondaKeyError" },
  });
}

function printText(text: string, session: Session): void {
  if (text.trim() !== "") session.print(text.replace(/\n$/, ""));
}
