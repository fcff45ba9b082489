import { ToolError } from "../errors.ts";
import type { Port } from "./ports.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

/** A task as the pool sees it: what to do with each message that carries its id. */
export interface Job {
  receive(message: FromWorker): void;
  fail(error: ToolError): void;
}

/** One worker, started or not, and what it is busy with. */
export class Slot {
  private port: Port | undefined;
  readonly jobs = new Map<number, Job>();
  /** Message buffers that came back, for the next chunks of any stream: less garbage, fewer collections on both sides. */
  readonly spare: ArrayBuffer[] = [];

  constructor(
    private readonly open: (
      receive: (message: FromWorker) => void,
      failed: (error: ToolError) => void,
    ) => Port,
  ) {}

  get started(): boolean {
    return this.port !== undefined;
  }

  add(id: number, job: Job): void {
    this.port ??= this.open(
      (message) => this.jobs.get(message.id)?.receive(message),
      (error) => this.failAll(error),
    );
    this.jobs.set(id, job);
    if (this.jobs.size === 1) this.port.ref();
  }

  send(message: ToWorker, transfer?: readonly ArrayBuffer[]): void {
    this.port?.post(message, transfer);
  }

  done(id: number): void {
    if (this.jobs.delete(id) && this.jobs.size === 0) this.port?.unref();
  }

  /** A worker that stopped by itself takes its tasks with it; the next task starts a new one. */
  private failAll(error: ToolError): void {
    this.port = undefined;
    const jobs = [...this.jobs.values()];
    this.jobs.clear();
    for (const job of jobs) job.fail(error);
  }

  async close(): Promise<void> {
    const port = this.port;
    this.failAll(new ToolError("interrupted", "the worker pool was closed"));
    await port?.close();
  }
}
