/**
 * Tasks that run off the main thread. Inputs and outputs are structured-clone-safe plain data.
 * To add a task: one entry `{ input, output }` here (types only) and one lazily imported handler in src/worker.ts.
 */
import type { ArchiveKind } from "../archive/extract.ts";
import type { SerializedToolError } from "../errors.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type {
  LinkedPackage,
  LinkPackageInput,
  PlannedPackage,
  PlanPackageInput,
  StorePycInput,
} from "./link-tasks.ts";

/** Hashes that an archive must have; whatever is absent is not compared. */
export interface ExpectedArchive {
  sha256?: string | undefined;
  md5?: string | undefined;
  size?: number | undefined;
  /** The hashes are those of an explicit spec, an `@EXPLICIT` file or a lock, not a channel's. */
  asked?: boolean | undefined;
}

/** What an archive was found to be. `md5` is computed only when it is asked for or is all there is to compare. */
export interface ArchiveFacts {
  sha256: string;
  md5?: string | undefined;
  size: number;
  files: number;
  bytes: number;
}

export interface ExtractInput {
  /** Shown in errors: the archive's file name. */
  fn: string;
  kind: ArchiveKind;
  /** Absolute directory to extract to, created by the task; undefined to keep the archive only. */
  destination: string | undefined;
  expected: ExpectedArchive;
  /** Compute md5 also when sha256 is there to compare. */
  wantMd5: boolean;
  /** Write it, completed with what the bytes told, to `info/repodata_record.json` of the extracted package. */
  record?: RepoDataRecord | undefined;
}

export interface IndexRepodataInput {
  /** `channel/subdir`, for messages. */
  label: string;
  /** Where the index will be; it is written under a temporary name beside it. */
  path: string;
  compression: "none" | "zst" | "bz2";
  /** Subdir URL without credentials. */
  url: string;
  /** File name that is fetched, such as `repodata.json.zst`. */
  source: string;
  validators: Validators;
}

export interface IndexRepodataOutput {
  /** The finished index, to be renamed to its place. */
  temporary: string;
  records: number;
  /** Records that were left out because they are malformed. */
  skipped: number;
}

/** HTTP facts that decide whether a cached file may be used again (RFC 9111). Times are milliseconds since the epoch. */
export interface Validators {
  etag?: string | undefined;
  lastModified?: string | undefined;
  cacheControl?: string | undefined;
  expires?: string | undefined;
  date?: string | undefined;
  age?: string | undefined;
  /** When the response was received, or last confirmed by a 304. */
  checkedAt: number;
}

export interface TaskMap {
  /** Hash and extract an archive that is on disk. */
  "extract-file": { input: ExtractInput & { archive: string }; output: ArchiveFacts };
  /** Judge an extracted package's metadata and list the paths it makes in a prefix. */
  "plan-package": { input: PlanPackageInput; output: PlannedPackage };
  /** Link one package and write its conda-meta record. */
  "link-package": { input: LinkPackageInput; output: LinkedPackage };
  /** Keep compiled byte code in the package cache; whether it could. */
  "store-pyc": { input: StorePycInput; output: boolean };
  /** Compare an extracted package with its own paths.json. `output` is the first difference, or undefined. */
  "check-package": { input: { directory: string; hashes: boolean }; output: string | undefined };
}

/** Tasks fed with chunks while they run: an archive that is extracted as it arrives. */
export interface StreamTaskMap {
  /** Hash, store at `archive` (when given) and extract an archive while it downloads. */
  "extract-stream": { input: ExtractInput & { archive: string | undefined }; output: ArchiveFacts };
  /** Write the index of a repodata file while it downloads; posts `{ records }` as progress. */
  "index-repodata": { input: IndexRepodataInput; output: IndexRepodataOutput };
}

export type TaskInput<M, K extends keyof M> = M[K] extends { input: infer I } ? I : never;
export type TaskOutput<M, K extends keyof M> = M[K] extends { output: infer O } ? O : never;

export interface RunOptions {
  signal?: AbortSignal | undefined;
  transfer?: readonly ArrayBuffer[] | undefined;
  /** Called with each progress value that the handler posts. */
  onProgress?: ((value: unknown) => void) | undefined;
  /** Tasks of one key go to one worker, as long as no other is idle: it may still have in memory what the last one read. */
  near?: string | undefined;
}

export interface TaskStream<Output> {
  /** Copies the chunk on its way to the worker. Resolves when the worker wants more: this is the back-pressure. */
  write(chunk: Uint8Array): Promise<void>;
  /** No more chunks: resolves with the task's result, or rejects with its ToolError. */
  end(): Promise<Output>;
  /** Gives up; the handler cleans what it wrote. Resolves when it has, and never rejects. */
  abort(reason: unknown): Promise<void>;
}

export interface WorkerPool {
  readonly size: number;
  run<K extends keyof TaskMap>(
    kind: K,
    input: TaskInput<TaskMap, K>,
    options?: RunOptions,
  ): Promise<TaskOutput<TaskMap, K>>;
  stream<K extends keyof StreamTaskMap>(
    kind: K,
    input: TaskInput<StreamTaskMap, K>,
    options?: RunOptions,
  ): TaskStream<TaskOutput<StreamTaskMap, K>>;
  /** Stops the workers. Tasks that still run are rejected as `interrupted`. */
  close(): Promise<void>;
}

/** What a handler is given besides its input. */
export interface TaskContext {
  /** Aborted when the caller gave up. */
  signal: AbortSignal;
  /** Posts a value to the caller's `onProgress`. */
  progress(value: unknown): void;
  /** Buffers of the result that are to be moved to the caller instead of copied. */
  transfer(...buffers: ArrayBuffer[]): void;
}

/** The worker's end of a stream: `write` calls never overlap, `end` or `abort` comes last and once. */
export interface TaskSink<Output> {
  /** `write` is done with its chunk when it has resolved: the memory goes back to the sender. */
  returnsChunks?: true;
  write(chunk: Uint8Array): void | Promise<void>;
  end(): Output | Promise<Output>;
  abort(reason: unknown): void | Promise<void>;
}

export type TaskHandler<Input, Output> = (input: Input, context: TaskContext) => Output | Promise<Output>;
export type StreamHandler<Input, Output> = (
  input: Input,
  context: TaskContext,
) => TaskSink<Output> | Promise<TaskSink<Output>>;

/** Loaders of handlers by task, so that a worker loads only the code of the tasks it runs. */
export interface TaskHandlers {
  tasks: { [K in keyof TaskMap]: () => Promise<TaskHandler<TaskInput<TaskMap, K>, TaskOutput<TaskMap, K>>> };
  streams: {
    [K in keyof StreamTaskMap]: () => Promise<
      StreamHandler<TaskInput<StreamTaskMap, K>, TaskOutput<StreamTaskMap, K>>
    >;
  };
}

export type ToWorker =
  | { type: "run" | "stream"; id: number; kind: string; input: unknown }
  | { type: "chunk"; id: number; chunk: Uint8Array }
  | { type: "end"; id: number }
  | { type: "abort"; id: number };

export type FromWorker =
  | { type: "result"; id: number; value: unknown }
  | { type: "error"; id: number; error: SerializedToolError }
  | { type: "progress"; id: number; value: unknown }
  /** The handler took this many bytes of the stream. */
  | { type: "ack"; id: number; bytes: number; spare?: ArrayBuffer | undefined }
  /** An abort was carried out. */
  | { type: "aborted"; id: number };
