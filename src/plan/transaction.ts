import type { PrefixRecord, RepoDataRecord } from "../specs/records.ts";

export type OperationKind = "install" | "remove" | "upgrade" | "downgrade" | "change" | "reinstall";

/** One package's step. `remove` has only `old`, `install` only `new`, all others both. */
export interface Operation {
  kind: OperationKind;
  old?: PrefixRecord;
  new?: RepoDataRecord;
  /** Specs the user gave for it, to be written to conda-meta. */
  requestedSpecs: readonly string[];
}

/** The python that noarch: python packages are linked for: the one in the prefix after the transaction. */
export interface PythonInfo {
  /** Full version, `3.11.7`. */
  version: string;
  /** `3.11`. */
  minor: string;
  /** Relative to the prefix, with forward slashes: `lib/python3.11/site-packages` (CEP 17 path when the record has one). */
  sitePackages: string;
  /** Relative to the prefix: `bin/python3.11`, `python.exe`. */
  executable: string;
}

/** What will change, in the order in which it is to be linked; removals are unlinked in the reverse order, first. */
export interface Transaction {
  operations: readonly Operation[];
  unchanged: readonly PrefixRecord[];
  /** Unchanged packages whose requested_specs must be rewritten, by name. */
  newlyRequested: ReadonlyMap<string, readonly string[]>;
  python?: PythonInfo | undefined;
}

/** Installed packages that go or are replaced, in the order of the operations. */
export function oldRecords({ operations }: Pick<Transaction, "operations">): PrefixRecord[] {
  return operations.flatMap((operation) => (operation.old ? [operation.old] : []));
}
