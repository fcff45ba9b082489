import { setMaxListeners } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pLimit from "p-limit";
import { interruption, ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { appendText } from "../fs/cache-files.ts";
import { removeTree } from "../fs/files.ts";
import type { HttpClient } from "../net/http.ts";
import { redactUrl, splitCredentials } from "../specs/credentials.ts";
import { checkRecordNames } from "../specs/names.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import type { ExtractInput, WorkerPool } from "../workers/protocol.ts";
import { Claims } from "./claims.ts";
import { checkContents, completeRecord, type Fetched } from "./complete.ts";
import { download } from "./download.ts";
import { type ArchiveKind, archiveName } from "./layout.ts";
import type { CacheListing, CacheOptions, PackageCache } from "./package-cache.ts";
import { adoptPartials, archivePath, type Partials } from "./partial.ts";
import { publish } from "./publish.ts";
import { createTemporary } from "./temporary.ts";

export interface FetchPackagesOptions extends Partial<CacheOptions> {
  /** Downloads at once (`download_threads`); default 5. */
  downloadThreads?: number | undefined;
  /** Keep archives beside the extracted packages, as conda does; default true. */
  keepArchives?: boolean | undefined;
  /** URLs whose records hold no more than the URL and hashes (`recordFromUrl`): completed from the package itself. */
  learn?: ReadonlySet<string> | undefined;
}

export interface FetchContext {
  http: HttpClient;
  pool: WorkerPool;
  cache: PackageCache;
  events: EventSink;
  signal?: AbortSignal | undefined;
}

/**
 * Makes every package available, extracted and verified, and returns its cache entry by URL. All or one ToolError: the first
 * failure stops the others, and nothing half-done stays behind.
 */
export async function fetchPackages(
  records: readonly RepoDataRecord[],
  options: FetchPackagesOptions,
  context: FetchContext,
): Promise<Map<string, PackageCacheRecord>> {
  const results = new Map<string, PackageCacheRecord>();
  const unique = [...new Map(records.map((record) => [record.url, record])).values()];
  for (const record of unique) checkRecord(record, options);
  const present = await context.cache.listing();
  const missing = await lookupAll(unique, { ...options, present }, context, results);
  if (missing.length === 0) return results;
  await refuseOffline(missing, context);

  const stop = new AbortController();
  // One listener for each task at work: Node would warn of a leak from the eleventh on.
  setMaxListeners(0, stop.signal);
  const onAbort = (): void => stop.abort(context.signal?.reason);
  if (context.signal?.aborted) onAbort();
  context.signal?.addEventListener("abort", onAbort, { once: true });
  const pkgs = await context.cache.writable();
  const scratch = await createTemporary(pkgs);
  const run: Run = {
    pkgs,
    scratch,
    partials: await adoptPartials(pkgs, scratch),
    claims: new Claims(pkgs, scratch),
    next: 0,
    present,
    published: [],
    options,
    context: { ...context, signal: stop.signal },
  };
  try {
    await context.cache.sweep();
    await fetchAll(missing, run, stop, results);
  } catch (error) {
    // What failed first is what the user must hear of; leftovers are removed by the next run.
    await removeTree(run.scratch).catch(() => {});
    throw error;
  } finally {
    context.signal?.removeEventListener("abort", onAbort);
    await tellUrls(run);
  }
  await removeTree(run.scratch);
  return results;
}

/** conda's list of where packages came from; whatever keeps it from being written, the packages are there. */
async function tellUrls({ pkgs, published }: Run): Promise<void> {
  if (published.length > 0)
    await appendText(join(pkgs, "urls.txt"), `${published.join("\n")}\n`).catch(() => {});
}

interface Run {
  pkgs: string;
  scratch: string;
  next: number;
  /** What earlier runs had begun to download. */
  partials: Partials;
  claims: Claims;
  /** What the cache held when the run began. */
  present: CacheListing;
  /** URLs of new packages, for urls.txt. */
  published: string[];
  options: FetchPackagesOptions;
  context: FetchContext & { signal: AbortSignal };
}

function checkRecord(record: RepoDataRecord, options: FetchPackagesOptions): void {
  archiveName(record.fn);
  if (!options.learn?.has(record.url)) checkRecordNames(record);
}

/** Looks all records up, a few at a time, and returns those that must be fetched, largest first: the long ones must not come last. */
async function lookupAll(
  records: readonly RepoDataRecord[],
  options: FetchPackagesOptions & { present: CacheListing },
  context: FetchContext,
  results: Map<string, PackageCacheRecord>,
): Promise<RepoDataRecord[]> {
  const { cache, events, signal } = context;
  const limit = pLimit(Math.max(4, availableParallelism()));
  const missing: RepoDataRecord[] = [];
  await Promise.all(
    records.map((record) =>
      limit(async () => {
        const learn = options.learn?.has(record.url);
        const wanted = learn ? await identifyLocal(record, context) : record;
        const found = await cache.lookup(wanted, { ...options, learn, signal });
        if (found) {
          results.set(record.url, found);
          events({ type: "fetch", id: record.fn, state: "cached" });
        } else missing.push(record);
      }),
    ),
  );
  return missing.sort((a, b) => (b.size ?? 0) - (a.size ?? 0) || (a.fn < b.fn ? -1 : 1));
}

/** A local archive without a hash may have been built anew under its old name: its bytes say which entry is its own. */
async function identifyLocal(
  record: RepoDataRecord,
  { pool, signal }: FetchContext,
): Promise<RepoDataRecord> {
  if (!record.url.startsWith("file:") || record.sha256 !== undefined || record.md5 !== undefined)
    return record;
  const { kind } = archiveName(record.fn);
  const input = {
    fn: record.fn,
    kind,
    archive: localPath(record.url),
    destination: undefined,
    expected: {},
    wantMd5: false,
  };
  const facts = await pool.run("extract-file", input, { signal });
  return { ...record, sha256: facts.sha256, size: facts.size };
}

/** Offline, everything that is missing is named at once, so that one trip online is enough. */
async function refuseOffline(
  missing: readonly RepoDataRecord[],
  { http, cache }: FetchContext,
): Promise<void> {
  if (!http.offline) return;
  const unreachable: RepoDataRecord[] = [];
  for (const record of missing) {
    const local = http.mirrorsOf(record.url).some((url) => url.startsWith("file:"));
    if (!local && (await cache.findArchives(record)).length === 0) unreachable.push(record);
  }
  if (unreachable.length === 0) return;
  const urls = unreachable.map((record) => redactUrl(record.url));
  const shown = urls.map((url) => `\n  ${url}`).join("");
  throw new ToolError(
    "offline-missing",
    `${urls.length} ${urls.length === 1 ? "package is" : "packages are"} not in the package cache, and taipan is offline:${shown}`,
    {
      hint: "run the command once with `--download-only` while online",
      details: { urls },
    },
  );
}

async function fetchAll(
  missing: readonly RepoDataRecord[],
  run: Run,
  stop: AbortController,
  results: Map<string, PackageCacheRecord>,
): Promise<void> {
  const { events } = run.context;
  events({
    type: "totals",
    phase: "fetch",
    items: missing.length,
    bytes: missing.reduce((sum, record) => sum + (record.size ?? 0), 0),
  });
  const lanes = Math.max(1, run.options.downloadThreads ?? 5);
  const queue = [...missing];
  // What another process downloads now comes last: by then it is there.
  const elsewhere: RepoDataRecord[] = [];
  let failure: unknown;
  const runLane = async (_: unknown, lane: number): Promise<void> => {
    // One lane works from the small end: a tiny file is all latency, which the others' bytes hide as long as there are any.
    const fromSmallEnd = lanes > 2 && lane === 0;
    while (!stop.signal.aborted) {
      const record = (fromSmallEnd ? queue.pop() : queue.shift()) ?? elsewhere[0];
      if (!record) return;
      try {
        if (record === elsewhere[0]) await run.claims.wait(elsewhere.shift()!.sha256, stop.signal);
        else if (!(await run.claims.take(record.sha256))) {
          elsewhere.push(record);
          continue;
        }
        results.set(record.url, (await foundMeanwhile(record, run)) ?? (await fetchOne(record, run)));
        await run.claims.release(record.sha256);
      } catch (error) {
        failure ??= error;
        stop.abort(new ToolError("interrupted", "another package failed"));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, queue.length) }, runLane));
  if (run.context.signal.aborted) throw failure ?? interruption(run.context.signal);
}

