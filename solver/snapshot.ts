import type { Dependencies, NameId, Problem, Provider, SolvableId, VersionSetId } from "./provider.ts";

/** A problem with everything that its solve asked for, as plain JSON: enough to solve it again anywhere. */
export interface Snapshot {
  readonly format: 1;
  readonly problem: Problem;
  /** By name: its solvables, best first. */
  readonly candidates: Readonly<Record<NameId, readonly SolvableId[]>>;
  readonly versionSets: Readonly<
    Record<VersionSetId, { names: readonly NameId[]; matching: readonly SolvableId[] }>
  >;
  readonly solvables: Readonly<
    Record<SolvableId, { name: NameId; grades: readonly [number, number]; tie?: number }>
  >;
  readonly dependencies: Readonly<Record<SolvableId, Dependencies>>;
}

/** Passes every question on and remembers the answers. */
export class RecordingProvider implements Provider {
  private readonly candidateLists: Record<NameId, SolvableId[]> = {};
  private readonly sets: Record<VersionSetId, { names: readonly NameId[]; matching: SolvableId[] }> = {};
  private readonly solvables: Record<SolvableId, { name: NameId; grades: [number, number]; tie?: number }> =
    {};
  private readonly dependencyLists: Record<SolvableId, Dependencies> = {};

  constructor(private readonly inner: Provider) {}

  candidates(name: NameId): ArrayLike<SolvableId> {
    const ids = this.inner.candidates(name);
    if (!this.candidateLists[name]) {
      this.candidateLists[name] = Array.from(ids);
      for (const id of Array.from(ids)) this.solvable(id);
    }
    return ids;
  }

  private solvable(id: SolvableId): { name: NameId; grades: [number, number]; tie?: number } {
    const grades = (): [number, number] => [this.inner.grade(id, 0), this.inner.grade(id, 1)];
    this.solvables[id] ??= { name: this.inner.nameOf(id), grades: grades() };
    return this.solvables[id];
  }

  matching(versionSet: VersionSetId): ArrayLike<SolvableId> {
    const matching = this.inner.matching(versionSet);
    this.sets[versionSet] = { names: this.inner.namesOf(versionSet), matching: Array.from(matching) };
    return matching;
  }

  namesOf(versionSet: VersionSetId): readonly NameId[] {
    this.sets[versionSet] ??= { names: this.inner.namesOf(versionSet), matching: [] };
    return this.inner.namesOf(versionSet);
  }

  nameOf(id: SolvableId): NameId {
    return this.solvable(id).name;
  }

  dependencies(id: SolvableId): Dependencies {
    const dependencies = this.inner.dependencies(id);
    this.dependencyLists[id] = dependencies;
    return dependencies;
  }

  grade(id: SolvableId, level: 0 | 1): number {
    return this.solvable(id).grades[level];
  }

  tieRank(id: SolvableId): number {
    const rank = this.inner.tieRank(id);
    this.solvable(id).tie = rank;
    return rank;
  }

  snapshot(problem: Problem): Snapshot {
    return {
      format: 1,
      problem,
      candidates: this.candidateLists,
      versionSets: this.sets,
      solvables: this.solvables,
      dependencies: this.dependencyLists,
    };
  }
}

/** Answers from a snapshot. A question that was never asked before has the emptiest answer. */
export class ReplayProvider implements Provider {
  constructor(private readonly snapshot: Snapshot) {}

  candidates(name: NameId): readonly SolvableId[] {
    return this.snapshot.candidates[name] ?? [];
  }
  matching(versionSet: VersionSetId): readonly SolvableId[] {
    return this.snapshot.versionSets[versionSet]?.matching ?? [];
  }
  namesOf(versionSet: VersionSetId): readonly NameId[] {
    return this.snapshot.versionSets[versionSet]?.names ?? [];
  }
  nameOf(id: SolvableId): NameId {
    return this.snapshot.solvables[id]?.name ?? -1;
  }
  dependencies(id: SolvableId): Dependencies {
    return this.snapshot.dependencies[id] ?? { requirements: [], constraints: [], unusable: true };
  }
  grade(id: SolvableId, level: 0 | 1): number {
    return this.snapshot.solvables[id]?.grades[level] ?? 0;
  }
  tieRank(id: SolvableId): number {
    return this.snapshot.solvables[id]?.tie ?? 0;
  }
}
