import { Worker } from "node:worker_threads";
import { ToolError } from "../errors.ts";
import type { FromWorker, TaskHandlers, ToWorker } from "./protocol.ts";
import { serve } from "./serve.ts";

/** A line to one worker. */
export interface Port {
  post(message: ToWorker, transfer?: readonly ArrayBuffer[]): void;
  /** An idle worker does not keep the process alive. */
  ref(): void;
  unref(): void;
  close(): Promise<void>;
}

/** Set as workerData, so that the worker module knows that it is one of ours (and not imported inside another thread pool). */
export const WORKER_ROLE = "taipan-worker";

/** The text of the worker where taipan is a single binary: no file is beside it. */
function embeddedWorker(): string | undefined {
  const sea = process.getBuiltinModule("node:sea");
  return sea.isSea() ? sea.getAsset("worker.cjs", "utf8") : undefined;
}

export function openThreadPort(
  workerUrl: URL,
  receive: (message: FromWorker) => void,
  failed: (error: ToolError) => void,
): Port {
  // execArgv is emptied: flags such as --input-type or a test runner's loaders are not for the bundled worker.
  // A small young generation: workers mostly hold buffers outside the heap, and 16 MiB semi-spaces each cost 30 MB of
  // peak memory over a download of 121 MB, with no gain in time.
  const resourceLimits = { maxYoungGenerationSizeMb: 4 };
  const embedded = embeddedWorker();
  const worker = new Worker(embedded ?? workerUrl, {
    eval: embedded !== undefined,
    workerData: WORKER_ROLE,
    execArgv: [],
    name: WORKER_ROLE,
    resourceLimits,
  });
  let closing = false;
  let reported = false;
  const stopped = (reason: string, cause?: unknown): void => {
    if (closing || reported) return;
    reported = true;
    failed(new ToolError("internal", `a worker stopped unexpectedly: ${reason}`, { cause }));
  };
  worker.on("message", receive);
  worker.on("messageerror", (error) => stopped(error.message, error));
  worker.on("error", (error) => stopped(error instanceof Error ? error.message : String(error), error));
  worker.on("exit", (code) => stopped(`exit code ${code}`));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer as ArrayBuffer[] | undefined),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    close: async () => {
      closing = true;
      await worker.terminate();
    },
  };
}

/**
 * The same handlers in this thread. Messages are cloned and buffers detached as between threads, so that code which works
 * inline works with threads.
 */
export function openInlinePort(
  source: { workerUrl: URL; handlers?: TaskHandlers | undefined },
  receive: (message: FromWorker) => void,
): Port {
  let closed = false;
  const deliver = (message: FromWorker): void => {
    if (!closed) receive(message);
  };
  const loading = source.handlers
    ? Promise.resolve(source.handlers)
    : (import(source.workerUrl.href) as Promise<{ handlers: TaskHandlers }>).then(
        (module) => module.handlers,
      );
  const server = loading.then((handlers) =>
    serve(handlers, (message, transfer = []) => {
      const copy = structuredClone(message, { transfer: [...transfer] });
      setImmediate(deliver, copy);
    }),
  );
  const fail = (message: ToWorker, error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    deliver({
      type: "error",
      id: message.id,
      error: new ToolError("internal", `cannot load the worker: ${reason}`).toJSON(),
    });
  };
  return {
    post: (message, transfer = []) => {
      const copy = structuredClone(message, { transfer: [...transfer] });
      server.then(
        (handle) => void (closed || setImmediate(handle, copy)),
        (error) => fail(copy, error),
      );
    },
    ref: () => {},
    unref: () => {},
    close: async () => {
      closed = true;
    },
  };
}
