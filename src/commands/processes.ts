import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureDir, listDir, readText, removeTree, writeAtomic } from "../fs/files.ts";
import { readTextSync } from "../fs/sync-files.ts";
import { processExists, signalProcess } from "../host/system.ts";
import { similarNames } from "../specs/names.ts";
import type { CommandContext } from "./context.ts";

/** A program that `run` started and that still runs. */
export interface RunningProcess {
  pid: number;
  /** `--label`, or the program's name and process id. */
  name: string;
  prefix: string;
  command: readonly string[];
  detached: boolean;
  /** When the system started the process; tells it from a later one with the same number. Undefined where unknown. */
  started?: string | undefined;
}

type ProcessContext = Pick<CommandContext, "env" | "home">;

/** One file for each process, in the user's own cache directory. */
function registry({ env, home }: ProcessContext): string {
  return join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "taipan", "proc");
}

/** Remembers a process for `ps`; resolves to a function that forgets it. A directory that cannot be written is no reason to fail. */
export async function registerProcess(
  process: Omit<RunningProcess, "started">,
  context: ProcessContext,
): Promise<() => Promise<void>> {
  const directory = registry(context);
  const path = join(directory, `${process.pid}.json`);
  try {
    await ensureDir(directory);
    await writeAtomic(
      path,
      `${JSON.stringify({ ...process, started: processFacts(process.pid)?.started })}\n`,
      {
        mode: 0o600,
      },
    );
  } catch {
    return async () => {};
  }
  return () => removeTree(path).catch(() => {});
}

/** Processes that still run, by process id. Files of processes that are gone are removed. */
export async function listProcesses(context: ProcessContext): Promise<RunningProcess[]> {
  const directory = registry(context);
  const found: RunningProcess[] = [];
  for (const file of await listDir(directory)) {
    if (!/^\d+\.json$/.test(file)) continue;
    const entry = parseEntry(await readText(join(directory, file)));
    if (entry && `${entry.pid}.json` === file && isSame(entry)) found.push(entry);
    else await removeTree(join(directory, file)).catch(() => {});
  }
  return found.sort((a, b) => a.pid - b.pid);
}

/** Asks a process, by id or label, to end (SIGTERM). */
export async function stopProcess(which: string, context: ProcessContext): Promise<RunningProcess> {
  const running = await listProcesses(context);
  const found =
    running.find((entry) => String(entry.pid) === which) ?? running.find((entry) => entry.name === which);
  if (!found) {
    const [near] = similarNames(
      which,
      running.map((entry) => entry.name),
    );
    throw new ToolError("usage", `no process \`${which}\` was started by \`run\` and still runs`, {
      hint: near ? `did you mean \`${near}\`?` : "`ps` lists them",
    });
  }
  signalProcess(found.pid, "SIGTERM");
  return found;
}

/** Throws `usage` when a label is taken, or could be taken for a process id. */
export async function checkLabel(label: string, context: ProcessContext): Promise<void> {
  if (label === "" || /^\d+$/.test(label))
    throw new ToolError("usage", `\`${label}\` cannot be a label`, { hint: "a label is text, not a number" });
  const taken = (await listProcesses(context)).find((entry) => entry.name === label);
  if (taken)
    throw new ToolError("usage", `the label \`${label}\` is taken by process ${taken.pid}`, {
      hint: "choose another, or end that one with `ps stop`",
    });
}

function isSame(entry: RunningProcess): boolean {
  if (!processExists(entry.pid)) return false;
  const now = processFacts(entry.pid);
  // A process that ended and that nobody has waited for still has its number.
  return (
    now === undefined || (now.state !== "Z" && (entry.started === undefined || entry.started === now.started))
  );
}

function parseEntry(text: string | undefined): RunningProcess | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<RunningProcess> | null;
    const { pid, name, prefix, command, started } = value ?? {};
    // A negative number or 0 would name a whole process group.
    if (!Number.isInteger(pid) || (pid ?? 0) <= 1 || typeof name !== "string" || typeof prefix !== "string")
      return undefined;
    if (!Array.isArray(command) || !command.every((word) => typeof word === "string")) return undefined;
    return {
      pid: pid!,
      name,
      prefix,
      command,
      detached: value?.detached === true,
      started: typeof started === "string" ? started : undefined,
    };
  } catch {
    return undefined;
  }
}

/**
 * State and start (clock ticks since boot) of a process: fields 3 and 22 of /proc/PID/stat, counted behind the name, which may
 * hold anything. Undefined where the system has no such file.
 */
function processFacts(pid: number): { state: string | undefined; started: string | undefined } | undefined {
  const stat = readTextSync(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], started: fields[19] };
}
