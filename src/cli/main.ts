import { setMaxListeners } from "node:events";
import { basename } from "node:path";
import { versionText } from "../util/version.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import type { Invocation, VerbModule } from "./invocation.ts";
import { outliveReaders } from "./lost-output.ts";
import type { Session } from "./session.ts";

/** Runs the command line and sets the exit code. Never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  const name = programName(argv[1]);
  outliveReaders();
  // Asked for by tools before every call: nothing else is loaded.
  if (argv.length === 3 && (argv[2] === "--version" || argv[2] === "-V")) {
    process.stdout.write(`${versionText(name)}\n`);
    return;
  }
  if (argv[2]?.startsWith("shell") && argv.length > 3) {
    const { activateQuickly } = await import("./quick-activate.ts");
    if (await activateQuickly(argv, name)) return;
  }
  const interrupt = listenForInterrupts();
  let session: Session | undefined;
  let invocation: Invocation | undefined;
  try {
    const [{ normalizeArguments }, { buildProgram }] = await Promise.all([
      import("./normalize.ts"),
      import("./program.ts"),
    ]);
    // Without a word conda and micromamba show their help, too, and call that a success.
    const words = argv.length > 2 ? normalizeArguments(argv.slice(2), name) : ["--help"];
    const program = buildProgram(name, words, async (verb: VerbModule, found: Invocation) => {
      invocation = found;
      const { openSession } = await import("./session.ts");
      session = await openSession(found, argv, interrupt);
      if (found.options["timings"]) session = (await import("./render/timings.ts")).withTimings(session);
      const run = found.options["printConfigOnly"] ? (await import("./print-config.ts")).run : verb.run;
      process.exitCode = await run(found, session);
    });
    await program.parseAsync(["node", name, ...words]);
  } catch (error) {
    process.exitCode = await reportFailure(error, session, invocation, argv);
  } finally {
    await session?.close();
    interrupt.stop();
  }
}

/** The name that the user typed: `conda`, `mamba` and `micromamba` are other names of this program. */
function programName(path: string | undefined): string {
  const name = basename(path ?? "taipan").replace(/\.(js|mjs|exe|cmd)$/, "");
  return ["conda", "mamba", "micromamba"].includes(name) ? name : "taipan";
}

async function reportFailure(
  error: unknown,
  session: Session | undefined,
  invocation: Invocation | undefined,
  argv: readonly string[],
): Promise<number> {
  // Help and --version end by an exception, too.
  if ((error as { exitCode?: unknown } | null)?.exitCode === 0) return EXIT.ok;
  const { asToolError, errorDocument, renderError } = await import("./render/error.ts");
  const failure = asToolError(error, programName(argv[1]));
  // Commands that only group others print their help instead.
  if (failure === undefined) return EXIT.usage;
  const json = session?.json ?? invocation?.options["json"] ?? argv.includes("--json");
  if (json) process.stdout.write(`${JSON.stringify(errorDocument(failure), null, 2)}\n`);
  if (session) session.fail(failure);
  else {
    const { terminalFacts } = await import("./terminal.ts");
    const { annotation } = await import("./render/annotation.ts");
    const { colors } = terminalFacts(process.stderr, process.env);
    process.stderr.write(renderError(failure, colors, 0, programName(argv[1])));
    if (!json) process.stderr.write(annotation(failure, process.env, process.cwd()));
  }
  return exitCodeOf(failure);
}

/** Milliseconds in which a signal may come twice that was sent once: `timeout` and npm send it to the process and to its group. */
const ECHO = 300;

/**
 * The first Ctrl-C asks the command to stop cleanly. The second is left to the system, which ends the process at once:
 * `process.exit` waits for the calls of the thread pool, and one that hangs on a dead file system never returns.
 */
function listenForInterrupts(): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) return;
    setTimeout(stop, ECHO).unref();
    if (process.stderr.isTTY)
      process.stderr.write(
        `\n${name === "SIGINT" ? "Interrupted" : "Stopped"}: cleaning up (once more to stop at once) ...\n`,
      );
    controller.abort();
  };
  const names: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const stop = () => names.forEach((name) => void process.off(name, onSignal));
  for (const name of names) process.on(name, onSignal);
  return { signal: controller.signal, stop };
}
