import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { interruption, ToolError } from "../errors.ts";
import { appendText } from "../fs/cache-files.ts";
import { removeTree } from "../fs/files.ts";
import { checkRecordNames } from "../specs/names.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import { Claims } from "./claims.ts";
import { fetchOne } from "./fetch-one.ts";
import type { FetchContext, FetchPackagesOptions, Run } from "./fetch-run.ts";
import { archiveName } from "./layout.ts";
import { lookupAll, refuseOffline } from "./missing.ts";
import { adoptPartials } from "./partial.ts";
import { createTemporary } from "./temporary.ts";

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
  const pkgs = await context.cache.writable(missing);
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
  // A file that somebody has open keeps its directory on NFS: the packages are there all the same, and the next run removes it.
  await removeTree(run.scratch).catch(() => {});
  return results;
}

/** conda's list of where packages came from; whatever keeps it from being written, the packages are there. */
async function tellUrls({ pkgs, published }: Run): Promise<void> {
  if (published.length > 0)
    await appendText(join(pkgs, "urls.txt"), `${published.join("\n")}\n`).catch(() => {});
}

function checkRecord(record: RepoDataRecord, options: FetchPackagesOptions): void {
  archiveName(record.fn);
  if (!options.learn?.has(record.url)) checkRecordNames(record);
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
