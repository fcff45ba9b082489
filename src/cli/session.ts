import type { ChangePlan } from "../commands/change.ts";
import { asMicromamba, type CommandContext, type Resources } from "../commands/context.ts";
import { openResources } from "../commands/resources.ts";
import type { Config, Dialect } from "../config/assemble.ts";
import type { ConfigValues } from "../config/keys.ts";
import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { homeDirectory } from "../host/system.ts";
import { redactText } from "../specs/credentials.ts";
import { hostPlatform } from "../specs/platform.ts";
import { configure } from "./configure.ts";
import type { Invocation } from "./invocation.ts";
import { writePaced } from "./paced-output.ts";
import { askYesNo } from "./prompt.ts";
import { annotation } from "./render/annotation.ts";
import { type Backtrace, keepBacktrace } from "./render/backtrace.ts";
import { renderError } from "./render/error.ts";
import { jsonPieces } from "./render/json-pieces.ts";
import { renderPlan, renderPlanAsMicromamba } from "./render/plan.ts";
import { createProgress, type ProgressMode, type ProgressRenderer } from "./render/progress.ts";
import { type TerminalFacts, terminalFacts } from "./terminal.ts";

/** One command's run: its configuration, context and the two output streams. */
export interface Session {
  config: Config;
  context: CommandContext;
  out: TerminalFacts;
  err: TerminalFacts;
  json: boolean;
  quiet: boolean;
  verbosity: number;
  /** Writes a line (or lines) to stdout. */
  print(text: string): void;
  /** Writes lines to stdout while they are made, no faster than they are read. */
  printLines(lines: Iterable<string>): Promise<void>;
  /** Writes the one JSON document to stdout. */
  printJson(value: unknown): void;
  /** The same for one that may be longer than a text can be: iterators in it are lists, written as `printLines` does. */
  printLongJson(value: unknown): Promise<void>;
  /** Writes to stderr, unless quiet. */
  say(text: string): void;
  /** Asks for agreement; --yes, --json and --quiet agree. A `usage` error where nobody can answer a careful question. */
  ask(question: string, options?: { careful?: boolean }): Promise<boolean>;
  /** Reports a failure on stderr: text, or the last event of an event stream. */
  fail(error: ToolError): void;
  /** Takes down the progress display before results are printed. */
  settle(): void;
  /** Leaves signals to a program that is started. */
  releaseSignals(): void;
  close(): Promise<void>;
}

/** Ctrl-C and its kin ask the command to stop, until `stop` gives them back. */
export interface Interrupt {
  signal: AbortSignal;
  stop(): void;
}

export async function openSession(
  invocation: Invocation,
  argv: readonly string[],
  interrupt: Interrupt,
): Promise<Session> {
  const { signal } = interrupt;
  const env = process.env;
  const home = homeDirectory(env);
  const platform = hostPlatform(process.platform, process.arch);
  const config = await configure(invocation, { env, home, cwd: process.cwd(), platform });
  const { values } = config;
  values.verbose = Math.max(values.verbose, VERBOSITY[values.logLevel] ?? 0);
  const err = terminalFacts(process.stderr, env);
  const out = { ...terminalFacts(process.stdout, env), channelUrls: values.showChannelUrls };
  const mode = progressMode(values, err);
  const log = talksOnStdout(invocation) && mode === "plain" ? process.stdout : process.stderr;
  const progress = createProgress(mode, log, err, values.verbose);
  const warnings = log === process.stderr ? progress : createProgress("none", process.stderr, err);
  const backtrace = values.logBacktrace > 0 ? keepBacktrace(values.logBacktrace, err) : undefined;
  const events = sinkOf(values, { progress, warnings, backtrace });
  if (values.verbose >= 2) {
    // It brings the YAML writer: loaded only where it is asked for.
    const { configurationLines } = await import("./render/verbose.ts");
    for (const line of configurationLines(config, values.verbose, platform)) progress.write(line);
  }
  for (const warning of [...config.warnings, ...(invocation.warnings ?? [])])
    events({ type: "warning", code: "config", message: warning.message, hint: warning.hint });
  const resources = openResources(values, { env, home, events });
  const session: Session = makeSession({
    name: invocation.name,
    config,
    mode,
    progress,
    backtrace,
    resources,
    out,
    err,
    interrupt,
  });
  session.context = {
    config: values,
    env,
    cwd: process.cwd(),
    home,
    hostPlatform: platform,
    // It is written to the history of environments, and a channel's URL may hold a password.
    commandLine: argv.slice(1).map(redactText),
    events,
    signal,
    resources,
    dialect: invocation.name as Dialect,
    // conda puts its default channels behind those of the command line.
    channelsAreDefault: invocation.name !== "conda" && config.detail("channels") === undefined,
    confirm: (plan) =>
      confirmPlan(plan, session, {
        replaces: invocation.path.at(-1) === "create" && !plan.fresh,
        // conda asks nothing where a file says what is wanted.
        fromFile: invocation.path[0] === "env" && (plan.fresh || invocation.path.at(-1) === "update"),
      }),
  };
  return session;
}

/** `log_level` in terms of -v. */
const VERBOSITY: Readonly<Record<string, number>> = { info: 1, debug: 2, trace: 3 };

