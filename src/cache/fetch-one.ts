import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { fileUrlPath } from "../net/file.ts";
import { splitCredentials } from "../specs/credentials.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import type { ExtractInput } from "../workers/protocol.ts";
import { checkContents, completeRecord, type Fetched } from "./complete.ts";
import { download, type Target } from "./download.ts";
import type { Run } from "./fetch-run.ts";
import { archiveName } from "./layout.ts";
import { archivePath } from "./partial.ts";
import { publish } from "./publish.ts";

/** Gets one package, from an archive that is at hand or from its channel, verifies and publishes it. */
export async function fetchOne(record: RepoDataRecord, run: Run): Promise<PackageCacheRecord> {
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

type Input = Omit<ExtractInput, "destination">;

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
    const archive = fileUrlPath(local);
    const facts = await context.pool
      .run("extract-file", { ...input, archive, destination: extracted }, { signal: context.signal })
      .catch((error: unknown) => {
        throw isMissingFile(error) ? missingArchive(archive, error) : error;
      });
    return { facts, extracted, archive: undefined };
  }
  const newTarget = (): Target => {
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
