import { type MatchSpec, matchSpecMatches } from "../specs/match-spec.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import type { PackageRecord, PrefixRecord } from "../specs/records.ts";
import type { ChannelPriority, SolveRequest, SolveStrategy } from "./types.ts";

export type SolveCommand = "create" | "install" | "update" | "remove";

/** Command line switches that change a solve; all are off when absent. */
export interface SolveFlags {
  noDeps?: boolean | undefined;
  onlyDeps?: boolean | undefined;
  freezeInstalled?: boolean | undefined;
  forceReinstall?: boolean | undefined;
  /** `remove --force`: leave what needs the package, and what it needs. */
  force?: boolean | undefined;
  updateAll?: boolean | undefined;
  updateDeps?: boolean | undefined;
  /** As conda's `install`: what is named and installed is brought up to date, though it satisfies the spec. */
  upgradeNamed?: boolean | undefined;
  /**
   * Prune orphans; without it `update` and whatever removes packages do, the others do not. With `install`: drop all that this request does not
   * need, as `env update --prune` does.
   */
  prune?: boolean | undefined;
  /** The same with `update`. */
  onlyRequested?: boolean | undefined;
  noPythonPin?: boolean | undefined;
  noPin?: boolean | undefined;
  /** True unless set to false. */
  allowUninstall?: boolean | undefined;
  /** True unless set to false. */
  allowDowngrade?: boolean | undefined;
  strategy?: SolveStrategy | undefined;
  /** Milliseconds since the epoch. */
  excludeNewer?: number | undefined;
  /** The same for single packages, in place of it; Infinity is no limit. */
  excludeNewerByName?: ReadonlyMap<string, number> | undefined;
  /** Milliseconds. */
  timeout?: number | undefined;
}

/** What a command knows before it solves. */
export interface RequestInput {
  command: SolveCommand;
  specs: readonly MatchSpec[];
  /** `install --remove` and the like: specs to take away in the same step. */
  alsoRemove?: readonly MatchSpec[] | undefined;
  /** `aggressive_update_packages`: those that are installed come up to date with every change that looks for packages. */
  aggressiveUpdates?: readonly MatchSpec[] | undefined;
  flags: SolveFlags;
  channelPriority: ChannelPriority;
  /** `add_pip_as_python_dependency`. */
  addPip: boolean;
  installed: readonly PrefixRecord[];
  history: readonly MatchSpec[];
  pins: readonly MatchSpec[];
  indexes: readonly PackageIndex[];
  virtualPackages: readonly PackageRecord[];
  platform: string;
  signal?: AbortSignal | undefined;
  now?: (() => number) | undefined;
}

/** Translates a command and its switches into the question that is solved: the one path for all commands and dry runs. */
export function buildRequest(input: RequestInput): SolveRequest {
  const { command, specs, flags } = input;
  const installs = command === "create" || command === "install";
  const upgraded =
    command === "install" && flags.upgradeNamed === true ? satisfied(specs, input.installed) : [];
  const removed = command === "remove" ? specs : (input.alsoRemove ?? []);
  return {
    jobs: {
      install: installs ? specs.filter((spec) => !upgraded.includes(spec)) : [],
      update: [...(command === "update" ? specs : upgraded), ...aggressive(input)],
      updateAll: command !== "remove" && flags.updateAll === true,
      remove: removed,
    },
    options: {
      channelPriority: input.channelPriority,
      strategy: flags.strategy ?? "highest",
      freezeInstalled: flags.freezeInstalled === true,
      updateDeps: flags.updateDeps === true,
      forceReinstall: flags.forceReinstall === true,
      noDeps: flags.noDeps === true || (command === "remove" && flags.force === true),
      onlyDeps: flags.onlyDeps === true,
      prune: flags.prune ?? (flags.force !== true && (removed.length > 0 || command === "update")),
      onlyRequested: flags.onlyRequested === true || (command === "install" && flags.prune === true),
      allowUninstall: flags.allowUninstall !== false,
      allowDowngrade: flags.allowDowngrade !== false,
      pinPython: flags.noPythonPin !== true,
      addPip: installs && input.addPip,
      excludeNewer: flags.excludeNewer,
      excludeNewerByName: flags.excludeNewerByName,
      timeout: flags.timeout,
    },
    indexes: input.indexes,
    installed: command === "create" ? [] : input.installed,
    history: command === "create" ? [] : withoutRemoved(input.history, removed),
    pins: flags.noPin === true ? [] : input.pins,
    virtualPackages: input.virtualPackages,
    platform: input.platform,
    signal: input.signal,
    now: input.now,
  };
}

function aggressive({ command, flags, aggressiveUpdates, installed }: RequestInput): readonly MatchSpec[] {
  const changes = command === "install" || command === "update";
  if (!changes || flags.freezeInstalled || flags.noDeps || !aggressiveUpdates) return [];
  return aggressiveUpdates.filter(({ name }) => installed.some((record) => record.name === name));
}

/** What is to be removed is no longer wished for. */
function withoutRemoved(history: readonly MatchSpec[], removed: readonly MatchSpec[]): readonly MatchSpec[] {
  const names = new Set(removed.map(({ name }) => name));
  return history.filter(({ name }) => name === undefined || !names.has(name));
}

function satisfied(specs: readonly MatchSpec[], installed: readonly PrefixRecord[]): MatchSpec[] {
  return specs.filter((spec) => installed.some((record) => matchSpecMatches(spec, record)));
}
