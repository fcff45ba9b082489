import { join } from "node:path";
import { writeAtomic } from "../fs/files.ts";
import { formatPrefixRecord, prefixRecordFile } from "../prefix/conda-meta.ts";
import { refuseFrozen } from "../prefix/frozen.ts";
import { lockPrefix } from "../prefix/lock.ts";
import type { PrefixRecord } from "../specs/records.ts";
import { isStubRecord, withoutEmpty } from "../specs/stub-record.ts";
import type { CommandContext } from "./context.ts";
import { packageCache } from "./fetch-packages.ts";

/** A record of an environment that lacks what its package says. */
export interface StubRecord {
  record: PrefixRecord;
  /** With what the package in the cache says; undefined when no cache has it. */
  whole: PrefixRecord | undefined;
}

/** Records of an environment that another tool left without dependencies which their packages have, or may have. */
export async function findStubs(
  records: readonly PrefixRecord[],
  context: CommandContext,
): Promise<StubRecord[]> {
  const stubs = records.filter(isStubRecord);
  if (stubs.length === 0) return [];
  const cache = packageCache(context);
  const found: StubRecord[] = [];
  for (const record of stubs) {
    const entry = await cache.lookup(record, { learn: true, safetyChecks: "disabled" });
    if (entry?.depends.length === 0) continue;
    const { files, paths_data, link } = record;
    found.push({
      record,
      whole: entry && { ...entry, ...withoutEmpty(record), depends: entry.depends, files, paths_data, link },
    });
  }
  return found;
}

/** Writes the whole records to conda-meta; the files of the packages are as they were. */
export async function mendStubs(
  prefix: string,
  stubs: readonly StubRecord[],
  { config, signal }: CommandContext,
): Promise<void> {
  await refuseFrozen(prefix, !config.protectFrozenEnvs);
  const lock = await lockPrefix(prefix, { timeout: config.lockTimeout, signal });
  try {
    for (const { whole } of stubs) {
      if (!whole) continue;
      await writeAtomic(join(prefix, "conda-meta", prefixRecordFile(whole)), formatPrefixRecord(whole), {
        durable: true,
      });
    }
  } finally {
    lock.release();
  }
}
