import type {
  Condition,
  Dependencies,
  NameId,
  Provider,
  Requirement,
  SolvableId,
  VersionSetId,
} from "../../solver/index.ts";
import { type MatchSpec, matchSpecMatches, tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PackageRecord } from "../specs/records.ts";
import { type Candidate, compareGrade0, compareGrade1, compareLast } from "./candidate-order.ts";
import { type CandidateSource, gatherCandidates, type LeftOut } from "./candidates.ts";
import { conditionAlternatives } from "./conditions.ts";
import { matchingCandidates } from "./matching.ts";
import type { ParsedDependency, VersionSet } from "./version-sets.ts";

const NO_DEPENDENCIES: Dependencies = { requirements: [], constraints: [] };

/** conda records behind dense ids. Reads the records of a name when the solver first asks for it, and parses only what it reaches. */
export class CondaProvider implements Provider {
  readonly candidateOf: Candidate[] = [];
  readonly versionSets: VersionSet[] = [];
  /** Dependencies that could not be read, by solvable. */
  readonly unreadable = new Map<SolvableId, string>();
  /** Records that were left out before the solve, by name. */
  readonly leftOut = new Map<NameId, LeftOut>();
  readonly names: string[] = [];
  private readonly nameIds = new Map<string, NameId>();
  private readonly ownerOf: NameId[] = [];
  private readonly loaded: (Int32Array | undefined)[] = [];
  private readonly grade0: number[] = [];
  private readonly grade1: number[] = [];
  private readonly ties: number[] = [];
  private readonly versionSetIds = new Map<string, VersionSetId>();
  private readonly matches: (Int32Array | undefined)[] = [];
  private readonly dependencyCache = new Map<string, ParsedDependency | undefined>();

  constructor(private readonly source: CandidateSource) {}

  nameId(name: string): NameId {
    let id = this.nameIds.get(name);
    if (id === undefined) {
      id = this.names.push(name) - 1;
      this.nameIds.set(name, id);
    }
    return id;
  }

  nameOf(solvable: SolvableId): NameId {
    return this.ownerOf[solvable]!;
  }

  namesOf(versionSet: VersionSetId): readonly NameId[] {
    return this.versionSets[versionSet]!.names;
  }

  grade(solvable: SolvableId, level: 0 | 1): number {
    return (level === 0 ? this.grade0 : this.grade1)[solvable]!;
  }

  candidates(name: NameId): Int32Array {
    const known = this.loaded[name];
    if (known) return known;
    const ids = this.load(name);
    this.loaded[name] = ids;
    return ids;
  }