/** A `log_level` above `warning` keeps warnings quiet. */
function sinkOf(
  values: ConfigValues,
  { progress, warnings, backtrace }: Record<"progress" | "warnings", ProgressRenderer> & Kept,
): EventSink {
  const silent = ["error", "critical", "off"].includes(values.logLevel);
  if (!silent && warnings === progress && !backtrace) return progress.sink;
  return (event) => {
    backtrace?.sink(event);
    if (event.type !== "warning") progress.sink(event);
    else if (!silent) warnings.sink(event);
  };
}

/** Commands that tell what they do, and have no other result. */
const TALKING = new Set([
  "create",
  "install",
  "update",
  "remove",
  "clean",
  "rename",
  "notices",
  "init",
  "doctor",
  "search",
]);

/** conda tells what it does on stdout; programs that call it take text on stderr for a failure. Of micromamba, `shell init`. */
function talksOnStdout({ name, path }: Invocation): boolean {
  const last = path.at(-1) ?? "";
  if (name === "micromamba" || name === "mamba") return path[0] === "shell" && /init$/.test(last);
  return name === "conda" && TALKING.has(last) && path[1] !== "vars";
}

interface Kept {
  backtrace: Backtrace | undefined;
}

interface Parts extends Kept {
  name: string;
  config: Config;
  mode: ProgressMode;
  progress: ProgressRenderer;
  resources: Resources;
  out: TerminalFacts;
  err: TerminalFacts;
  interrupt: Interrupt;
}

function makeSession(parts: Parts): Session {
  const { name, config, mode, progress, resources, out, err, interrupt } = parts;
  const { values } = config;
  const stdout = { stream: process.stdout, signal: interrupt.signal };
  return {
    config,
    context: undefined as unknown as CommandContext,
    out,
    err,
    json: values.json,
    quiet: values.quiet,
    verbosity: values.verbose,
    print: (line) => {
      progress.erase();
      process.stdout.write(`${line}\n`);
    },
    printLines: (lines) => {
      progress.erase();
      return writePaced(lines, "\n", stdout);
    },
    printJson: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    printLongJson: async (value) => {
      await writePaced(jsonPieces(value), "", stdout);
      process.stdout.write("\n");
    },
    say: (line) => {
      if (!values.quiet && !values.json) progress.write(line);
    },
    fail: (error) => {
      progress.close();
      if (mode === "json") progress.sink({ type: "error", ...error.toJSON() });
      else {
        const before = parts.backtrace?.lines().map((line) => `${err.colors.dim(line)}\n`) ?? [];
        process.stderr.write(before.join("") + renderError(error, err.colors, values.verbose, name));
        // With --json the caller shows failures in a way of its own.
        if (!values.json) process.stderr.write(annotation(error, process.env, process.cwd()));
      }
    },
    ask: (question, { careful = false } = {}) => askUser(question, careful, values, interrupt.signal),
    settle: () => progress.close(),
    releaseSignals: () => interrupt.stop(),
    close: async () => {
      progress.close();
      await resources.close();
    },
  };
}

/** -q and --json show warnings only; a terminal gets a live line; everything else a plain log. */
function progressMode(values: ConfigValues, facts: TerminalFacts): ProgressMode {
  if (values.progress !== "auto") return values.progress;
  if (values.json || values.quiet) return "none";
  return facts.interactive ? "tty" : "plain";
}

/** The transaction for the reader of stdout. */
export function planText(plan: ChangePlan, { context, out }: Pick<Session, "context" | "out">): string {
  return asMicromamba(context) ? renderPlanAsMicromamba(plan, out) : renderPlan(plan, out);
}

/** `replaces`: packages of an environment that is there already give way to those of a new one. */
async function confirmPlan(
  plan: ChangePlan,
  session: Session,
  { replaces, fromFile }: { replaces: boolean; fromFile: boolean },
): Promise<boolean> {
  session.settle();
  if (!session.json && !session.quiet) session.print(planText(plan, session));
  if (fromFile && session.context.dialect === "conda") return true;
  return session.ask("Confirm changes:", { careful: replaces });
}

/**
 * At a terminal, waits for the answer. Elsewhere the first line of standard input is the answer, and its end is a yes, as for
 * conda and micromamba: programs and CI call without --yes. `careful` questions need an answer.
 */
async function askUser(
  text: string,
  careful: boolean,
  values: ConfigValues,
  signal: AbortSignal,
): Promise<boolean> {
  if (values.alwaysYes || values.json || values.quiet) return true;
  const { stdin, stderr } = process;
  if (careful && !stdin.isTTY) {
    throw new ToolError("usage", "confirmation is needed, but standard input is no terminal", {
      hint: "add --yes to go ahead, or --dry-run to only look",
    });
  }
  if (stdin.isTTY)
    return askYesNo({ prompt: `${text} [Y/n] `, input: stdin, output: stderr, signal, atEnd: false });
  stderr.write(`${text} standard input is no terminal: its first line is the answer, its end a yes\n`);
  return askYesNo({ prompt: "", input: stdin, output: stderr, signal, atEnd: true });
}
