import { interruption, ToolError } from "../errors.ts";
import { openInlinePort, openThreadPort } from "./ports.ts";
import type { RunOptions, TaskHandlers, TaskStream, WorkerPool } from "./protocol.ts";
import { Slot } from "./slot.ts";
import { createTaskStream, type StreamState } from "./stream.ts";

export interface PoolOptions {
  /** Number of workers at most; each starts with the first task it gets. */
  size: number;
  /** `inline` runs the same handlers in this thread: tests from sources, single-threaded hosts. */
  mode: "threads" | "inline";
  /** Module of the worker; by default the one beside the bundle, or src/worker.ts when run from sources. */
  workerUrl?: URL | undefined;
  /** Handlers at hand for inline mode, instead of importing `workerUrl`. */
  handlers?: TaskHandlers | undefined;
}

/** Bundles have the worker beside them, or beside their directory chunks/; sources are in src/workers/. */
function defaultWorkerUrl(): URL {
  const here = import.meta.url;
  const type = /\.\w+$/.exec(here)![0];
  return new URL(
    type === ".ts" || /\/chunks\/[^/]+$/.test(here) ? `../worker${type}` : `./worker${type}`,
    here,
  );
}

/** The pool of workers that lives for one command. Nothing starts before the first task. */
export function createPool(options: PoolOptions): WorkerPool {
  const workerUrl = options.workerUrl ?? defaultWorkerUrl();
  const size = options.mode === "inline" ? 1 : Math.max(1, Math.floor(options.size));
  const slots = Array.from({ length: size }, () => {
    return new Slot((receive, failed) =>
      options.mode === "inline"
        ? openInlinePort({ workerUrl, handlers: options.handlers }, receive)
        : openThreadPort(workerUrl, receive, failed),
    );
  });
  let nextId = 1;
  let closed = false;

  /** Least loaded first; among equals one that runs already, so that few small tasks start few threads. */
  const pick = (): Slot => {
    if (closed) throw new ToolError("internal", "the worker pool is closed");
    let best = slots[0]!;
    for (const slot of slots) {
      const fewer = slot.jobs.size - best.jobs.size;
      if (fewer < 0 || (fewer === 0 && slot.started && !best.started)) best = slot;
    }
    return best;
  };

  const last = new Map<string, Slot>();
  const pickNear = (key: string | undefined): Slot => {
    const best = pick();
    if (key === undefined) return best;
    const known = last.get(key);
    // An idle worker is better used than somebody's memory, and so is one that has far less to do.
    const chosen = known && best.jobs.size > 0 && known.jobs.size - best.jobs.size <= MAX_LEAD ? known : best;
    last.set(key, chosen);
    return chosen;
  };

  return {
    size,
    run: (kind, input, runOptions) =>
      runTask(pickNear(runOptions?.near), { id: nextId++, kind, input }, runOptions) as never,
    stream: (kind, input, runOptions) => {
      const state: StreamState = { slot: pick(), id: nextId++, kind, input };
      return createTaskStream(state, runOptions) as TaskStream<never>;
    },
    close: async () => {
      closed = true;
      await Promise.all(slots.map((slot) => slot.close()));
    },
  };
}

/** How many tasks more than the least busy worker one may have and still be given those that it knows. */
const MAX_LEAD = 4;

function runTask(
  slot: Slot,
  task: { id: number; kind: string; input: unknown },
  options: RunOptions = {},
): Promise<unknown> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(interruption(signal));
  return new Promise((resolve, reject) => {
    const settle = (action: () => void): void => {
      slot.done(task.id);
      signal?.removeEventListener("abort", onAbort);
      action();
    };
    // A handler may be inside a long synchronous call: the caller goes on at once, a late answer is dropped.
    const onAbort = (): void => {
      slot.send({ type: "abort", id: task.id });
      settle(() => reject(interruption(signal)));
    };
    slot.add(task.id, {
      receive: (message) => {
        if (message.type === "progress") options.onProgress?.(message.value);
        else if (message.type === "result") settle(() => resolve(message.value));
        else if (message.type === "error") settle(() => reject(ToolError.fromJSON(message.error)));
      },
      fail: (error) => settle(() => reject(error)),
    });
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      slot.send({ type: "run", ...task }, options.transfer);
    } catch (error) {
      settle(() => reject(error));
    }
  });
}
