import { readInfo } from "../archive/info.ts";
import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { checkRecordNames } from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { ArchiveFacts, WorkerPool } from "../workers/protocol.ts";
import type { CacheOptions } from "./package-cache.ts";
import { withFacts, writeRepodataRecord } from "./record-file.ts";

export interface Fetched {
  facts: ArchiveFacts;
  extracted: string;
  /** New archive to be kept in the cache directory. */
  archive: string | undefined;
}

/**
 * The archive is the one that the channel promises; whether its files are those that its own paths.json lists is another
 * question (conda's safety_checks). It costs a stat a file, so `warn` alone leaves it to the linker, which reads them anyway.
 */
export async function checkContents(
  fn: string,
  directory: string,
  options: Partial<CacheOptions>,
  context: { pool: WorkerPool; events: EventSink; signal: AbortSignal },
): Promise<void> {
  const { safetyChecks = "warn", extraSafetyChecks = false } = options;
  if (safetyChecks === "disabled" || (safetyChecks === "warn" && !extraSafetyChecks)) return;
  const { pool, events, signal } = context;
  const difference = await pool.run("check-package", { directory, hashes: extraSafetyChecks }, { signal });
  if (difference === undefined) return;
  const message = `\`${fn}\` does not hold what its own paths.json lists: ${difference}`;
  if (safetyChecks === "enabled") {
    throw new ToolError("archive-invalid", message, {
      hint: "the package was built badly; `safety_checks: warn` installs it all the same",
    });
  }
  events({ type: "warning", code: "package-contents", message });
}

/** Adds what the bytes told, as the worker has written it; for explicit URLs everything that info/index.json says. */
export async function completeRecord(
  record: RepoDataRecord,
  { facts, extracted }: Fetched,
  learn: boolean,
): Promise<RepoDataRecord> {
  const known = withFacts(record, facts);
  if (!learn) return known;
  const { index } = await readInfo(extracted);
  const { sha256, md5, size, fn, url, channel } = known;
  const full = { ...index, sha256, md5, size, fn, url, channel };
  checkRecordNames(full);
  await writeRepodataRecord(extracted, full);
  return full;
}
