/** The worker's part of the byte code cache: taking compiled files from it and putting new ones there (see pyc-cache.ts). */
import { dirname, join } from "node:path";
import { fileIdentity, Linker, linkAll, moveIntoPlace } from "../fs/link.ts";
import { tryReadSync } from "../fs/sync-files.ts";
import { makeDirectory } from "../fs/tree.ts";
import type { PycFile } from "../plan/link-plan.ts";
import type { LinkPackageInput, StorePycInput } from "../workers/link-tasks.ts";
import { type PycManifest, parsePycManifest } from "./pyc-cache.ts";

interface PycContext {
  linker: Linker;
  input: LinkPackageInput;
  /** Where a target is: through directories that are symlinks. */
  at: (target: string) => string;
  /** Sources with the prefix in them: their byte code is this environment's alone. */
  patchedSources: ReadonlySet<string>;
}

/** Links what the cache has and makes the directories for the rest. */
export function linkCachedPyc(
  wanted: readonly PycFile[],
  context: PycContext,
): { linked: PycFile[]; compile: PycFile[] } {
  const { linker, input, at, patchedSources } = context;
  for (const file of wanted) linker.directory(dirname(at(file.target)));
  const entry = input.pycCache;
  const manifest = entry ? readManifest(entry, input.record.extracted_package_dir) : undefined;
  if (!entry || !manifest) return { linked: [], compile: [...wanted] };
  const index = new Map(manifest.sources.map((source, i) => [source, i]));
  const failed = new Set(manifest.failed);
  const hits = wanted.filter((file) => index.has(file.source) && !patchedSources.has(file.source));
  const missing = new Set(
    linkAll(
      hits.map((file) => [`${entry}/${index.get(file.source)}.pyc`, at(file.target)] as const),
      linker,
    ),
  );
  const linked = hits.filter((file) => !missing.has(at(file.target)));
  const done = new Set(linked.map((file) => file.source));
  return { linked, compile: wanted.filter((file) => !done.has(file.source) && !failed.has(file.source)) };
}

function readManifest(entry: string, directory: string): PycManifest | undefined {
  return parsePycManifest(tryReadSync(`${entry}.json`), fileIdentity(join(directory, "info/index.json")));
}

/** Keeps freshly compiled byte code for later environments. False when the cache cannot be written: nothing is lost but time. */
export function storePycTask(input: StorePycInput): boolean {
  const extraction = fileIdentity(join(input.directory, "info/index.json"));
  if (!extraction) return false;
  const staged = `${input.pycCache}.${process.pid}-${Math.trunc(performance.now() * 1000)}`;
  try {
    makeDirectory(staged);
    const pairs =
      input.compiled === ""
        ? []
        : input.compiled.split("\n").map((line) => line.split("\0") as [string, string]);
    const linker = new Linker(staged, ["hardlink"]);
    linkAll(
      pairs.map(([, target], i) => [`${input.root}/${target}`, `${staged}/${i}.pyc`] as const),
      linker,
    );
    const manifest: PycManifest = {
      version: 1,
      extraction,
      sources: pairs.map(([source]) => source),
      failed: [...input.failed],
    };
    return moveIntoPlace(staged, input.pycCache, JSON.stringify(manifest));
  } catch {
    return false;
  }
}
