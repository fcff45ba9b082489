import type { Problem, Requirement, SolvableId, VersionSetId, Wish } from "../../solver/index.ts";
import { type MatchSpec, matchSpecMatches, parseMatchSpec } from "../specs/match-spec.ts";
import type { PrefixRecord } from "../specs/records.ts";
import { stringMatches } from "../specs/string-matcher.ts";
import { majorMinor } from "../specs/version.ts";
import type { CandidateSource } from "./candidates.ts";
import { dependencyNames } from "./order.ts";
import { CondaProvider } from "./provider.ts";
import { removeMatching } from "./removal.ts";
import type { SolveRequest } from "./types.ts";

/** Why the root asks for a version set. */
export type RootReason =
  | "requested"
  | "pin"
  | "python-pin"
  | "frozen"
  | "virtual"
  | "removed"
  | "no-downgrade"
  | "kept"
  | "pip";

export interface Prepared {
  readonly provider: CondaProvider;
  readonly problem: Problem;
  readonly reasons: ReadonlyMap<VersionSetId, RootReason>;
  /** Installed packages that stay in question: without those that are to be removed. */
  readonly installed: readonly PrefixRecord[];
  readonly clocks: CandidateSource["clocks"];
  /** Names that the request names, with the texts of their specs. */
  readonly requested: ReadonlyMap<string, readonly string[]>;
  /** Names that come with what the request names: pip with python. */
  readonly implied: ReadonlySet<string>;
  readonly notes: readonly string[];
}

interface Draft {
  readonly request: SolveRequest;
  readonly provider: CondaProvider;
  readonly installed: ReadonlyMap<string, PrefixRecord>;
  readonly requirements: Requirement[];
  readonly background: Requirement[];
  readonly constraints: VersionSetId[];
  readonly firstWishes: Wish[];
  readonly preferences: VersionSetId[];
  readonly wishes: Wish[];
  readonly reasons: Map<VersionSetId, RootReason>;
  readonly notes: string[];
  /** Names that the request speaks about. */
  readonly named: Set<string>;
  /** Names that come with what the request names. */
  readonly implied: Set<string>;
}

/** Turns what the user asks into a question for the solver. */
export function prepare(request: SolveRequest, relaxed = false, noDependencies = false): Prepared {
  const { jobs } = request;
  const { kept } = removeMatching(request.installed, jobs.remove, true);
  const installed = new Map(kept.map((record) => [record.name, record]));
  const source = { ...candidateSource(request, installed), noDependencies };
  const provider = new CondaProvider(source);
  const draft: Draft = {
    request,
    provider,
    installed,
    requirements: [],
    background: [],
    constraints: [],
    firstWishes: [],
    preferences: [],
    wishes: [],
    reasons: new Map(),
    notes: [],
    named: new Set(),
    implied: new Set(),
  };
  addVirtualPackages(draft);
  for (const spec of jobs.install) addInstall(draft, spec);
  for (const spec of jobs.update) addUpdate(draft, spec);
  addPip(draft);
  addRemovals(draft);
  addPins(draft);
  if (request.options.freezeInstalled) freeze(draft);
  else keepInstalled(draft, relaxed);
  const requested = new Map<string, string[]>();
  for (const spec of [...jobs.install, ...jobs.update]) {
    if (spec.name === undefined) continue;
    const texts = requested.get(spec.name);
    if (texts) texts.push(spec.source);
    else requested.set(spec.name, [spec.source]);
  }
  const { requirements, background, constraints, firstWishes, preferences, wishes, reasons, notes } = draft;
  return {
    provider,
    problem: { requirements, background, constraints, firstWishes, preferences, wishes },
    reasons,
    installed: kept,
    clocks: source.clocks,
    requested,
    implied: draft.implied,
    notes,
  };
}

function candidateSource(
  request: SolveRequest,
  installed: ReadonlyMap<string, PrefixRecord>,
): CandidateSource {
  const { options, jobs, indexes } = request;
  const named = [...jobs.install, ...jobs.update];
  const direct = new Set(named.flatMap((spec) => (spec.name === undefined ? [] : [spec.name])));
  const withChannel = named.filter((spec) => spec.channel !== undefined && spec.name !== undefined);
  return {
    indexes,
    installed,
    virtual: new Map(request.virtualPackages.map((record) => [record.name, record])),
    channelPriority: options.channelPriority,
    channelNamed: new Set(withChannel.map((spec) => spec.name!)),
    newest: (name) => options.excludeNewerByName?.get(name) ?? options.excludeNewer,
    clocks: { indexed: 0, built: 0, none: 0 },
    noDependencies: false,
    keeps: (name) => (jobs.updateAll || direct.has(name) ? undefined : installed.get(name)),
    lowest: (name) =>
      options.strategy === "lowest" || (options.strategy === "lowest-direct" && direct.has(name)),
    matchingNames: (spec) => {
      const names = new Set<string>(installed.keys());
      for (const index of indexes) for (const name of index.names()) names.add(name);
      const { nameMatcher } = spec;
      return [...names]
        .filter((name) => nameMatcher === undefined || stringMatches(nameMatcher, name))
        .sort();
    },
  };
}

