import { join } from "node:path";
import { interruption } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { replaceText } from "../fs/link.ts";
import { createPythonCompiler, type PythonCompiler } from "../host/python-compile.ts";
import { systemFacts } from "../host/system.ts";
import type { PythonInfo } from "../plan/transaction.ts";
import { distString, type PackageCacheRecord, type PrefixRecord } from "../specs/records.ts";
import type { LinkedPackage } from "../workers/link-tasks.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import { signBinaries } from "./codesign.ts";
import { formatPrefixRecord, prefixRecordFile } from "./conda-meta.ts";
import { type LinkOptions, linkMethods } from "./options.ts";
import { pycCacheEntry } from "./pyc-cache.ts";

/** A package to be linked into the staging root. */
export interface StagePackage {
  record: PackageCacheRecord;
  requestedSpecs: readonly string[];
  skip: readonly string[];
  /** Only these targets, without a record: files of an installed package that another one had replaced. */
  only?: readonly string[] | undefined;
  /** Expected work, to start the largest first. */
  weight: number;
}

export interface StageInput {
  root: string;
  /** Final path of the prefix. */
  prefix: string;
  packages: readonly StagePackage[];
  aliases: readonly (readonly [from: string, to: string])[];
  options: LinkOptions;
  python?: { info: PythonInfo; record: PrefixRecord | PackageCacheRecord; staged: boolean } | undefined;
}

export interface StageContext {
  pool: WorkerPool;
  events: EventSink;
  signal?: AbortSignal | undefined;
}

/**
 * Links every package into the root, and compiles byte code as soon as the interpreter is there, while other packages are still being
 * linked. Nothing outside the root and the byte code cache is written. When it throws, no task is running any more.
 */
export async function stagePackages(input: StageInput, context: StageContext): Promise<void> {
  const compiler = startCompiler(input, context);
  const order = [...input.packages].sort(
    (a, b) => Number(isPython(b)) - Number(isPython(a)) || b.weight - a.weight,
  );
  const python = order.find(isPython);
  const started = new Map<StagePackage, Promise<LinkedPackage>>();
  const waiting = [...order];
  const compiles: Promise<unknown>[] = [];
  const progress = { done: 0, total: 0, failed: 0 };
  try {
    // Two tasks per worker keep it busy; the rest can still be cancelled.
    const lanes = Array.from({ length: Math.min(order.length, context.pool.size * 2) }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        if (context.signal?.aborted) throw interruption(context.signal);
        const current = next;
        const work = linkOne(current, input, context);
        started.set(current, work);
        const linked = await work;
        if (!current.only && linked.patchedBinaries !== "") {
          await signBinaries(linked.patchedBinaries.split("\n"), input.root, current.record, input.options);
        }
        if (linked.searched !== "")
          reportOffsets(linked.searched.split("\n"), current.record, context.events);
        if (!current.only)
          context.events({
            type: "link",
            id: current.record.fn,
            state: "done",
            action: "link",
            files: linked.files,
          });
        if (linked.compile !== "" && compiler) {
          const ready = python ? started.get(python) : undefined;
          const compiling = (ready ?? Promise.resolve()).then(() =>
            compilePackage(current, linked, { input, context, compiler, progress }),
          );
          compiling.catch(() => {});
          compiles.push(compiling);
        }
      }
    });
    const results = await Promise.allSettled(lanes);
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    await Promise.all(compiles);
    reportCompiled(progress, input, context.events);
  } finally {
    waiting.length = 0;
    await compiler?.close();
    await Promise.allSettled([...started.values(), ...compiles]);
  }
}

const isPython = (item: StagePackage): boolean => item.record.name === "python" && !item.only;

function startCompiler(input: StageInput, context: StageContext): PythonCompiler | undefined {
  const { python, options } = input;
  if (!python || !options.compilePyc) return undefined;
  return createPythonCompiler({
    executable: join(python.staged ? input.root : input.prefix, python.info.executable),
    processes: options.compileProcesses ?? systemFacts().cores,
    env: options.env,
    signal: context.signal,
  });
}

