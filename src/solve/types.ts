import type { MatchSpec } from "../specs/match-spec.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import type { PackageRecord, PrefixRecord, RepoDataRecord } from "../specs/records.ts";

export type ChannelPriority = "strict" | "flexible" | "disabled";
export type SolveStrategy = "highest" | "lowest" | "lowest-direct";

/** What the user asks of the environment. */
export interface SolveJobs {
  /** Specs to install (create, install, `update SPEC`). */
  install: readonly MatchSpec[];
  /** Names or specs to bring to the newest version; with `updateAll`, everything. */
  update: readonly MatchSpec[];
  updateAll: boolean;
  /** Specs to remove, with everything that needs them. */
  remove: readonly MatchSpec[];
}

export interface SolveOptions {
  channelPriority: ChannelPriority;
  strategy: SolveStrategy;
  /** Keep every installed package exactly as it is. */
  freezeInstalled: boolean;
  /** Also bring the dependencies of the named specs up to date. */
  updateDeps: boolean;
  /** Relink requested packages even when nothing changes. */
  forceReinstall: boolean;
  noDeps: boolean;
  onlyDeps: boolean;
  /** Drop packages that nobody requested and nothing needs any more (remove, update --prune-deps). */
  prune: boolean;
  /** Keep nothing but what this request needs (`env update --prune`). */
  onlyRequested: boolean;
  allowUninstall: boolean;
  allowDowngrade: boolean;
  /** Keep python's minor version unless the user names another. */
  pinPython: boolean;
  /** `add_pip_as_python_dependency`. */
  addPip: boolean;
  /** Milliseconds since the epoch: newer records do not exist. */
  excludeNewer?: number | undefined;
  /** The same for single packages, in place of it; Infinity is no limit. */
  excludeNewerByName?: ReadonlyMap<string, number> | undefined;
  /** Milliseconds of solving after which a `solver-timeout` ToolError is thrown. */
  timeout?: number | undefined;
}

/** Everything a solve depends on; the solve is a pure function of it. */
export interface SolveRequest {
  jobs: SolveJobs;
  options: SolveOptions;
  /** Highest channel priority first; arch before noarch within a channel. */
  indexes: readonly PackageIndex[];
  installed: readonly PrefixRecord[];
  /** Specs that the user asked for in the past, from requested_specs and history. */
  history: readonly MatchSpec[];
  /** From conda-meta/pinned and pinned_packages; empty with --no-pin. */
  pins: readonly MatchSpec[];
  /** `__glibc` and kin (CEP 30, 46). */
  virtualPackages: readonly PackageRecord[];
  /** Target platform, such as `linux-64`. */
  platform: string;
  signal?: AbortSignal | undefined;
  /** Monotonic milliseconds, for statistics and the timeout; the process clock when absent. */
  now?: (() => number) | undefined;
}

export interface Solution {
  kind: "solution";
  /** The whole environment afterwards, dependencies before dependents. Kept packages are the installed PrefixRecord objects. */
  records: readonly (RepoDataRecord | PrefixRecord)[];
  /** Requested specs by package name, as text, for those that this request names. */
  requested: ReadonlyMap<string, readonly string[]>;
  /** Names to relink although the record is the installed one (--force-reinstall). */
  reinstall: ReadonlySet<string>;
  /** Things a user should know that are no errors. */
  notes: readonly string[];
  stats: SolveStats;
}

export interface SolveStats {
  milliseconds: number;
  candidates: number;
  clauses: number;
  decisions: number;
  conflicts: number;
}

/** One node of the conflict explanation; the tree and the JSON graph are drawn from the same nodes. */
export interface ConflictNode {
  /** Sentence fragment in conda words, such as `numpy >=2 requires python >=3.10`. */
  text: string;
  /** Package name the node is about. */
  name: string;
  spec?: string;
  versions?: readonly string[];
  kind:
    | "requested"
    | "requires"
    | "missing"
    | "conflict"
    | "pin"
    | "installed"
    | "virtual"
    | "constrains"
    | "channel"
    | "excluded";
  children: readonly ConflictNode[];
}

export interface Conflict {
  kind: "conflict";
  /** Specs of the request that nothing provides, with the nearest names. */
  notFound: readonly { spec: string; similar: readonly string[] }[];
  roots: readonly ConflictNode[];
  /** The rendered, complete explanation: lines without colour. */
  message: string;
  hints: readonly string[];
  stats: SolveStats;
}
