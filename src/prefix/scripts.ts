import { join } from "node:path";
import { interruption, ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { tryReadSync } from "../fs/sync-files.ts";
import { entriesOf, kindAt, removeAll } from "../fs/tree.ts";
import { exec } from "../host/exec.ts";
import { cmdLine } from "../host/windows-command.ts";
import { type LinkScript, scriptPath } from "../plan/link-plan.ts";
import { distString, type PackageRecord, type PrefixRecord } from "../specs/records.ts";
import { scriptFile } from "./journal.ts";
import type { LinkOptions } from "./options.ts";
import { liveForScript } from "./script-effects.ts";

export interface ScriptContext {
  prefix: string;
  options: Pick<LinkOptions, "platform" | "env" | "rootPrefix">;
  events: EventSink;
  signal?: AbortSignal | undefined;
}

/** Link scripts of any package that are in the prefix, relative to it. */
export function presentScripts(prefix: string, action: LinkScript, platform: string): string[] {
  const path = scriptPath("", action, platform);
  const slash = path.indexOf("/");
  const [directory, ending] = [path.slice(0, slash), path.slice(slash + 2)];
  return [...(entriesOf(join(prefix, directory))?.keys() ?? [])]
    .filter((name) => name.startsWith(".") && name.endsWith(ending))
    .map((name) => `${directory}/${name}`);
}

/** Script of an installed package, if its record has one. */
export function recordedScript(
  record: PrefixRecord,
  action: LinkScript,
  platform: string,
): string | undefined {
  const path = scriptPath(record.name, action, platform);
  return record.files.includes(path) ? path : undefined;
}

/**
 * Runs a link script with the variables of CEP 32: PREFIX, PKG_NAME, PKG_VERSION, PKG_BUILDNUM, ROOT_PREFIX (and SOURCE_DIR before
 * linking). What it wrote to .messages.txt is shown and the file removed. A failing pre-link or post-link script fails the
 * transaction; a failing pre-unlink script is a warning, as in conda: a package must be removable.
 */
export async function runLinkScript(
  record: PackageRecord,
  action: LinkScript,
  context: ScriptContext,
  sourceDirectory?: string,
): Promise<void> {
  const { prefix, options, events } = context;
  const path = join(sourceDirectory ?? prefix, scriptPath(record.name, action, options.platform));
  const kind = kindAt(path);
  if (kind !== "file" && kind !== "symlink") return;
  const owner = distString(record);
  const windows = options.platform.startsWith("win-");
  const bin = windows ? "Scripts" : "bin";
  const env: Record<string, string | undefined> = {
    ...options.env,
    PREFIX: prefix,
    PKG_NAME: record.name,
    PKG_VERSION: record.version,
    PKG_BUILDNUM: String(record.build_number),
    ROOT_PREFIX: options.rootPrefix,
    CONDA_PREFIX: prefix,
    CONDA_DEFAULT_ENV: prefix,
    PATH: [join(prefix, bin), options.env["PATH"]].filter(Boolean).join(windows ? ";" : ":"),
  };
  if (action === "pre-link" && sourceDirectory) env["SOURCE_DIR"] = sourceDirectory;
  const { file, args, verbatim } = windows
    ? cmdLine(`"${path}"`, options.env)
    : { file: shellOf(path), args: [path], verbatim: false };
  liveForScript(prefix);
  const result = await exec(file, args, {
    env,
    cwd: join(path, ".."),
    signal: context.signal,
    verbatim,
    groupFile: scriptFile(prefix),
  }).catch((error: unknown) => {
    // Not the shell that ran it: what it did is taken back, and no more is to be said.
    throw context.signal?.aborted ? interruption(context.signal) : error;
  });
  const messages = takeMessages(prefix);
  const output = [messages, result.stdout, result.stderr]
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .join("\n");
  const removes = action === "pre-unlink";
  const failed = result.code !== 0;
  // The output of a script that fails the change is part of the failure.
  events({ type: "script", id: owner, action, ...(failed && !removes ? {} : { output }) });
  if (!failed) return;
  const message = `the ${action} script of \`${owner}\` failed with ${result.code === null ? `signal ${result.signal}` : `exit code ${result.code}`}`;
  if (removes) {
    const hint = "the package is removed all the same";
    events({ type: "warning", code: "script-failed", message, hint });
    return;
  }
  throw new ToolError("script-failed", message, {
    hint: "the environment is as it was before; --link-scripts skip installs without running scripts",
    details: { script: path, output: output.slice(-4000) },
  });
}

/** The interpreter that the first line names; conda runs scripts with a shell even when they are not executable. */
function shellOf(path: string): string {
  const line = (tryReadSync(path) ?? "").slice(0, 256).split("\n", 1)[0]!;
  const named = /^#!\s*(\/\S+)/.exec(line)?.[1];
  return named && !named.endsWith("/env") && kindAt(named) !== undefined
    ? named
    : /\benv\s+bash\b/.test(line) && kindAt("/bin/bash")
      ? "/bin/bash"
      : "/bin/sh";
}

function takeMessages(prefix: string): string {
  const path = join(prefix, ".messages.txt");
  const text = tryReadSync(path) ?? "";
  if (text !== "") removeAll(path);
  return text;
}
