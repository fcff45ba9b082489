import { type SolverResult, type SolverStats, searchInSteps } from "../../solver/index.ts";
import { ToolError } from "../errors.ts";
import { completeRecord } from "../specs/package-index.ts";
import type { PrefixRecord, RepoDataRecord } from "../specs/records.ts";
import { explainConflict } from "./explain.ts";
import { brokenWishNotes, clockNotes, extraNotes } from "./notes.ts";
import { linkOrder } from "./order.ts";
import { neededBy, pruneOrphans, removeMatching } from "./removal.ts";
import { type Prepared, prepare } from "./request.ts";
import type { Conflict, Solution, SolveRequest, SolveStats } from "./types.ts";

type AnyRecord = RepoDataRecord | PrefixRecord;

/**
 * The environment that the request leads to, or why there is none. A pure function of the request but for
 * `stats.milliseconds`, `solver-timeout` and `interrupted`, which are thrown as ToolErrors.
 */
export function solve(request: SolveRequest): Solution | Conflict {
  const clock = startClock(request);
  const steps = solveSteps(request, clock);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    clock.checkpoint();
  }
}

/** Milliseconds of solving between two pauses: short for who waits for an interrupt, long beside what a pause costs. */
const STEP = 20;

/** The same, but gives way to `pause` every now and then: signals are seen and events are drawn while it solves. */
export async function solveWithPauses(
  request: SolveRequest,
  pause: () => Promise<void>,
): Promise<Solution | Conflict> {
  const clock = startClock(request);
  const steps = solveSteps(request, clock);
  let paused = 0;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (clock.elapsed() - paused > STEP) {
      await pause();
      paused = clock.elapsed();
    }
    clock.checkpoint();
  }
}

function* solveSteps(request: SolveRequest, clock: Clock): Generator<void, Solution | Conflict> {
  if (isPureRemoval(request)) return removal(request, clock);
  let prepared = prepare(request);
  let result = yield* run(prepared);
  // What was asked for in the past gives way to what is asked for now, but only when there is no answer otherwise. Nor is it to blame
  // where that does not help either: what is explained is the second question.
  if (result.kind !== "solved" && mayRelax(request, prepared)) {
    prepared = prepare(request, true);
    result = yield* run(prepared);
  }
  const stats = clock.stats(result.stats);
  if (result.kind === "solved")
    return finish(request, prepared, result.selected.map(recordsOf(prepared)), stats);
  if (request.options.noDeps) return yield* withoutDependencies(request, clock);
  return yield* explainConflict(request, prepared, result.core, stats);
}

interface Clock {
  /** Milliseconds since the start. */
  elapsed(): number;
  checkpoint(): void;
  stats(stats: SolverStats): SolveStats;
}

function startClock(request: SolveRequest): Clock {
  const now = request.now ?? (() => performance.now());
  const start = now();
  const { timeout } = request.options;
  return {
    elapsed: () => now() - start,
    checkpoint: () => {
      if (request.signal?.aborted) throw new ToolError("interrupted", "the solve was interrupted");
      if (timeout !== undefined && now() - start > timeout) {
        throw new ToolError("solver-timeout", `no solution was found within ${timeout / 1000} s`, {
          hint: "name versions for the main packages to make the question smaller, or raise --solver-timeout",
        });
      }
    },
    stats: (stats) => ({ milliseconds: now() - start, ...stats }),
  };
}

function* run(prepared: Prepared): Generator<void, Exclude<SolverResult, { kind: "undecided" }>> {
  const result = yield* searchInSteps(prepared.provider, prepared.problem);
  if (result.kind === "undecided")
    throw new ToolError("internal", "the solver stopped at a limit that nobody set");
  return result;
}

function recordsOf(prepared: Prepared): (id: number) => AnyRecord {
  return (id) => completeRecord(prepared.provider.recordOf(id) as AnyRecord);
}

function mayRelax({ options }: SolveRequest, strict: Prepared): boolean {
  return options.allowUninstall && [...strict.reasons.values()].includes("kept");
}