/** The entry of a package that another process published since this one looked. */
async function foundMeanwhile(record: RepoDataRecord, run: Run): Promise<PackageCacheRecord | undefined> {
  if (!run.claims.company) return undefined;
  const { cache, events, signal } = run.context;
  const learn = run.options.learn?.has(record.url);
  const found = await cache.lookup(record, { ...run.options, learn, signal });
  if (found) events({ type: "fetch", id: record.fn, state: "cached" });
  return found;
}

async function fetchOne(record: RepoDataRecord, run: Run): Promise<PackageCacheRecord> {
  const { events } = run.context;
  const learn = run.options.learn?.has(record.url) === true;
  const { kind } = archiveName(record.fn);
  const input = {
    fn: record.fn,
    kind,
    expected: { sha256: record.sha256, md5: record.md5, size: record.size, asked: learn },
    wantMd5: learn,
    record: learn ? undefined : record,
  };
  events({
    type: "fetch",
    id: record.fn,
    state: "start",
    ...(record.size === undefined ? {} : { total: record.size }),
  });
  events({ type: "extract", id: record.fn, state: "start" });
  const fetched = (await fromArchives(record, input, run)) ?? (await fromUrl(record, input, run));
  events({ type: "fetch", id: record.fn, state: "done", bytes: fetched.facts.size });
  const full = await completeRecord(record, fetched, learn);
  await checkContents(record.fn, fetched.extracted, run.options, run.context);
  const published = await publish(run.context.cache, run.pkgs, {
    record: full,
    extracted: fetched.extracted,
    archive: fetched.archive,
    learn,
  });
  run.published.push(splitCredentials(record.url).url);
  events({ type: "extract", id: record.fn, state: "done" });
  return published;
}

