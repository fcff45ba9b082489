import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { codeOf, ToolError } from "../errors.ts";
import { systemProgram } from "./windows-command.ts";

export interface ExecOptions {
  env?: Readonly<Record<string, string | undefined>> | undefined;
  cwd?: string | undefined;
  /** Where the child's standard input comes from; with `input` it is that text. Default `ignore`. */
  stdin?: "ignore" | "inherit" | undefined;
  input?: string | Uint8Array | undefined;
  /** `pipe` collects the text, `inherit` passes it through. Default `pipe`. */
  stdout?: "pipe" | "inherit" | "ignore" | undefined;
  stderr?: "pipe" | "inherit" | "ignore" | undefined;
  signal?: AbortSignal | undefined;
  /** Windows: the arguments are the command line as it is (`cmdLine`). */
  verbatim?: boolean | undefined;
  /** Milliseconds after which the child is killed; the result then has `timedOut`. */
  timeout?: number | undefined;
  /** Bytes of each stream that are kept; the rest is read and dropped. Default 16 MiB. */
  maxBuffer?: number | undefined;
  /**
   * A file that the child writes its process id to before it begins. The child then leads a process group, which is killed as a whole:
   * with the signal, at the timeout, and when this process dies, whatever kills it. Not on Windows.
   */
  groupFile?: string | undefined;
}

export interface ExecResult {
  /** Exit code, or null when a signal ended the child. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/**
 * Runs a program without a shell and waits for it. A non-zero exit is a value; throws `io-error` or
 * `permission-denied` when the program cannot be started, and `interrupted` when the signal aborts.
 */
export async function exec(
  file: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  if (options.signal?.aborted) throw new ToolError("interrupted", `\`${file}\` was not started`);
  const windows = process.platform === "win32";
  const group = windows ? undefined : options.groupFile;
  const [program, ...rest] =
    group === undefined
      ? [windows && options.env ? systemProgram(file, options.env) : file, ...args]
      : ["/bin/sh", "-c", LEAD, group, file, ...args];
  const child = start(program!, rest, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    stdio: [
      options.input === undefined ? (options.stdin ?? "ignore") : "pipe",
      options.stdout ?? "pipe",
      options.stderr ?? "pipe",
      ...(group === undefined ? [] : (["pipe"] as const)),
    ],
    detached: group !== undefined,
    windowsHide: true,
    windowsVerbatimArguments: options.verbatim ?? false,
  });
  const limit = options.maxBuffer ?? 16 * 1024 * 1024;
  const stdout = collect(child.stdout, limit);
  const stderr = collect(child.stderr, limit);
  let timedOut = false;
  const kill = () => (group === undefined ? child.kill("SIGKILL") : killGroup(child.pid));
  const timer = options.timeout && setTimeout(() => (timedOut = kill()), options.timeout);
  options.signal?.addEventListener("abort", kill, { once: true });
  try {
    // A child that closes its input early makes writing fail; its exit code tells the story.
    child.stdin?.on("error", () => {});
    if (group !== undefined) leaveInPeace(child);
    if (options.input !== undefined) child.stdin?.end(options.input);
    const end = await ended(child, file, timedOutWaits(options.timeout));
    if (options.signal?.aborted) throw new ToolError("interrupted", `\`${file}\` was interrupted`);
    return { ...end, stdout: stdout(), stderr: stderr(), timedOut };
  } finally {
    clearTimeout(timer || undefined);
    options.signal?.removeEventListener("abort", kill);
    // A grandchild that outlives a killed child would otherwise keep this process waiting for its pipe.
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

/**
 * Becomes the program in "$@", after starting a process that kills the group when the pipe from us closes without a word. It is nobody's
 * child, so that no program waits for it, and it holds neither output.
 */
const LEAD = `{ echo $$ >"$0"; } 2>/dev/null
( ( read -r line <&3 || kill -9 0 ) & ) >/dev/null 2>&1
exec 3<&-
exec "$@"`;

/** What the child left running on purpose is not ours to kill once it has ended. */
function leaveInPeace(child: ChildProcess): void {
  const pipe = child.stdio[3] as Duplex;
  pipe.on("error", () => {}).resume();
  child.once("exit", () => pipe.end("done\n"));
}

function killGroup(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(-pid, "SIGKILL");
  } catch {
    return false;
  }
}

/** With a timeout, a grandchild that keeps a pipe open must not keep us waiting: the exit counts, not the close. */
function timedOutWaits(timeout: number | undefined): "exit" | "close" {
  return timeout ? "exit" : "close";
}

export function start(file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return spawn(file, [...args], options);
  } catch (error) {
    throw cannotStart(file, error);
  }
}

export function cannotStart(file: string, error: unknown): ToolError {
  const code = codeOf(error);
  const options = { cause: error, details: { file, errno: code } };
  if (code === "EACCES" || code === "EPERM") {
    return new ToolError("permission-denied", `no permission to run \`${file}\``, options);
  }
  const reason = code === "ENOENT" ? "it was not found" : (error as Error).message;
  return new ToolError("io-error", `cannot run \`${file}\`: ${reason}`, options);
}

export function ended(
  child: ChildProcess,
  file: string,
  event: "exit" | "close",
): Promise<Pick<ExecResult, "code" | "signal">> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(cannotStart(file, error)));
    child.once(event, (code: number | null, signal: NodeJS.Signals | null) => resolve({ code, signal }));
  });
}

function collect(stream: NodeJS.ReadableStream | null, limit: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on("data", (chunk: Buffer) => {
    if (size < limit) chunks.push(chunk.subarray(0, limit - size));
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
