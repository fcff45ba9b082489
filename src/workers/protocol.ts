/**
 * Tasks that run off the main thread. Inputs and outputs are structured-clone-safe plain data.
 * A layer adds its task here (types only) and its handler in src/worker.ts.
 */
// biome-ignore lint/suspicious/noEmptyInterface: layers add their tasks to it
export interface TaskMap {}

/** Tasks fed with chunks while they run: an archive that is extracted as it arrives. */
// biome-ignore lint/suspicious/noEmptyInterface: layers add their tasks to it
export interface StreamTaskMap {}

export interface RunOptions {
  signal?: AbortSignal | undefined;
  transfer?: readonly ArrayBuffer[] | undefined;
  /** Called with each progress value that the handler posts. */
  onProgress?: ((value: unknown) => void) | undefined;
}

export interface TaskStream<Output> {
  /** Hands the chunk over (its buffer may be detached). Resolves when the worker wants more: this is the back-pressure. */
  write(chunk: Uint8Array): Promise<void>;
  /** No more chunks: resolves with the task's result, or rejects with its ToolError. */
  end(): Promise<Output>;
  /** Gives up; the handler must clean what it wrote. Resolves when it has. */
  abort(reason: unknown): Promise<void>;
}

export interface WorkerPool {
  readonly size: number;
  run<K extends keyof TaskMap>(kind: K, input: TaskMap[K] extends { input: infer I } ? I : never, options?: RunOptions): Promise<TaskMap[K] extends { output: infer O } ? O : never>;
  stream<K extends keyof StreamTaskMap>(kind: K, input: StreamTaskMap[K] extends { input: infer I } ? I : never, options?: RunOptions): TaskStream<StreamTaskMap[K] extends { output: infer O } ? O : never>;
  close(): Promise<void>;
}
