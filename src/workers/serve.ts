import { ToolError } from "../errors.ts";
import type { FromWorker, TaskContext, TaskHandlers, TaskSink, ToWorker } from "./protocol.ts";

type Post = (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void;
type AnyHandler = (input: unknown, context: TaskContext) => unknown;

interface Job {
  controller: AbortController;
  /** Steps of one stream run one after the other; different jobs interleave. */
  tail: Promise<unknown>;
  sink?: TaskSink<unknown> | undefined;
  transfer: ArrayBuffer[];
  over: boolean;
}

/** Any thrown value as the plain data of a ToolError; what is no ToolError is a defect and keeps its stack in the details. */
function serializeError(error: unknown): ReturnType<ToolError["toJSON"]> {
  const known =
    error instanceof ToolError
      ? error
      : new ToolError(
          "internal",
          `internal error in a worker: ${error instanceof Error ? error.message : String(error)}`,
          {
            details: { stack: error instanceof Error ? error.stack : undefined },
          },
        );
  return known.toJSON();
}

/** The worker's side of the protocol: returns the function to call with each message from the pool. */
export function serve(handlers: TaskHandlers, post: Post): (message: ToWorker) => void {
  const jobs = new Map<number, Job>();

  const finish = (id: number, job: Job, message: FromWorker): void => {
    if (job.over) return;
    job.over = true;
    jobs.delete(id);
    post(message, job.transfer);
  };
  const fail = (id: number, job: Job, error: unknown): void => {
    job.transfer.length = 0;
    finish(id, job, { type: "error", id, error: serializeError(error) });
  };
  const contextOf = (id: number, job: Job): TaskContext => ({
    signal: job.controller.signal,
    progress: (value) => post({ type: "progress", id, value }),
    transfer: (...buffers) => void job.transfer.push(...buffers),
  });
  const load = async (table: "tasks" | "streams", kind: string): Promise<AnyHandler> => {
    const loader = (handlers[table] as Record<string, (() => Promise<unknown>) | undefined>)[kind];
    if (!loader) throw new ToolError("internal", `no worker task is called \`${kind}\``);
    return (await loader()) as AnyHandler;
  };

  const start = (message: ToWorker & { type: "run" | "stream" }): void => {
    const { id, kind, input } = message;
    const job: Job = {
      controller: new AbortController(),
      tail: Promise.resolve(),
      transfer: [],
      over: false,
    };
    jobs.set(id, job);
    if (message.type === "run") {
      job.tail = load("tasks", kind)
        .then((handler) => handler(input, contextOf(id, job)))
        .then((value) => finish(id, job, { type: "result", id, value }))
        .catch((error) => fail(id, job, error));
      return;
    }
    job.tail = load("streams", kind)
      .then((handler) => handler(input, contextOf(id, job)))
      .then((sink) => {
        job.sink = sink as TaskSink<unknown>;
      })
      .catch((error) => fail(id, job, error));
  };

  const step = (id: number, job: Job, action: (sink: TaskSink<unknown>) => unknown): void => {
    job.tail = job.tail.then(async () => {
      if (job.over || !job.sink) return;
      try {
        await action(job.sink);
      } catch (error) {
        // A sink whose write or end failed is still told to clean up; its own error is the one to report.
        await Promise.resolve(job.sink.abort(error)).catch(() => {});
        fail(id, job, error);
      }
    });
  };

  return (message) => {
    if (message.type === "run" || message.type === "stream") return start(message);
    const { id } = message;
    const job = jobs.get(id);
    if (!job) {
      if (message.type === "abort") post({ type: "aborted", id });
      return;
    }
    if (message.type === "chunk") {
      const { chunk } = message;
      step(id, job, async (sink) => {
        const bytes = chunk.byteLength;
        await sink.write(chunk);
        const spare = sink.returnsChunks ? (chunk.buffer as ArrayBuffer) : undefined;
        post({ type: "ack", id, bytes, spare }, spare ? [spare] : []);
      });
    } else if (message.type === "end") {
      step(id, job, async (sink) => finish(id, job, { type: "result", id, value: await sink.end() }));
    } else {
      job.controller.abort();
      job.tail = job.tail.then(async () => {
        if (!job.over && job.sink)
          await Promise.resolve(job.sink.abort(job.controller.signal.reason)).catch(() => {});
        job.over = true;
        jobs.delete(id);
        post({ type: "aborted", id });
      });
    }
  };
}
