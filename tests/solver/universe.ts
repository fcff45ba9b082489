import type { Condition, Dependencies, Problem, Provider, Requirement } from "../../solver/index.ts";

/** A small made-up universe: solvable ids count through the names, best first. */
export interface Universe {
  /** Per name, per candidate: its grades and tie rank. */
  names: { grade0: number; grade1: number; tie: number }[][];
  versionSets: { name: number; members: number[] }[];
  dependencies: Dependencies[];
  problem: Problem;
}

export class UniverseProvider implements Provider {
  private readonly owner: number[] = [];
  private readonly all: number[][] = [];
  private readonly facts: { grade0: number; grade1: number; tie: number }[] = [];

  constructor(readonly universe: Universe) {
    for (const [name, list] of universe.names.entries()) {
      this.all[name] = list.map((facts) => {
        this.owner.push(name);
        return this.facts.push(facts) - 1;
      });
    }
  }

  candidates(name: number): number[] {
    return this.all[name]!;
  }
  matching(versionSet: number): number[] {
    return this.universe.versionSets[versionSet]!.members;
  }
  namesOf(versionSet: number): number[] {
    return [this.universe.versionSets[versionSet]!.name];
  }
  nameOf(solvable: number): number {
    return this.owner[solvable]!;
  }
  dependencies(solvable: number): Dependencies {
    return this.universe.dependencies[solvable]!;
  }
  grade(solvable: number, level: 0 | 1): number {
    return level === 0 ? this.facts[solvable]!.grade0 : this.facts[solvable]!.grade1;
  }
  tieRank(solvable: number): number {
    return this.facts[solvable]!.tie;
  }
}

/** A small deterministic generator of numbers in [0, n). */
export function random(seed: number): (n: number) => number {
  let state = seed * 2654435761 + 1;
  return (n) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % n;
  };
}

export function randomUniverse(seed: number, withConditions: boolean): Universe {
  const next = random(seed);
  const names: Universe["names"] = [];
  const ids: number[][] = [];
  let solvables = 0;
  for (let name = 0, n = 2 + next(4); name < n; name++) {
    const list: Universe["names"][number] = [];
    const own: number[] = [];
    let grade0 = 0;
    let grade1 = 0;
    for (let i = 0, m = next(10) === 0 ? 0 : 1 + next(4); i < m; i++) {
      if (i > 0 && next(2)) {
        grade1++;
        if (next(2)) grade0++;
      }
      list.push({ grade0, grade1, tie: next(8) * 16 + i });
      own.push(solvables++);
    }
    names.push(list);
    ids.push(own);
  }
  const versionSets: Universe["versionSets"] = [];
  const versionSet = (): number => {
    const name = next(names.length);
    const mode = next(6);
    const members = ids[name]!.filter(() => (mode === 0 ? true : next(3) > 0));
    return versionSets.push({ name, members }) - 1;
  };
  const condition = (): Condition =>
    solvables > 0 && next(3) === 0
      ? { kind: "solvable", id: next(solvables) }
      : { kind: "versionSet", id: versionSet() };
  const requirement = (): Requirement =>
    withConditions && next(2)
      ? { versionSet: versionSet(), conditions: [condition()] }
      : { versionSet: versionSet() };
  const some = <T>(n: number, make: () => T): T[] => Array.from({ length: next(n) }, make);
  const dependencies = Array.from({ length: solvables }, () => ({
    requirements: some(3, requirement),
    constraints: some(3, versionSet).slice(0, next(3)),
    unusable: next(20) === 0,
  }));
  const wish = (): { solvables: number[] } => ({
    solvables: ids[next(names.length)]!.filter(() => next(2) === 0),
  });
  const problem = {
    requirements: Array.from({ length: 1 + next(3) }, requirement),
    background: next(3) === 0 ? [requirement()] : [],
    constraints: next(3) === 0 ? [versionSet()] : [],
    firstWishes: next(3) === 0 ? [wish()] : [],
    preferences: next(3) === 0 ? [versionSet(), versionSet()] : [],
    wishes: next(2) === 0 ? some(3, wish) : [],
  };
  return { names, versionSets, dependencies, problem };
}
