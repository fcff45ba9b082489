/** The worker thread: answers the pool's messages. Handlers load with the first task of their kind. */
import { parentPort, workerData } from "node:worker_threads";
import { WORKER_ROLE } from "./workers/ports.ts";
import type { TaskHandlers } from "./workers/protocol.ts";
import { serve } from "./workers/serve.ts";

export const handlers: TaskHandlers = {
  tasks: {
    "extract-file": async () => (await import("./cache/extract-task.ts")).extractFileTask,
    "plan-package": async () => (await import("./prefix/plan-package.ts")).planPackageTask,
    "link-package": async () => (await import("./prefix/link-package.ts")).linkPackageTask,
    "store-pyc": async () => (await import("./prefix/link-pyc.ts")).storePycTask,
    "check-package": async () => (await import("./cache/check-task.ts")).checkPackageTask,
  },
  streams: {
    "extract-stream": async () => (await import("./cache/extract-task.ts")).extractStreamTask,
    "index-repodata": async () => (await import("./repodata/index-task.ts")).indexRepodataTask,
  },
};

if (parentPort && workerData === WORKER_ROLE) {
  const port = parentPort;
  port.on(
    "message",
    serve(handlers, (message, transfer) => port.postMessage(message, transfer as ArrayBuffer[] | undefined)),
  );
}
