import { constants } from "node:os";
import { cannotStart, ended, start } from "./exec.ts";
import { windowsCommand } from "./windows-command.ts";

/** Signals that a terminal or a supervisor sends and that belong to the child while it runs. */
const FORWARDED: readonly NodeJS.Signals[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGWINCH",
];

export interface AttachedOptions {
  env: Readonly<Record<string, string | undefined>>;
  cwd?: string | undefined;
  /** Streams passed through; the others are closed (`/dev/null`). Default all three. */
  attach?: readonly ("stdin" | "stdout" | "stderr")[] | undefined;
  /** Called when signals are the program's, just before it starts. */
  onStart?: (() => void) | undefined;
}

/**
 * Runs a program in the foreground with this process's terminal and waits. Signals sent to this process go to the
 * child. A terminal's Ctrl-C reaches the child by itself, as both are in the foreground process group, so that one
 * is only swallowed here. Returns the code to exit with: the child's, or 128 plus the signal that ended it.
 */
export async function spawnAttached(
  file: string,
  args: readonly string[],
  options: AttachedOptions,
): Promise<number> {
  const attach = options.attach ?? ["stdin", "stdout", "stderr"];
  const stdio = (["stdin", "stdout", "stderr"] as const).map((name) =>
    attach.includes(name) ? "inherit" : "ignore",
  );
  let child: ReturnType<typeof start> | undefined;
  const early: NodeJS.Signals[] = [];
  const terminal = process.stdin.isTTY === true;
  const forward = (signal: NodeJS.Signals) => {
    const fromTerminal = signal === "SIGINT" || signal === "SIGQUIT";
    if (terminal && fromTerminal) return;
    if (child) child.kill(signal);
    else early.push(signal);
  };
  const signals = process.platform === "win32" ? (["SIGINT"] as const) : FORWARDED;
  // Before the child starts: a signal in between would end this process and leave the child behind.
  for (const signal of signals) process.on(signal, forward);
  try {
    options.onStart?.();
    const command = typed(file, args, options);
    child = start(command.file, command.args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      windowsVerbatimArguments: command.verbatim,
      env: options.env,
      stdio: stdio as ("inherit" | "ignore")[],
    });
    for (const signal of early) child.kill(signal);
    const { code, signal } = await ended(child, file, "exit");
    return signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1);
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}

function typed(file: string, args: readonly string[], options: Pick<AttachedOptions, "env" | "cwd">) {
  return process.platform === "win32" ? windowsCommand(file, args, options) : { file, args, verbatim: false };
}

/**
 * Starts a program that outlives this process, in its own session and without a terminal. Returns its process id.
 */
export async function spawnDetached(
  file: string,
  args: readonly string[],
  options: Omit<AttachedOptions, "attach" | "onStart">,
): Promise<number> {
  const command = typed(file, args, options);
  const child = start(command.file, command.args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    windowsVerbatimArguments: command.verbatim,
    env: options.env,
    stdio: "ignore",
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(cannotStart(file, error)));
  });
  child.unref();
  return child.pid ?? 0;
}