type Input = Omit<ExtractInput, "destination"> & { kind: ArchiveKind };

/** Extracts an archive that a cache directory already has (`clean --packages`, an interrupted run), when its hash is right. */
async function fromArchives(record: RepoDataRecord, input: Input, run: Run): Promise<Fetched | undefined> {
  for (const archive of await run.context.cache.findArchives(record, run.present)) {
    const extracted = nextPath(run);
    try {
      const facts = await run.context.pool.run(
        "extract-file",
        { ...input, archive, destination: extracted },
        { signal: run.context.signal },
      );
      return { facts, extracted, archive: undefined };
    } catch (error) {
      if (
        run.context.signal.aborted ||
        !(error instanceof ToolError) ||
        !["checksum-mismatch", "archive-invalid", "io-error", "permission-denied"].includes(error.code)
      )
        throw error;
    }
  }
  return undefined;
}

async function fromUrl(record: RepoDataRecord, input: Input, run: Run): Promise<Fetched> {
  const { context } = run;
  const local = context.http.mirrorsOf(record.url).find((url) => url.startsWith("file:"));
  if (local !== undefined) {
    // No copy into the cache: the archive is on this machine, or on a mounted disk that is read once either way.
    const extracted = nextPath(run);
    const archive = localPath(local);
    const facts = await context.pool
      .run("extract-file", { ...input, archive, destination: extracted }, { signal: context.signal })
      .catch((error: unknown) => {
        throw isMissingFile(error) ? missingArchive(archive, error) : error;
      });
    return { facts, extracted, archive: undefined };
  }
  const newTarget = async (): Promise<{ destination: string; archive: string | undefined }> => {
    const path = nextPath(run);
    const archive = run.options.keepArchives === false ? undefined : archivePath(path, record.sha256);
    return { destination: path, archive };
  };
  const partial = run.partials.get(record.sha256?.toLowerCase() ?? "");
  const { facts, target } = await download(record, { ...input, partial }, newTarget, context);
  return { facts, extracted: target.destination, archive: target.archive };
}

function nextPath(run: Run): string {
  run.next += 1;
  return join(run.scratch, String(run.next));
}

function isMissingFile(error: unknown): boolean {
  return error instanceof ToolError && error.details?.["errno"] === "ENOENT";
}

function missingArchive(path: string, cause: unknown): ToolError {
  return new ToolError("io-error", `there is no archive \`${path}\``, {
    hint: "check the path; for a package of a channel, its index is out of date (`taipan clean --index-cache`)",
    cause,
  });
}

function localPath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new ToolError("channel-invalid", `\`${url}\` is no path on this machine`);
  }
}