/** Virtual packages are facts: always selected, so that dependencies and constraints on them can fail. */
function addVirtualPackages(draft: Draft): void {
  for (const { name, version, build } of draft.request.virtualPackages) {
    const ids = [...draft.provider.candidates(draft.provider.nameId(name))];
    if (ids.length === 0) continue;
    require(draft, draft.provider.recordSet(`${name}=${version}=${build}`, name, ids), "virtual");
  }
}

/** Something that must be there but does not compete with what the user asks for. */
function require(draft: Draft, versionSet: VersionSetId, reason: RootReason): void {
  draft.background.push({ versionSet });
  if (!draft.reasons.has(versionSet)) draft.reasons.set(versionSet, reason);
}

function constrain(draft: Draft, versionSet: VersionSetId, reason: RootReason): void {
  draft.constraints.push(versionSet);
  if (!draft.reasons.has(versionSet)) draft.reasons.set(versionSet, reason);
}

/** An installed package that satisfies every spec of its name is what `install` wants first: nothing has to change. */
function addInstall(draft: Draft, spec: MatchSpec): void {
  addSpec(draft, spec);
  if (spec.name === undefined) return;
  const record = draft.installed.get(spec.name);
  const { install } = draft.request.jobs;
  if (!record || draft.named.has(spec.name)) return;
  draft.named.add(spec.name);
  const all = install.filter((other) => other.name === spec.name);
  if (!all.every((other) => matchSpecMatches(other, record))) return;
  // conda: what is asked for with --update-deps is brought up to date itself.
  if (draft.request.options.updateDeps) return;
  draft.firstWishes.push({ solvables: [installedId(draft, spec.name)] });
}

function addSpec(draft: Draft, spec: MatchSpec): void {
  const parsed = draft.provider.understand(spec);
  draft.reasons.set(parsed.versionSet, "requested");
  draft.provider.addRequirements(parsed, [], draft.requirements);
  if (spec.name !== undefined && !draft.installed.has(spec.name)) draft.named.add(spec.name);
}

/** `update` touches only what is installed. */
function addUpdate(draft: Draft, spec: MatchSpec): void {
  const { name } = spec;
  if (name === undefined || !draft.installed.has(name)) {
    draft.notes.push(
      `\`${spec.source}\` is not installed, so there is nothing to update; \`install\` adds it`,
    );
    return;
  }
  draft.named.add(name);
  addSpec(draft, spec);
}

function installedId(draft: Draft, name: string): SolvableId {
  const { provider } = draft;
  const id = [...provider.candidates(provider.nameId(name))].find(
    (candidate) => provider.candidateOf[candidate]!.origin === "installed",
  );
  return id ?? -1;
}

/** mamba: who asks for python by name gets pip with it. With --only-deps pip counts as named too: only what it needs comes. */
function addPip(draft: Draft): void {
  const { provider, request } = draft;
  const { install } = request.jobs;
  if (!request.options.addPip || draft.named.has("pip") || !install.some((spec) => spec.name === "python"))
    return;
  const pip = parseMatchSpec("pip");
  if (provider.candidates(provider.nameId("pip")).length === 0) return;
  draft.wishes.push({ solvables: [...provider.matching(provider.specSet(pip))] });
  draft.implied.add("pip");
}

/** What is removed must not come back as a dependency of something else. */
function addRemovals(draft: Draft): void {
  for (const spec of draft.request.jobs.remove) {
    const { name } = spec;
    if (name === undefined || !draft.request.installed.some((record) => record.name === name)) continue;
    const all = [...draft.provider.candidates(draft.provider.nameId(name))];
    const left = all.filter((id) => !matchSpecMatches(spec, draft.provider.recordOf(id)));
    constrain(draft, draft.provider.recordSet(`${spec.source} removed`, name, left), "removed");
  }
}

function addPins(draft: Draft): void {
  const { provider, request, installed } = draft;
  for (const pin of request.pins) constrain(draft, provider.specSet(pin), "pin");
  const python = installed.get("python");
  const { options, jobs } = request;
  const names = [...jobs.install, ...jobs.update].some((spec) => spec.name === "python");
  if (python && options.pinPython && !names) {
    const minor = majorMinor(python.version);
    if (minor)
      constrain(draft, provider.specSet(parseMatchSpec(`python ${minor[0]}.${minor[1]}.*`)), "python-pin");
  }
  if (!options.allowDowngrade) for (const record of installed.values()) forbidDowngrade(draft, record);
}

