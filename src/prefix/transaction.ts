import { join } from "node:path";
import { interruption, ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { entriesOf, kindAt, makeDirectory, removeAll } from "../fs/tree.ts";
import { pythonInfo } from "../plan/python.ts";
import { type Operation, oldRecords, type Transaction } from "../plan/transaction.ts";
import { checkBuildString, checkPackageName, checkVersionString } from "../specs/names.ts";
import { distString, type PackageCacheRecord, type PrefixRecord } from "../specs/records.ts";
import type { PlannedPackage } from "../workers/link-tasks.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import { type CommitInput, commitFresh, commitInPlace } from "./commit.ts";
import { prefixRecordFile } from "./conda-meta.ts";
import { type ConflictPlan, checkConflicts, planConflicts, tellRestored } from "./conflicts.ts";
import { registerEnvironment } from "./environments-txt.ts";
import { refuseFrozen } from "./frozen.ts";
import { discard, isUnfinished, stagedDirectory } from "./journal.ts";
import type { PrefixLock } from "./lock.ts";
import { createMenus, type MenuInput, plannedMenuRemovals, removeMenus } from "./menus.ts";
import type { LinkOptions } from "./options.ts";
import { type PrefixState, recordFiles } from "./prefix.ts";
import { preflight } from "./preflight.ts";
import { lockAndRecover, stageOf } from "./recover.ts";
import { writeStagedMeta } from "./staged-meta.ts";
import { type StagePackage, stagePackages } from "./staging.ts";

export interface TransactionRequest {
  prefix: string;
  transaction: Transaction;
  /** Extracted packages by name: one for every operation that links. */
  packages: ReadonlyMap<string, PackageCacheRecord>;
  options: LinkOptions;
  /** The command line, for conda-meta/history. */
  command: readonly string[];
  /** What the plan was made from. */
  state?: PrefixState | undefined;
  /** Files of no package that make room: relative to the prefix, put aside under the journal as those of packages are. */
  replaced?: readonly string[] | undefined;
  /** For history; derived from the transaction where absent. */
  updateSpecs?: readonly string[] | undefined;
  removeSpecs?: readonly string[] | undefined;
}

export interface TransactionContext {
  pool: WorkerPool;
  events: EventSink;
  signal?: AbortSignal | undefined;
}

export interface TransactionResult {
  linked: PackageCacheRecord[];
  unlinked: PrefixRecord[];
  /** Menu documents that came, relative to the prefix. */
  menus: string[];
}

/** A package to be linked and what is known of its paths. */
export interface PlannedOperation {
  operation: Operation;
  record: PackageCacheRecord;
  dist: string;
  plan: PlannedPackage;
  paths: string[];
}

/**
 * Takes a prefix to the state that the transaction describes, or leaves it as it was. Everything is staged beside the prefix first;
 * the change itself is a few renames under a journal. See docs/transactions.md.
 */
export async function applyTransaction(
  request: TransactionRequest,
  context: TransactionContext,
): Promise<TransactionResult> {
  const { prefix, options } = request;
  for (const operation of request.transaction.operations) checkNames(operation);
  const { lock, recovery } = await lockAndRecover(prefix, {
    timeout: options.lockTimeout,
    signal: context.signal,
    events: context.events,
    onWait: (holder) =>
      context.events({ type: "note", message: `waiting for ${holder}, which changes \`${prefix}\`` }),
  });
  try {
    if (recovery === "rolled-back") {
      context.events({
        type: "warning",
        code: "recovered",
        message: `an unfinished transaction in \`${prefix}\` was rolled back`,
      });
    }
    await refuseFrozen(prefix, options.overrideFrozen ?? false);
    checkUnchanged(request);
    const menus: MenuInput = { prefix, options, events: context.events, python: request.transaction.python };
    const oldMenus = await plannedMenuRemovals(oldRecords(request.transaction), menus);
    const result = await change(request, context, lock);
    await removeMenus(oldMenus, menus);
    await createMenus(result.menus, menus);
    if (options.environmentsTxt) await registerEnvironment(options.environmentsTxt, prefix);
    return result;
  } finally {
    lock.release();
  }
}

/** Names become file names: CEP 26 is checked here once more, whatever the records came through (GHSA-h672-p7h7-97v9). */
function checkNames(operation: Operation): void {
  for (const record of [operation.old, operation.new]) {
    if (!record) continue;
    if (record === operation.new) {
      checkPackageName(record.name);
      checkVersionString(record.version);
      checkBuildString(record.build);
    } else if (/[/\\\0]/.test(distString(record))) {
      throw new ToolError(
        "environment-corrupt",
        `the record of \`${distString(record)}\` has an impossible name`,
      );
    }
  }
}

/** Another process may have changed the prefix between planning and locking: what is there must be what the plan was made from. */
function checkUnchanged({ transaction, prefix }: TransactionRequest): void {
  const planned = new Set([...oldRecords(transaction), ...transaction.unchanged].map(prefixRecordFile));
  const found = new Set(recordFiles([...(entriesOf(join(prefix, "conda-meta"))?.keys() ?? [])]));
  const [gone] = [...planned].filter((name) => !found.has(name));
  const [come] = [...found].filter((name) => !planned.has(name));
  const other = gone ?? come;
  if (other === undefined) return;
  throw new ToolError(
    "environment-changed",
    `another program has ${gone === undefined ? "installed" : "removed"} \`${other.slice(0, -".json".length)}\` in \`${prefix}\` meanwhile`,
  );
}

async function change(
  request: TransactionRequest,
  context: TransactionContext,
  lock: PrefixLock,
): Promise<TransactionResult> {
  const { prefix, transaction, options } = request;
  const fresh = kindAt(prefix) === undefined;
  const planned = await planAll(request, context);
  refuseScripts(planned, options);
  const conflicts = planConflicts({ prefix, planned, transaction, replaced: request.replaced });
  checkConflicts(conflicts, options, context.events);
  preflight({ prefix, fresh, planned, options });
  const root = fresh ? stageOf(prefix) : stagedDirectory(prefix);
  const input: CommitInput = { request, context, planned, conflicts, root, lock };
  try {
    makeDirectory(root);
    await stagePackages(stageInput(request, planned, conflicts, root), context);
    await writeStagedMeta(request, planned, root);
    if (context.signal?.aborted) throw interruption(context.signal);
    if (fresh) await commitFresh(input);
    else await commitInPlace(input);
  } catch (error) {
    dropStaged(prefix, fresh, root);
    throw error;
  }
  tellRestored(conflicts, context.events);
  return {
    linked: planned.map((item) => item.record),
    unlinked: oldRecords(transaction),
    menus: planned.flatMap((item) => item.plan.menus),
  };
}

/** Removes what was staged, unless the prefix itself is half changed: then everything is still needed. */
function dropStaged(prefix: string, fresh: boolean, root: string): void {
  try {
    if (fresh) removeAll(root);
    else if (kindAt(prefix) !== undefined && !isUnfinished(prefix)) discard(prefix, false);
  } catch {
    // The error that led here is the one to tell; the next command tidies up.
  }
}

async function planAll(
  request: TransactionRequest,
  context: TransactionContext,
): Promise<PlannedOperation[]> {
  const { transaction, options, prefix } = request;
  const linking = transaction.operations.filter((operation) => operation.new);
  return Promise.all(
    linking.map(async (operation) => {
      const record = request.packages.get(operation.new!.name);
      if (!record) throw new ToolError("internal", `\`${distString(operation.new!)}\` was not fetched`);
      const dist = distString(record);
      if (record.noarch === "python" && !transaction.python) {
        throw new ToolError("unsatisfiable", `\`${dist}\` needs python, but the environment has none`, {
          hint: "add python to the request",
        });
      }
      const directory = record.extracted_package_dir;
      const plan = await context.pool.run(
        "plan-package",
        {
          directory,
          owner: dist,
          platform: options.platform,
          prefix: options.relocatePrefix ?? prefix,
          python: transaction.python,
          compilePyc: options.compilePyc,
        },
        { near: directory },
      );
      return { operation, record, dist, plan, paths: plan.paths === "" ? [] : plan.paths.split("\n") };
    }),
  );
}

function refuseScripts(planned: readonly PlannedOperation[], options: LinkOptions): void {
  if (options.linkScripts !== "fail") return;
  const first = planned.find(
    ({ plan }) => plan.scripts.preLink ?? plan.scripts.postLink ?? plan.scripts.preUnlink,
  );
  if (!first) return;
  throw new ToolError("script-failed", `\`${first.dist}\` has link scripts, which are forbidden here`, {
    hint: "--link-scripts run allows them, --link-scripts skip installs without running them",
    details: { scripts: first.plan.scripts },
  });
}

function stageInput(
  request: TransactionRequest,
  planned: readonly PlannedOperation[],
  conflicts: ConflictPlan,
  root: string,
) {
  const { transaction, prefix, options } = request;
  const packages: StagePackage[] = planned.map(({ record, operation, dist, plan }) => ({
    record,
    requestedSpecs: operation.requestedSpecs,
    skip: conflicts.skip.get(dist) ?? [],
    weight: plan.fileCount + plan.patchedBytes / 20_000,
  }));
  for (const { record, paths } of conflicts.restore)
    packages.push({ record, requestedSpecs: [], skip: [], only: paths, weight: paths.length });
  const linkedPython = planned.find(({ record }) => record.name === "python")?.record;
  const keptPython = transaction.unchanged.find((record) => record.name === "python");
  const record = linkedPython ?? keptPython;
  const info = transaction.python ?? (record ? pythonInfo(record, options.platform) : undefined);
  const python = record && info ? { info, record, staged: linkedPython !== undefined } : undefined;
  return { root, prefix, packages, aliases: conflicts.aliases, options, python };
}