function linkOne(item: StagePackage, input: StageInput, context: StageContext): Promise<LinkedPackage> {
  const { options } = input;
  // Paths that come back are told of when they are there: the package was linked all the time.
  if (!item.only) context.events({ type: "link", id: item.record.fn, state: "start", action: "link" });
  const { record } = item;
  const task = {
    record,
    requestedSpecs: item.requestedSpecs,
    root: input.root,
    prefix: options.relocatePrefix ?? input.prefix,
    platform: options.platform,
    python: input.python?.info,
    compilePyc: options.compilePyc,
    methods: linkMethods(options),
    checkHashes: options.extraSafetyChecks ?? false,
    skip: item.skip,
    aliases: input.aliases,
    pycCache: options.compilePyc ? pycCacheEntry(record, input.python?.record) : undefined,
    only: item.only,
  };
  return context.pool.run("link-package", task, { near: record.extracted_package_dir });
}

/** One warning for a package: its files are right, its metadata is not. */
function reportOffsets(paths: readonly string[], record: PackageCacheRecord, events: EventSink): void {
  const others = paths.length > 1 ? ` and ${paths.length - 1} more` : "";
  events({
    type: "warning",
    code: "placeholder-offsets",
    message: `the offsets in paths.json of \`${distString(record)}\` are not those of \`${paths[0]}\`${others}`,
    hint: "the placeholder was searched for instead: nothing needs to be done",
  });
}

interface CompileContext {
  input: StageInput;
  context: StageContext;
  compiler: PythonCompiler;
  progress: { done: number; total: number; failed: number };
}

/** Compiles what one package needs, forgets what Python refused, and keeps the rest for other environments. */
async function compilePackage(
  item: StagePackage,
  linked: LinkedPackage,
  { input, context, compiler, progress }: CompileContext,
): Promise<void> {
  const jobs = linked.compile
    .split("\n")
    .map((line) => line.split("\0") as [source: string, target: string, kind: string]);
  progress.total += jobs.length;
  context.events({ type: "compile", state: "progress", done: progress.done, total: progress.total });
  const { root } = input;
  // The name inside is relative: the same byte code serves every prefix, and the interpreter puts the real path in when it loads it.
  const results = await compiler.compile(
    jobs.map(([source, target]) => ({
      source: `${root}/${source}`,
      target: `${root}/${target}`,
      name: source,
    })),
  );
  progress.done += jobs.length;
  context.events({ type: "compile", state: "progress", done: progress.done, total: progress.total });
  const failed = jobs.filter((_, i) => !results[i]);
  progress.failed += failed.length;
  if (failed.length > 0) forgetFiles(item.record, root, new Set(failed.map(([, target]) => target)));
  const entry = pycCacheEntry(item.record, input.python?.record);
  if (!entry || linked.cachedPyc > 0 || input.aliases.length > 0 || failed.length === jobs.length) return;
  const compiled = jobs.filter(([, , kind], i) => results[i] && kind !== "patched");
  await context.pool.run("store-pyc", {
    pycCache: entry,
    directory: item.record.extracted_package_dir,
    root,
    compiled: compiled.map(([source, target]) => `${source}\0${target}`).join("\n"),
    failed: failed.filter(([, , kind]) => kind !== "patched").map(([source]) => source),
  });
}

/** Takes byte code that does not exist out of the record that was just written. */
function forgetFiles(record: PackageCacheRecord, root: string, gone: ReadonlySet<string>): void {
  replaceText(`${root}/conda-meta/${prefixRecordFile(record)}`, (text) => {
    const installed = JSON.parse(text) as PrefixRecord;
    installed.files = installed.files.filter((file) => !gone.has(file));
    installed.paths_data.paths = installed.paths_data.paths.filter((entry) => !gone.has(entry._path));
    return formatPrefixRecord(installed);
  });
}

function reportCompiled(progress: CompileContext["progress"], input: StageInput, events: EventSink): void {
  if (progress.total === 0) return;
  events({ type: "compile", state: "done", done: progress.done, total: progress.total });
  if (progress.failed === progress.total && input.python) {
    events({
      type: "warning",
      code: "pyc-not-compiled",
      message: `\`${input.python.info.executable}\` of \`${distString(input.python.record)}\` compiled none of ${progress.total} files`,
      hint: "Python compiles them when they are first imported",
    });
  }
}
