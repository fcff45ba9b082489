import { RecordingProvider, ReplayProvider, type Snapshot, solveProblem } from "../../solver/index.ts";
import { prepare } from "./request.ts";
import type { SolveRequest } from "./types.ts";

/** A solve as plain data: what was asked, everything that was looked at, and what the ids mean. */
export interface SolveSnapshot {
  readonly solver: Snapshot;
  /** `name-version-build` by solvable id. */
  readonly labels: Readonly<Record<number, string>>;
  /** MatchSpec text by version set id. */
  readonly specs: readonly string[];
}

/** Solves once and returns all that the solve depended on, for a bug report or a benchmark. */
export function captureProblem(request: SolveRequest): SolveSnapshot {
  const { provider, problem } = prepare(request);
  const recording = new RecordingProvider(provider);
  solveProblem(recording, problem);
  const solver = recording.snapshot(problem);
  const labels: Record<number, string> = {};
  for (const id of Object.keys(solver.solvables).map(Number)) {
    const { name, version, build } = provider.recordOf(id);
    labels[id] = `${name}-${version}-${build}`;
  }
  return { solver, labels, specs: provider.versionSets.map(({ text }) => text) };
}

/** Solves a captured problem again: the selected packages, or undefined when there is no answer. */
export function replayProblem(snapshot: SolveSnapshot): string[] | undefined {
  const result = solveProblem(new ReplayProvider(snapshot.solver), snapshot.solver.problem);
  if (result.kind !== "solved") return undefined;
  return result.selected.map((id) => snapshot.labels[id] ?? String(id));
}