function forbidDowngrade(draft: Draft, record: PrefixRecord): void {
  const { provider, request } = draft;
  const { install, update } = request.jobs;
  if ([...install, ...update].some((spec) => spec.name === record.name && spec.version !== undefined)) return;
  const spec = parseMatchSpec(`${record.name} >=${record.version}`);
  const ids = [...provider.matching(provider.specSet(spec))];
  constrain(draft, provider.recordSet(spec.source, record.name, ids), "no-downgrade");
}

function freeze(draft: Draft): void {
  for (const record of draft.installed.values()) {
    const id = installedId(draft, record.name);
    if (id < 0) continue;
    const text = `${record.name}==${record.version}=${record.build}`;
    require(draft, draft.provider.recordSet(text, record.name, [id]), "frozen");
  }
}

/**
 * Installed packages that the request does not name are kept in some version if they can be, as they are if that is possible, else in
 * the best other one. What the user once asked for comes first in each of these steps; a step for all packages before the next one,
 * so that no package makes another change just because it takes the best that is left for itself. `update --all` and `--update-deps` want the newest instead, within what the history asks.
 */
function keepInstalled(draft: Draft, relaxed: boolean): void {
  const { request, installed, provider } = draft;
  const { jobs, options } = request;
  const history = new Map<string, MatchSpec[]>();
  for (const spec of request.history) {
    if (spec.name === undefined) continue;
    history.set(spec.name, [...(history.get(spec.name) ?? []), spec]);
  }
  const refreshed = jobs.updateAll ? new Set(installed.keys()) : refreshedNames(draft);
  const rank = (name: string): number => (history.has(name) ? 0 : 1);
  const names = [...installed.keys()].filter((name) => !draft.named.has(name));
  names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const others: Wish[] = [];
  for (const name of names) {
    const id = installedId(draft, name);
    if (id < 0) continue;
    const all = [...provider.candidates(provider.nameId(name))];
    const asked = history.get(name);
    // What the user once asked for must stay in some version, whatever the new wishes are; the rest may go.
    // What breaks a pin gives way to a version that keeps it, and never goes because there is none.
    // Nor does python, which an environment is made for: to take it away is asked for by name, or by --no-py-pin.
    const pythonStays = name === "python" && asked !== undefined && options.pinPython;
    const mustStay =
      !options.onlyRequested &&
      (breaksPin(request, installed.get(name)!) ||
        pythonStays ||
        (!relaxed && (asked !== undefined || !options.allowUninstall)));
    const set = provider.recordSet(name, name, all);
    if (mustStay && refreshed.has(name)) draft.requirements.push({ versionSet: set });
    else if (mustStay) draft.background.push({ versionSet: set });
    draft.reasons.set(set, "kept");
    if (!refreshed.has(name)) {
      const wanted = all.filter((other) =>
        asked?.every((spec) => matchSpecMatches(spec, provider.recordOf(other))),
      );
      draft.preferences.push(set);
      draft.wishes.push({ solvables: [id] });
      others.push({ solvables: [id, ...inTieOrder(provider, wanted), ...all] });
    } else if (!mustStay) draft.wishes.push({ solvables: inTieOrder(provider, all) });
  }
  draft.wishes.push(...others);
}

function breaksPin({ pins }: SolveRequest, record: PrefixRecord): boolean {
  return pins.some((pin) => pin.name === record.name && !matchSpecMatches(pin, record));
}

/** Best first, and the better builds of one build number first. */
function inTieOrder(provider: CondaProvider, list: readonly SolvableId[]): SolvableId[] {
  const result: SolvableId[] = [];
  for (let start = 0; start < list.length; ) {
    let end = start + 1;
    while (end < list.length && provider.grade(list[end]!, 1) === provider.grade(list[start]!, 1)) end++;
    const tied = list.slice(start, end);
    if (tied.length > 1) tied.sort((a, b) => provider.tieRank(a) - provider.tieRank(b));
    result.push(...tied);
    start = end;
  }
  return result;
}

/** With --update-deps: what the named packages depend on, through each other. */
function refreshedNames(draft: Draft): Set<string> {
  const refreshed = new Set<string>();
  if (!draft.request.options.updateDeps) return refreshed;
  const queue = [...draft.named];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const record = draft.installed.get(name);
    if (!record) continue;
    for (const dependency of dependencyNames(record)) {
      if (refreshed.has(dependency)) continue;
      refreshed.add(dependency);
      queue.push(dependency);
    }
  }
  return refreshed;
}
