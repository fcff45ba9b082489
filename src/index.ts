/** taipan as a library. Everything exported here is public. */

export type { ChangeOutcome, ChangePlan } from "./commands/change.ts";
export type { CommandContext } from "./commands/context.ts";
export { type CreateIntent, create } from "./commands/create.ts";
export { type ExportIntent, type ExportResult, exportEnvironment } from "./commands/export.ts";
export { type InstallIntent, install } from "./commands/install.ts";
export { createContext, type LibraryOptions, noStdin, prefixOf } from "./commands/library.ts";
export { type ListIntent, type ListResult, list } from "./commands/list.ts";
export {
  type LockedSolve,
  type LockFormatName,
  type LockIntent,
  type LockOutcome,
  lock,
} from "./commands/lock.ts";
export { type RemoveIntent, remove } from "./commands/remove.ts";
export { type RunIntent, run } from "./commands/run.ts";
export {
  type Config,
  type ConfigInput,
  type ConfigWarning,
  type Dialect,
  loadConfig,
} from "./config/config.ts";
export { configurationPage } from "./config/document.ts";
export * as condarc from "./config/edit.ts";
export { type ConfigValues, findKey, KEYS, type KeyName } from "./config/keys.ts";
export { rcFileToEdit, rcSearchPath } from "./config/rc-path.ts";
export * from "./config/show.ts";
export * from "./config/show-conda.ts";
export * from "./errors.ts";
export * from "./events.ts";
export { detectVirtualPackages } from "./host/virtual-packages.ts";
export { planTransaction, type SolvedEnvironment } from "./plan/diff.ts";
export { type EntryPoint, entryPointFiles, parseEntryPoint, pythonShebang } from "./plan/entry-points.ts";
export { prefixPathProblem } from "./plan/prefix-path.ts";
export { noarchTarget, pycPath, pythonInfo, pythonMinor, sitePackagesPath } from "./plan/python.ts";
export { type Summary, type SummaryRow, summarize } from "./plan/summary.ts";
export type * from "./plan/transaction.ts";
export { cloneEnvironment, renameEnvironment } from "./prefix/clone.ts";
export { isEnvironment } from "./prefix/environment-marks.ts";
export { type History, parseHistory, parseSpecList } from "./prefix/history.ts";
export type { LinkOptions } from "./prefix/options.ts";
export { replaceBinary, replacePrefix, replaceShebang, replaceText } from "./prefix/placeholder.ts";
export { type PrefixState, readPrefix } from "./prefix/prefix.ts";
export { recoverPrefix } from "./prefix/recover.ts";
export { removeEnvironment } from "./prefix/remove-environment.ts";
export { listRevisions, packagesAtRevision } from "./prefix/revisions.ts";
export { applyTransaction } from "./prefix/transaction.ts";
export { verifyPrefix } from "./prefix/verify.ts";
export { complete } from "./shell/completion.ts";
export { activatedEnvironment } from "./shell/environment.ts";
export { shellHook } from "./shell/hook.ts";
export { shellScript } from "./shell/script.ts";
export * from "./solve/build-request.ts";
export { checkSolution, type Violation } from "./solve/check-solution.ts";
export * from "./solve/snapshot.ts";
export { solve } from "./solve/solve.ts";
export type * from "./solve/types.ts";
export * from "./solve/why.ts";
export * from "./specs/channel.ts";
export * from "./specs/channel-config.ts";
export * from "./specs/channel-match.ts";
export * from "./specs/channel-relations.ts";
export * from "./specs/credentials.ts";
export * from "./specs/environment-file.ts";
export * from "./specs/export/index.ts";
export * from "./specs/lock/index.ts";
export * from "./specs/match-spec.ts";
export * from "./specs/match-spec-condition.ts";
export * from "./specs/names.ts";
export * from "./specs/package-index.ts";
export * from "./specs/package-url.ts";
export * from "./specs/platform.ts";
export * from "./specs/records.ts";
export * from "./specs/spec-file.ts";
export * from "./specs/string-matcher.ts";
export * from "./specs/version.ts";
export * from "./specs/version-edit.ts";
export * from "./specs/version-spec.ts";
export { createPool } from "./workers/pool.ts";
