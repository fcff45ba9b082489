import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { ignoresCase, nearestExisting } from "../fs/place.ts";
import { directoryInside, kindAt, linkTarget } from "../fs/tree.ts";
import { type Clobber, findClobbers } from "../plan/clobber.ts";
import { oldRecords, type Transaction } from "../plan/transaction.ts";
import { distString, type PackageCacheRecord } from "../specs/records.ts";
import { removablePaths } from "./conda-meta.ts";
import type { Removals } from "./moves.ts";
import type { LinkOptions } from "./options.ts";
import type { PlannedOperation } from "./transaction.ts";

/** Everything about paths that more than one package, or nobody, has a claim to. Found before anything is touched. */
export interface ConflictPlan {
  clobbers: Clobber[];
  /** Targets that a package does not link, because another one wins, by dist string. */
  skip: Map<string, string[]>;
  /** Directories that are symlinks, in the prefix or in what is linked: `[lib64, lib]`. */
  aliases: [from: string, to: string][];
  /** Paths of removed packages that go, and byte code that packages which stay have brought. */
  removed: Removals;
  /** Files of kept packages to be linked again, because the package that had replaced them goes (CEP 32). */
  restore: { record: PackageCacheRecord; paths: string[] }[];
}

export function planConflicts(input: {
  prefix: string;
  planned: readonly PlannedOperation[];
  transaction: Transaction;
  /** Files of nobody that go, too. */
  replaced?: readonly string[] | undefined;
}): ConflictPlan {
  const { prefix, planned, transaction, replaced = [] } = input;
  const linked = planned.map(({ dist, paths }) => ({ dist, paths }));
  const fold = nameFolding(prefix);
  const { clobbers, skip } = findClobbers(linked, transaction.unchanged, fold);
  const plan: ConflictPlan = {
    clobbers,
    skip: new Map(),
    aliases: [],
    removed: { files: [], directories: [], keptByteCode: new Set() },
    restore: [],
  };
  for (const [dist, paths] of skip) plan.skip.set(dist, [...paths]);
  resolveDirectories(prefix, planned, plan);
  planRemovals({ planned, transaction, replaced, fold: fold ?? ((path) => path) }, plan);
  return plan;
}

const lowerCase = (path: string): string => path.toLowerCase();

/** What makes paths equal that are one file where the prefix is; undefined where case counts. */
export function nameFolding(prefix: string): ((path: string) => string) | undefined {
  return ignoresCase(nearestExisting(prefix)) ? lowerCase : undefined;
}

function planRemovals(
  input: {
    planned: readonly PlannedOperation[];
    transaction: Transaction;
    replaced: readonly string[];
    fold: (path: string) => string;
  },
  plan: ConflictPlan,
): void {
  const { planned, transaction, replaced, fold } = input;
  const old = oldRecords(transaction);
  if (old.length === 0 && replaced.length === 0) return;
  const arriving = new Set(planned.flatMap((item) => item.paths.map(fold)));
  const going = new Set([...old.flatMap((record) => removablePaths(record)), ...replaced].map(fold));
  const kept = new Map<string, { owner: PackageCacheRecord; spelling: string }>();
  for (const record of transaction.unchanged)
    for (const path of record.files) {
      if (going.has(fold(path))) kept.set(fold(path), { owner: record, spelling: path });
      else if (path.endsWith(".pyc")) plan.removed.keptByteCode.add(path);
    }
  for (const path of replaced) if (!kept.has(fold(path))) plan.removed.files.push(path);
  const restore = new Map<PackageCacheRecord, string[]>();
  for (const record of old) {
    for (const path of record.files) {
      const { owner, spelling = path } = kept.get(fold(path)) ?? {};
      if (!owner) plan.removed.files.push(path);
      else if (!arriving.has(fold(path)) && kindAt(owner.extracted_package_dir) === "directory") {
        // Which of the two files is there is not recorded: the one that stays is linked again.
        plan.removed.files.push(path);
        const list = restore.get(owner);
        if (list) list.push(spelling);
        else restore.set(owner, [spelling]);
      }
    }
    for (const entry of record.paths_data.paths)
      if (entry.path_type === "directory" && !entry._path.includes(".."))
        plan.removed.directories.push(entry._path);
  }
  for (const [record, paths] of restore) plan.restore.push({ record, paths });
}

/**
 * Finds directories of the new paths that are something else: a symlink in the prefix or among the new paths themselves (followed when
 * it stays inside the prefix: some packages ship lib64 -> lib, others files in lib64), or a file of another package (which loses).
 */
