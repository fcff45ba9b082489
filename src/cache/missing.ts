import { availableParallelism } from "node:os";
import pLimit from "p-limit";
import { ToolError } from "../errors.ts";
import { fileUrlPath } from "../net/file.ts";
import { redactUrl } from "../specs/credentials.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import type { FetchContext, FetchPackagesOptions } from "./fetch-run.ts";
import { archiveName } from "./layout.ts";
import type { CacheListing } from "./package-cache.ts";

/** Looks all records up, a few at a time, and returns those that must be fetched, largest first: the long ones must not come last. */
export async function lookupAll(
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
    archive: fileUrlPath(record.url),
    destination: undefined,
    expected: {},
    wantMd5: false,
  };
  const facts = await pool.run("extract-file", input, { signal });
  return { ...record, sha256: facts.sha256, size: facts.size };
}

/** Offline, everything that is missing is named at once, so that one trip online is enough. */
export async function refuseOffline(
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