/** --no-deps when the dependencies cannot be met: the best records that the specs match, and nothing more. */
function* withoutDependencies(request: SolveRequest, clock: Clock): Generator<void, Solution | Conflict> {
  const bare: SolveRequest = {
    ...request,
    installed: [],
    history: [],
    jobs: { ...request.jobs, remove: [] },
  };
  const prepared = prepare(bare, false, true);
  const result = yield* run(prepared);
  const stats = clock.stats(result.stats);
  if (result.kind === "unsolvable") return yield* explainConflict(bare, prepared, result.core, stats);
  return finish(
    request,
    { ...prepared, installed: request.installed },
    result.selected.map(recordsOf(prepared)),
    stats,
  );
}

function isPureRemoval({ jobs }: SolveRequest): boolean {
  return jobs.remove.length > 0 && jobs.install.length === 0 && jobs.update.length === 0 && !jobs.updateAll;
}

/** `remove` needs no search: the named packages go, what needs them goes, and what only they needed goes (prune). */
function removal(request: SolveRequest, clock: Clock): Solution {
  const { jobs, options, installed } = request;
  const { kept, removed } = removeMatching(installed, jobs.remove, !options.noDeps);
  const records = options.prune ? pruneOrphans(kept, installed, requestedNames(request, removed)).kept : kept;
  return {
    kind: "solution",
    records: linkOrder(records),
    requested: new Map(),
    reinstall: new Set(),
    notes: [],
    stats: clock.stats({ candidates: 0, clauses: 0, decisions: 0, conflicts: 0 }),
  };
}

/** Names that the user asked for, now or before, without those that are to be removed. */
function requestedNames(request: SolveRequest, removed: readonly { name: string }[] = []): Set<string> {
  const { jobs, history } = request;
  const names = new Set<string>();
  for (const spec of [...history, ...jobs.install, ...jobs.update])
    if (spec.name !== undefined) names.add(spec.name);
  for (const { name } of removed) names.delete(name);
  return names;
}

/** From the selected records to the whole environment: unnamed packages, --no-deps, --only-deps, pruning, order. */
function finish(
  request: SolveRequest,
  prepared: Prepared,
  selected: readonly AnyRecord[],
  stats: SolveStats,
): Solution {
  const { options, virtualPackages } = request;
  const virtual = new Set(virtualPackages.map(({ name }) => name));
  let records = selected.filter((record) => !virtual.has(record.name));
  if (options.noDeps) records = onlyNamed(records, prepared);
  if (options.onlyDeps) records = withoutNamed(records, prepared);
  if (options.onlyRequested) records = onlyReachable(records, prepared);
  else if (options.prune) records = pruneOrphans(records, request.installed, requestedNames(request)).kept;
  const reinstall = new Set<string>();
  if (options.forceReinstall) {
    for (const record of records)
      if (prepared.requested.has(record.name) && "files" in record) reinstall.add(record.name);
  }
  return {
    kind: "solution",
    records: linkOrder(records),
    requested: options.onlyDeps ? new Map() : prepared.requested,
    reinstall,
    notes: [
      ...prepared.notes,
      ...brokenWishNotes(request, records),
      ...clockNotes(request, prepared),
      ...extraNotes(request, records),
    ],
    stats,
  };
}

/** What the named packages and what comes with them (pip with python) need, and nothing else. */
function onlyReachable(records: readonly AnyRecord[], prepared: Prepared): AnyRecord[] {
  const needed = neededBy(records, [...prepared.requested.keys(), ...prepared.implied]);
  return records.filter(({ name }) => needed.has(name));
}

/** --no-deps: only the named packages change. */
function onlyNamed(records: readonly AnyRecord[], prepared: Prepared): AnyRecord[] {
  const named = records.filter((record) => prepared.requested.has(record.name));
  const names = new Set(named.map(({ name }) => name));
  return [...prepared.installed.filter(({ name }) => !names.has(name)), ...named];
}

/** --only-deps: the named packages stay as they are (usually: away), what they need comes. */
function withoutNamed(records: readonly AnyRecord[], prepared: Prepared): AnyRecord[] {
  const before = new Map(prepared.installed.map((record) => [record.name, record]));
  const isNamed = ({ name }: AnyRecord): boolean =>
    prepared.requested.has(name) || prepared.implied.has(name);
  const others = records.filter((record) => !isNamed(record));
  const needed = neededBy(
    records,
    others.map(({ name }) => name),
  );
  const result: AnyRecord[] = [];
  for (const record of records) {
    if (!isNamed(record) || needed.has(record.name)) result.push(record);
    else {
      const old = before.get(record.name);
      if (old) result.push(old);
    }
  }
  return result;
}