function resolveDirectories(prefix: string, planned: readonly PlannedOperation[], plan: ConflictPlan): void {
  const directories = new Map<string, string>();
  for (const { dist, paths } of planned) {
    let last = "";
    for (const path of paths) {
      let at = path.lastIndexOf("/");
      const parent = at < 0 ? "" : path.slice(0, at);
      // Neighbours share their directory: most paths end here.
      if (parent === last) continue;
      last = parent;
      for (; at > 0; at = path.lastIndexOf("/", at - 1)) {
        const directory = path.slice(0, at);
        if (directories.has(directory)) break;
        directories.set(directory, dist);
      }
    }
  }
  const removed = new Set<string>();
  for (const item of planned) for (const path of item.operation.old?.files ?? []) removed.add(path);
  for (const item of planned) {
    const softlinks = new Set(item.plan.softlinks === "" ? [] : item.plan.softlinks.split("\n"));
    for (const path of item.paths) {
      if (!directories.has(path)) continue;
      if (softlinks.has(path)) addAlias(path, ownAlias(item, path), item.dist, plan);
      else lose(item, path, directories.get(path)!, plan);
    }
  }
  followSymlinks(prefix, directories, removed, plan);
}

/** Finds the directories that are symlinks in the prefix. What is below a directory that is not there is not looked for. */
function followSymlinks(
  prefix: string,
  directories: ReadonlyMap<string, string>,
  removed: ReadonlySet<string>,
  plan: ConflictPlan,
): void {
  if (kindAt(prefix) === undefined) return;
  const done = new Set<string>();
  const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
  // Parents sort before children, so that a child of an alias is never looked at itself.
  for (const directory of [...directories.keys()].sort()) {
    if (done.has(parentOf(directory))) {
      done.add(directory);
      continue;
    }
    const kind = plan.aliases.some(([from]) => from === directory)
      ? "alias"
      : kindAt(`${prefix}/${directory}`);
    if (kind !== "directory") done.add(directory);
    if (kind === "symlink" && !removed.has(directory))
      addAlias(
        directory,
        directoryInside(prefix, `${prefix}/${directory}`),
        directories.get(directory)!,
        plan,
      );
  }
}

function addAlias(from: string, to: string | undefined, dist: string, plan: ConflictPlan): void {
  if (to === undefined || to === from || to === "conda-meta" || to.startsWith("conda-meta/")) {
    throw new ToolError(
      "archive-unsafe-path",
      `\`${dist}\` would write through the symlink \`${from}\`, which leads out of the environment`,
      {
        hint: "nothing was installed; remove the symlink if it is yours",
      },
    );
  }
  plan.aliases.push([from, to]);
}

/** Where a symlink of a package leads, relative to the prefix, when that is inside of it. */
function ownAlias(item: PlannedOperation, path: string): string | undefined {
  const target = linkTarget(`${item.record.extracted_package_dir}/${path}`);
  if (target === undefined || target.startsWith("/")) return undefined;
  const parts = path.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

/** A file where another package has a directory: it cannot be there. */
function lose(item: PlannedOperation, path: string, winner: string, plan: ConflictPlan): void {
  const skip = plan.skip.get(item.dist) ?? [];
  skip.push(path);
  plan.skip.set(item.dist, skip);
  plan.clobbers.push({ path, winner, losers: [item.dist] });
}

/** Applies path_conflict: `prevent` refuses, the others say so. */
export function checkConflicts(
  plan: ConflictPlan,
  options: Pick<LinkOptions, "pathConflict">,
  events: EventSink,
): void {
  if (plan.clobbers.length === 0) return;
  const describe = (clobber: Clobber): string =>
    `\`${clobber.path}\` is in ${[...clobber.losers, clobber.winner].map((dist) => `\`${dist}\``).join(" and ")}`;
  const first = plan.clobbers[0]!;
  if (options.pathConflict === "prevent") {
    throw new ToolError(
      "clobber",
      `${plan.clobbers.length} ${plan.clobbers.length === 1 ? "path is" : "paths are"} in more than one package: ${describe(first)}`,
      {
        hint: "path_conflict is `prevent`; with `warn` the package that is linked last wins",
        details: { clobbers: plan.clobbers.slice(0, 100) },
      },
    );
  }
  if (options.pathConflict === "warn") {
    for (const clobber of plan.clobbers)
      events({
        type: "warning",
        code: "clobber",
        message: `${describe(clobber)}; the file of \`${clobber.winner}\` is used`,
      });
  } else {
    const more =
      plan.clobbers.length > 1 ? `, and ${plan.clobbers.length - 1} more paths are in several packages` : "";
    events({
      type: "warning",
      code: "clobber",
      message: `${describe(first)}; the file of \`${first.winner}\` is used${more}`,
    });
  }
}

/** What came back because the package that had replaced it is gone. */
export function tellRestored({ restore }: ConflictPlan, events: EventSink): void {
  for (const { record, paths } of restore) {
    const more = paths.length > 1 ? ` and ${paths.length - 1} more are` : " is";
    events({ type: "note", message: `\`${paths[0]}\`${more} of \`${distString(record)}\` again` });
  }
}

export const clobberedPaths = (plan: ConflictPlan): string[] => [
  ...plan.clobbers.map((clobber) => clobber.path),
  ...plan.restore.flatMap((item) => item.paths),
];
