import type { PackageRecord, RepoDataRecord } from "../specs/records.ts";
import type { OperationKind, Transaction } from "./transaction.ts";

export interface SummaryRow {
  kind: OperationKind;
  name: string;
  version: string;
  build: string;
  channel: string;
  subdir: string;
  /** Bytes of the archive, where the record says. */
  size?: number | undefined;
  /** What is there before, for all kinds but `install`. */
  oldVersion?: string | undefined;
  oldBuild?: string | undefined;
  requested: boolean;
}

export interface Summary {
  rows: SummaryRow[];
  counts: Record<OperationKind, number>;
  unchanged: number;
  /** Sum of archive sizes of everything to link; the cache may already have some. */
  bytes: number;
}

const ORDER: Record<OperationKind, number> = {
  remove: 0,
  install: 1,
  upgrade: 2,
  downgrade: 3,
  change: 4,
  reinstall: 5,
};

/** Rows for the transaction table, by kind and name, and totals. */
export function summarize(transaction: Transaction): Summary {
  const counts: Summary["counts"] = {
    install: 0,
    remove: 0,
    upgrade: 0,
    downgrade: 0,
    change: 0,
    reinstall: 0,
  };
  let bytes = 0;
  const rows = transaction.operations.map((operation): SummaryRow => {
    counts[operation.kind]++;
    const record = (operation.new ?? operation.old) as PackageRecord & Partial<RepoDataRecord>;
    if (operation.new) bytes += operation.new.size ?? 0;
    return {
      kind: operation.kind,
      name: record.name,
      version: record.version,
      build: record.build,
      channel: record.channel ?? "",
      subdir: record.subdir,
      size: record.size,
      oldVersion: operation.old?.version,
      oldBuild: operation.old?.build,
      requested: operation.requestedSpecs.length > 0,
    };
  });
  rows.sort((a, b) => ORDER[a.kind] - ORDER[b.kind] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { rows, counts, unchanged: transaction.unchanged.length, bytes };
}
