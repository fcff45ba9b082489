import { join } from "node:path";
import { readText } from "../fs/files.ts";
import { writeNew } from "../fs/link.ts";
import { makeDirectory } from "../fs/tree.ts";
import { requestedSpecsOf } from "../plan/diff.ts";
import { oldRecords } from "../plan/transaction.ts";
import { formatPrefixRecord, prefixRecordFile } from "./conda-meta.ts";
import { formatRevision } from "./history.ts";
import type { PlannedOperation, TransactionRequest } from "./transaction.ts";

/** Writes what conda-meta gets besides the linked packages' records: history with one more block, and changed requests. */
export async function writeStagedMeta(
  request: TransactionRequest,
  planned: readonly PlannedOperation[],
  root: string,
): Promise<void> {
  const { prefix, transaction } = request;
  const meta = join(root, "conda-meta");
  makeDirectory(meta);
  const before = (await readText(join(prefix, "conda-meta", "history"))) ?? "";
  const separator = before === "" || before.endsWith("\n") ? "" : "\n";
  const revision = formatRevision({
    date: new Date(),
    command: request.command,
    urls: request.options.historyUrls,
    linked: planned.map((item) => item.record),
    unlinked: oldRecords(transaction),
    updateSpecs: request.updateSpecs ?? newRequests(request),
    removeSpecs: request.removeSpecs ?? removedRequests(request),
  });
  writeNew(join(meta, "history"), `${before}${separator}${revision}`, 0o644);
  for (const record of transaction.unchanged) {
    const specs = transaction.newlyRequested.get(record.name);
    if (!specs) continue;
    const changed = { ...record, requested_spec: specs[0] ?? "", requested_specs: [...specs] };
    writeNew(join(meta, prefixRecordFile(record)), formatPrefixRecord(changed), 0o644);
  }
}

/** Specs that this transaction brings in: those that the installed record did not have yet. */
function newRequests({ transaction }: TransactionRequest): string[] {
  const specs: string[] = [];
  for (const operation of transaction.operations) {
    if (!operation.new) continue;
    const known = operation.old ? requestedSpecsOf(operation.old) : [];
    if (operation.requestedSpecs.join("\n") !== known.join("\n") || operation.kind === "install")
      specs.push(...operation.requestedSpecs);
  }
  for (const list of transaction.newlyRequested.values()) specs.push(...list);
  return specs;
}

function removedRequests({ transaction }: TransactionRequest): string[] {
  return transaction.operations.flatMap((operation) => {
    if (operation.kind !== "remove" || !operation.old) return [];
    return requestedSpecsOf(operation.old).length > 0 ? [operation.old.name] : [];
  });
}
