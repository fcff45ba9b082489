/**
 * What the solver must be told about a package universe. It knows dense integer ids and nothing of what they mean.
 *
 * - a *name* owns an ordered list of *solvables* of which at most one may be selected;
 * - a *version set* is a set of solvables, all of them under its names;
 * - a *requirement* asks for one solvable of a version set, a *constraint* forbids the others of its names.
 *
 * Every answer must be the same each time it is asked for: the solver keeps none that it can ask again.
 */
export type NameId = number;
export type SolvableId = number;
export type VersionSetId = number;

/** Holds when the solvable is selected, or when some solvable of the version set is. */
export type Condition =
  | { readonly kind: "solvable"; readonly id: SolvableId }
  | { readonly kind: "versionSet"; readonly id: VersionSetId };

/** `conditions` (all of them) imply that one of the version set is selected. */
export interface Requirement {
  readonly versionSet: VersionSetId;
  readonly conditions?: readonly Condition[];
}

export interface Dependencies {
  readonly requirements: readonly Requirement[];
  readonly constraints: readonly VersionSetId[];
  /** The solvable can never be selected, whatever else is. */
  readonly unusable?: boolean;
}

export interface Provider {
  /** Every solvable of a name, best first. */
  candidates(name: NameId): ArrayLike<SolvableId>;
  /** The solvables of a version set, best first: a subsequence of the candidates of its names. */
  matching(versionSet: VersionSetId): ArrayLike<SolvableId>;
  /** The names whose solvables the version set restricts; usually one. */
  namesOf(versionSet: VersionSetId): readonly NameId[];
  nameOf(solvable: SolvableId): NameId;
  dependencies(solvable: SolvableId): Dependencies;
  /**
   * Preference classes. Candidates with equal `grade(s, 0)` are as good as each other in the first respect (their version),
   * with equal `grade(s, 1)` in the second too (their build number). Classes are contiguous in the candidate order.
   */
  grade(solvable: SolvableId, level: 0 | 1): number;
  /** Order inside a class of level 1, lower first; asked for only when the solver has to choose inside one. */
  tieRank(solvable: SolvableId): number;
}

/** A wish: the first of these that can be selected is; none, when none can. */
export interface Wish {
  readonly solvables: readonly SolvableId[];
}

/**
 * The question. The answer is the first in this order:
 * 1. `firstWishes`, one after the other;
 * 2. the grade-0 classes of the requirements, in order, then their grade-1 classes;
 * 3. the requirements' solvables, in order;
 * 4. `preferences`, one after the other: something of the version set is selected, if anything of it can be;
 * 5. `wishes`, one after the other;
 * 6. the solvables of `background`, in order: requirements that must be met but have no say before;
 * 7. what the preferences select, in order, where no wish said which;
 * 8. the requirements of what has been selected, breadth first: each takes the best solvable with which everything
 *    before it stays possible.
 */
export interface Problem {
  readonly requirements: readonly Requirement[];
  readonly background: readonly Requirement[];
  readonly constraints: readonly VersionSetId[];
  readonly firstWishes: readonly Wish[];
  readonly preferences: readonly VersionSetId[];
  readonly wishes: readonly Wish[];
}
