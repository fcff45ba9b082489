import type { Problem, SolvableId, VersionSetId } from "./provider.ts";
import { ANTECEDENT, type Falsified, KIND, type Lit, type State, type Var } from "./state.ts";

/** One thing of the question that takes part in the proof that there is no answer. */
export type CoreFact =
  /** `from` (undefined: the root) needs something of the version set. */
  | {
      readonly kind: "requires";
      readonly from: SolvableId | undefined;
      readonly versionSet: VersionSetId;
      readonly conditional: boolean;
    }
  /** `from` allows only the version set, and `solvable` is outside of it. */
  | { readonly kind: "constrains"; readonly from: SolvableId | undefined; readonly versionSet: VersionSetId }
  | { readonly kind: "outside"; readonly versionSet: VersionSetId; readonly solvable: SolvableId }
  /** What a version set offers: nothing when the list is empty. */
  | { readonly kind: "candidates"; readonly versionSet: VersionSetId }
  /** Two solvables of one name. */
  | { readonly kind: "siblings"; readonly a: SolvableId; readonly b: SolvableId }
  | { readonly kind: "unusable"; readonly solvable: SolvableId };

export interface ConflictCore {
  readonly facts: readonly CoreFact[];
}

/** Follows the proof back from the clause that is false at the ground level to the facts that it rests on. */
export function conflictCore(state: State, falsified: Falsified): ConflictCore {
  const facts = new Map<string, CoreFact>();
  const seenClauses = new Set<number>();
  const seenVars = new Set<Var>();
  const clauses: number[] = [];
  const variables: Var[] = [];

  const seenPairs = new Set<number>();
  const pair = (a: Lit, b: Lit): void => {
    // The same pair serves in hundreds of proofs of learnt clauses.
    const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b);
    if (seenPairs.has(key)) return;
    seenPairs.add(key);
    const fact = pairFact(state, a, b);
    if (fact) facts.set(JSON.stringify(fact), fact);
  };
  const variable = (v: Var): void => {
    if (!seenVars.has(v)) {
      seenVars.add(v);
      variables.push(v);
    }
  };
  const clause = (ref: number): void => {
    if (!seenClauses.has(ref)) {
      seenClauses.add(ref);
      clauses.push(ref);
    }
  };
  const literals = (ref: number): Lit[] =>
    Array.from(state.arena.subarray(ref + 3, ref + 3 + state.arena[ref]!));

  if ("ref" in falsified) {
    clause(falsified.ref);
    for (const lit of literals(falsified.ref)) variable(lit >> 1);
  } else {
    pair(falsified.a, falsified.b);
    variable(falsified.a >> 1);
    variable(falsified.b >> 1);
  }
  while (clauses.length > 0 || variables.length > 0) {
    const ref = clauses.pop();
    if (ref !== undefined) {
      const antecedents = state.antecedents.get(ref);
      if (!antecedents) addClauseFacts(state, literals(ref), facts);
      else {
        for (let i = 0; i < antecedents.length; i += 3) {
          const [kind, a, b] = [antecedents[i]!, antecedents[i + 1]!, antecedents[i + 2]!];
          if (kind === ANTECEDENT.clause) clause(a);
          else if (kind === ANTECEDENT.pair) pair(a, b);
          else variable(a);
        }
      }
      continue;
    }
    const v = variables.pop()!;
    const reason = state.reason[v]!;
    if (reason < 0) {
      pair((v << 1) | (state.value[v]! > 0 ? 0 : 1), -1 - reason);
      variable((-1 - reason) >> 1);
    } else if (reason > 0) {
      clause(reason);
      for (const lit of literals(reason)) variable(lit >> 1);
    }
  }
  return { facts: [...facts.values()] };
}

/** The whole question as the core, for want of a proof. */
export function questionCore({ requirements, background, constraints }: Problem): ConflictCore {
  const requires = [...requirements, ...background].map(
    ({ versionSet, conditions }): CoreFact => ({
      kind: "requires",
      from: undefined,
      versionSet,
      conditional: conditions !== undefined,
    }),
  );
  const constrains = constraints.map(
    (versionSet): CoreFact => ({ kind: "constrains", from: undefined, versionSet }),
  );
  return { facts: [...requires, ...constrains] };
}

function pairFact(state: State, a: Lit, b: Lit): CoreFact | undefined {
  const kindOf = (lit: Lit): number => state.kind[lit >> 1]!;
  const idOf = (lit: Lit): number => state.payload[lit >> 1]!;
  if (kindOf(a) > kindOf(b)) [a, b] = [b, a];
  const from = kindOf(a) === KIND.root ? undefined : idOf(a);
  if (kindOf(a) > KIND.solvable) return undefined;
  switch (kindOf(b)) {
    case KIND.solvable:
      return { kind: "siblings", a: Math.min(idOf(a), idOf(b)), b: Math.max(idOf(a), idOf(b)) };
    case KIND.requirement:
      // ¬s ∨ r is a dependency, ¬r ∨ d is all that a version set offers.
      if (b & 1) return { kind: "candidates", versionSet: idOf(b) };
      return { kind: "requires", from, versionSet: idOf(b), conditional: false };
    case KIND.constraint:
      if (b & 1) return { kind: "outside", versionSet: idOf(b), solvable: idOf(a) };
      return { kind: "constrains", from, versionSet: idOf(b) };
    case KIND.impossible:
      return from === undefined ? undefined : { kind: "unusable", solvable: from };
    default:
      return undefined;
  }
}

function addClauseFacts(state: State, lits: readonly Lit[], facts: Map<string, CoreFact>): void {
  const requirement = lits.find((lit) => state.kind[lit >> 1] === KIND.requirement);
  if (requirement === undefined) return;
  const versionSet = state.payload[requirement >> 1]!;
  let fact: CoreFact;
  if (requirement & 1) fact = { kind: "candidates", versionSet };
  else {
    const owner = lits.find((lit) => (lit & 1) === 1 && state.kind[lit >> 1]! <= KIND.solvable)! >> 1;
    const from = state.kind[owner] === KIND.root ? undefined : state.payload[owner]!;
    fact = { kind: "requires", from, versionSet, conditional: true };
  }
  facts.set(JSON.stringify(fact), fact);
}