  private load(name: NameId): Int32Array {
    const text = this.names[name]!;
    const { candidates, leftOut } = gatherCandidates(this.source, text);
    if (leftOut) this.leftOut.set(name, leftOut);
    const lowest = this.source.lowest(text);
    candidates.sort((a, b) => compareGrade0(a, b, lowest) || compareGrade1(a, b) || compareLast(a, b));
    const first = this.candidateOf.length;
    const ids = new Int32Array(candidates.length);
    let grade0 = 0;
    let grade1 = 0;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      if (i > 0) {
        const previous = candidates[i - 1]!;
        if (compareGrade0(previous, candidate, lowest) !== 0) {
          grade0++;
          grade1++;
        } else if (compareGrade1(previous, candidate) !== 0) grade1++;
      }
      this.candidateOf.push(candidate);
      this.ownerOf.push(name);
      this.grade0.push(grade0);
      this.grade1.push(grade1);
      this.ties.push(-1);
      ids[i] = first + i;
    }
    return ids;
  }

  /** The version set of a spec. Specs with the same text are the same set. */
  specSet(spec: MatchSpec, text = spec.source): VersionSetId {
    const known = this.versionSetIds.get(text);
    if (known !== undefined) return known;
    const id = this.versionSets.push({ kind: "spec", text, spec, names: this.namesOfSpec(spec) }) - 1;
    this.versionSetIds.set(text, id);
    return id;
  }

  /** A version set of given records, never shared with others. */
  recordSet(text: string, name: string, members: readonly SolvableId[]): VersionSetId {
    return this.versionSets.push({ kind: "records", text, names: [this.nameId(name)], members }) - 1;
  }

  private namesOfSpec(spec: MatchSpec): NameId[] {
    if (spec.name !== undefined) return [this.nameId(spec.name)];
    return this.source.matchingNames(spec).map((name) => this.nameId(name));
  }

  matching(versionSet: VersionSetId): Int32Array {
    const known = this.matches[versionSet];
    if (known) return known;
    const ids = this.match(this.versionSets[versionSet]!);
    this.matches[versionSet] = ids;
    return ids;
  }

  private match(set: VersionSet): Int32Array {
    if (set.kind === "records") return Int32Array.from(set.members);
    const result: number[] = [];
    for (const name of set.names)
      matchingCandidates(set.spec, this.candidates(name), this.candidateOf, result);
    return Int32Array.from(result);
  }

  dependencies(solvable: SolvableId): Dependencies {
    const { record, origin } = this.candidateOf[solvable]!;
    if (origin === "virtual" || this.source.noDependencies) return NO_DEPENDENCIES;
    const requirements: Requirement[] = [];
    const constraints: VersionSetId[] = [];
    const broken = origin === "installed" && this.isInconsistent(record);
    for (const text of stringsOf(record.depends)) {
      const parsed = this.parseDependency(text);
      if (!parsed) return this.markUnreadable(solvable, text);
      if (broken && this.isBrokenAlready(parsed)) continue;
      this.addRequirements(parsed, [], requirements);
    }
    for (const text of stringsOf(record.constrains)) {
      const parsed = this.parseDependency(text);
      if (!parsed) return this.markUnreadable(solvable, text);
      if (broken && this.isBrokenAlready(parsed)) continue;
      constraints.push(parsed.versionSet);
    }
    return { requirements, constraints };
  }

  /**
   * An environment that is inconsistent already (a package of another version was forced in) stays usable: what such a package
   * asks for and does not get is not asked again. A package whose dependencies are merely missing gets them back.
   */
  private isInconsistent(record: PackageRecord): boolean {
    return [...stringsOf(record.depends), ...stringsOf(record.constrains)].some((text) => {
      const parsed = this.parseDependency(text);
      return parsed !== undefined && this.installedOf(parsed).some((other) => !this.meets(parsed, other));
    });
  }

  private isBrokenAlready(parsed: ParsedDependency): boolean {
    return !this.installedOf(parsed).some((other) => this.meets(parsed, other));
  }

  private installedOf({ versionSet }: ParsedDependency): PackageRecord[] {
    return this.namesOf(versionSet).flatMap((name) => {
      const text = this.names[name]!;
      const record = this.source.installed.get(text) ?? this.source.virtual.get(text);
      return record ? [record] : [];
    });
  }

  private markUnreadable(solvable: SolvableId, text: string): Dependencies {
    this.unreadable.set(solvable, text);
    return { requirements: [], constraints: [], unusable: true };
  }

  parseDependency(text: string): ParsedDependency | undefined {
    if (this.dependencyCache.has(text)) return this.dependencyCache.get(text);
    const spec = tryParseMatchSpec(text);
    const parsed = spec && this.understand(spec, text);
    this.dependencyCache.set(text, parsed);
    return parsed;
  }

  /** What a spec asks for, with its conditions and extras (CEP 43, 44) apart from the records that it matches. */
  understand(spec: MatchSpec, text = spec.source): ParsedDependency {
    const versionSet = this.specSet(spec, text);
    const when =
      spec.when === undefined
        ? undefined
        : conditionAlternatives(spec.when).map((all) =>
            all.map((atom): Condition => ({ kind: "versionSet", id: this.specSet(atom) })),
          );
    return { versionSet, when, extras: spec.extras ?? [] };
  }

  /** Adds the requirements of a dependency, and those that its extras add when one of its records is selected. */
  addRequirements(
    parsed: ParsedDependency,
    given: readonly Condition[],
    into: Requirement[],
    depth = 0,
  ): void {
    for (const alternative of parsed.when ?? [[]]) {
      const conditions = [...given, ...alternative];
      into.push(
        conditions.length === 0
          ? { versionSet: parsed.versionSet }
          : { versionSet: parsed.versionSet, conditions },
      );
      if (parsed.extras.length === 0 || depth > 8) continue;
      for (const id of this.matching(parsed.versionSet)) {
        const extra = this.candidateOf[id]!.record.extra_depends;
        for (const name of parsed.extras) {
          for (const text of stringsOf(extra?.[name])) {
            const dependency = this.parseDependency(text);
            if (dependency)
              this.addRequirements(dependency, [...conditions, { kind: "solvable", id }], into, depth + 1);
          }
        }
      }
    }
  }

  tieRank(solvable: SolvableId): number {
    if (this.ties[solvable]! < 0) this.rankTies(solvable);
    return this.ties[solvable]!;
  }

  /** Orders the builds of one version and build number: the installed one, then by how new the dependencies are that they allow. */
  private rankTies(solvable: SolvableId): void {
    const grade = this.grade1[solvable]!;
    const all = [...this.candidates(this.nameOf(solvable))].filter((id) => this.grade1[id] === grade);
    const keys = this.dependencyKeys(all);
    const order = all.map((id, i) => ({ id, key: keys[i]! }));
    order.sort((a, b) => {
      const installed = this.installedFirst(a.id) - this.installedFirst(b.id);
      if (installed !== 0) return installed;
      for (let i = 0; i < a.key.length; i++) if (a.key[i] !== b.key[i]) return a.key[i]! - b.key[i]!;
      return a.id - b.id;
    });
    for (const [rank, { id }] of order.entries()) this.ties[id] = rank;
  }

  private installedFirst(id: SolvableId): number {
    return this.candidateOf[id]!.origin === "installed" ? 0 : 1;
  }

  /**
   * Per build: dependencies that nothing can meet, installed packages that it cannot live with, python's staleness, and the staleness of the other dependencies that all
   * the builds share, summed. Staleness is the number of better versions that the build does not allow.
   */
  private dependencyKeys(builds: readonly SolvableId[]): number[][] {
    const stale = builds.map((id) => this.stalenessByName(id));
    const shared = [...(stale[0]?.keys() ?? [])].filter((name) => stale.every((map) => map.has(name)));
    const python = this.nameIds.get("python");
    return stale.map((map, i) => {
      let missing = 0;
      for (const value of map.values()) if (value === UNMET) missing++;
      const sum = shared.reduce((total, name) => total + (name === python ? 0 : map.get(name)!), 0);
      return [
        missing,
        this.countBroken(builds[i]!),
        python !== undefined && shared.includes(python) ? map.get(python)! : 0,
        sum,
      ];
    });
  }

  /** Installed packages that are to be kept and that a build does not allow. */
  private countBroken(build: SolvableId): number {
    let broken = 0;
    const { depends, constrains } = this.candidateOf[build]!.record;
    for (const text of [...stringsOf(depends), ...stringsOf(constrains)]) {
      const parsed = this.parseDependency(text);
      if (!parsed || parsed.when) continue;
      for (const name of this.namesOf(parsed.versionSet)) {
        const record = this.source.keeps(this.names[name]!);
        if (record && !this.meets(parsed, record)) broken++;
      }
    }
    return broken;
  }

  private meets({ versionSet }: ParsedDependency, record: PackageRecord): boolean {
    const set = this.versionSets[versionSet]!;
    return set.kind !== "spec" || matchSpecMatches(set.spec, record);
  }

  private stalenessByName(solvable: SolvableId): Map<NameId, number> {
    const allowed = new Map<NameId, ArrayLike<SolvableId>>();
    for (const text of stringsOf(this.candidateOf[solvable]!.record.depends)) {
      const parsed = this.parseDependency(text);
      const name = parsed && this.namesOf(parsed.versionSet)[0];
      if (!parsed || parsed.when || name === undefined) continue;
      const matching = this.matching(parsed.versionSet);
      const before = allowed.get(name);
      allowed.set(name, before ? intersection(before, matching) : matching);
    }
    const staleness = new Map<NameId, number>();
    for (const [name, ids] of allowed) staleness.set(name, ids.length === 0 ? UNMET : this.grade0[ids[0]!]!);
    return staleness;
  }

  /** The record of a solvable. */
  recordOf(solvable: SolvableId): PackageRecord {
    return this.candidateOf[solvable]!.record;
  }
}

const UNMET = 1e6;

/** Common elements of two ascending lists: the ids of a name follow its order. */
function intersection(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const result: number[] = [];
  for (let i = 0, k = 0; i < a.length && k < b.length; ) {
    if (a[i] === b[k]) {
      result.push(a[i]!);
      k++;
      i++;
    } else if (a[i]! < b[k]!) i++;
    else k++;
  }
  return result;
}

/** The strings of a list that a channel may have written as anything. */
export function stringsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.every((item) => typeof item === "string")
    ? value
    : value.filter((item) => typeof item === "string");
}
