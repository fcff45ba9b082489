import type { PackageRecord } from "./records.ts";

/**
 * Whether a record is one of those that micromamba 2.1.1 to 2.3.2 wrote of packages named by URL: what it did not know is empty, so
 * that the package seems to depend on nothing.
 */
export function isStubRecord(record: Partial<PackageRecord>): boolean {
  return record.timestamp === 0 && record.license === "" && record.depends?.length === 0;
}

/** The record without what is empty in it, to be laid over what the package says of itself. */
export function withoutEmpty<T extends object>(record: T): Partial<T> {
  const empty = (value: unknown) =>
    value === 0 || value === "" || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(record).filter(([, value]) => !empty(value))) as Partial<T>;
}
