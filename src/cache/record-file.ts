import { join } from "node:path";
import { writeAtomic } from "../fs/files.ts";
import { splitCredentials } from "../specs/credentials.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { ArchiveFacts } from "../workers/protocol.ts";

/** What an entry says of itself (conda's `repodata_record.json`). */
export const recordPath = (directory: string): string => join(directory, "info", "repodata_record.json");

/** The record with what the archive's bytes told. */
export function withFacts(
  record: RepoDataRecord,
  facts: Pick<ArchiveFacts, "sha256" | "md5" | "size">,
): RepoDataRecord {
  return {
    ...record,
    sha256: record.sha256 ?? facts.sha256,
    md5: record.md5 ?? facts.md5,
    size: record.size ?? facts.size,
  };
}

/** Keys in conda's order matter to nobody, so sorted: equal records are equal files. Without secrets. */
export function recordText(record: RepoDataRecord): string {
  const clean: Record<string, unknown> = {
    ...record,
    url: splitCredentials(record.url).url,
    channel: splitCredentials(record.channel).url,
  };
  const sorted = Object.fromEntries(
    Object.entries(clean)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return `${JSON.stringify(sorted, undefined, 2)}\n`;
}

export async function writeRepodataRecord(directory: string, record: RepoDataRecord): Promise<void> {
  await writeAtomic(recordPath(directory), recordText(record));
}
