import { text as readStream } from "node:stream/consumers";
import { editRc, type RcEdit, readRcKeys, writeNewRc } from "../../commands/config.ts";
import { redactValue } from "../../config/redact.ts";
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
  if (session.json)
    session.printJson({
      get: redactValue(Object.fromEntries(values)),
      rc_path: path,
      success: true,
      warnings: [],
    });
  else printText(getCommands(values), session);
  return EXIT.ok;
}

async function edit(invocation: Invocation, session: Session): Promise<number> {
  const edits = editsOf(invocation);
  if (flag(invocation, "stdin"))
    edits.unshift({ kind: "merge", key: "", value: await readStream(process.stdin) });
  if (edits.length === 0) {
    throw new ToolError("usage", "`config` was not told what to do", {
      hint: "such as `config list`, `config set KEY VALUE`, `config --set KEY VALUE`; see `config --help`",
    });
  }
  const { path, missing } = await editRc(rcTarget(invocation), edits, session.context);
  const [first] = missing;
  if (first) throw notThere(first, path);
  if (session.json) session.printJson({ get: {}, rc_path: path, success: true, warnings: [] });
  return EXIT.ok;
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

function notThere(edit: RcEdit, path: string): ToolError {
  const what =
    edit.kind === "remove"
      ? `value \`${edit.value}\` is not in \`${edit.key}\``
      : `key \`${edit.key}\` is not`;
  return new ToolError(
    "config-invalid",
    edit.kind === "remove" ? `${what} of \`${path}\`` : `${what} in \`${path}\``,
    {
      hint: "`config --get` shows what the file holds",
    },
  );
}

function printText(text: string, session: Session): void {
  if (text.trim() !== "") session.print(text.replace(/\n$/, ""));
}
