import { ANTECEDENT, type Falsified, KIND, type Lit, type State, type Var } from "./state.ts";

/** The level at which the question itself holds: nothing at or below it can be taken back. */
export const GROUND = 1;

export interface Learnt {
  /** The asserting literal first, then one of the level to go back to. */
  literals: Lit[];
  backLevel: number;
  /** What it was resolved from: see `ANTECEDENT`. */
  antecedents: Int32Array;
  /** Every variable that was resolved on or stayed. */
  touched: Var[];
}

/**
 * First-UIP conflict analysis: resolves the false clause with reasons until one literal of the current level is left.
 *
 * A false literal that follows from one other literal alone (a solvable excluded by a sibling, by a constraint or by a
 * class) is always replaced by that literal, also below the current level: hundreds of excluded candidates of a
 * requirement collapse into the one choice that excluded them. Those steps are not among the antecedents: they are most of a proof, and say
 * no more than that a choice is a choice.
 */
export function analyze(state: State, falsified: Falsified, seen: Uint8Array): Learnt {
  const current = state.currentLevel;
  const lower: Lit[] = [];
  const antecedents: number[] = [];
  const touched: Var[] = [];
  let open = 0;

  const visit = (lit: Lit): void => {
    for (;;) {
      const v = lit >> 1;
      if (seen[v]) return;
      seen[v] = 1;
      touched.push(v);
      if (state.level[v]! <= GROUND) {
        antecedents.push(ANTECEDENT.fact, v, 0);
        return;
      }
      if (state.level[v]! === current) {
        open++;
        return;
      }
      const reason = state.reason[v]!;
      if (reason >= 0 || state.kind[v] !== KIND.solvable || state.value[v]! > 0) {
        lower.push(lit);
        return;
      }
      lit = -1 - reason;
    }
  };

  if ("ref" in falsified) {
    antecedents.push(ANTECEDENT.clause, falsified.ref, 0);
    const end = falsified.ref + 3 + state.arena[falsified.ref]!;
    for (let i = falsified.ref + 3; i < end; i++) visit(state.arena[i]!);
  } else {
    antecedents.push(ANTECEDENT.pair, falsified.a, falsified.b);
    visit(falsified.a);
    visit(falsified.b);
  }

  let index = state.trail.length - 1;
  let uip: Lit;
  for (;;) {
    while (!seen[state.trail.at(index) >> 1] || state.level[state.trail.at(index) >> 1] !== current) index--;
    const lit = state.trail.at(index--);
    open--;
    if (open === 0) {
      uip = lit ^ 1;
      break;
    }
    const reason = state.reason[lit >> 1]!;
    if (reason < 0) {
      antecedents.push(ANTECEDENT.pair, lit, -1 - reason);
      visit(-1 - reason);
    } else {
      antecedents.push(ANTECEDENT.clause, reason, 0);
      const end = reason + 3 + state.arena[reason]!;
      for (let i = reason + 3; i < end; i++) if (state.arena[i] !== lit) visit(state.arena[i]!);
    }
  }
  for (const v of touched) seen[v] = 0;

  // The second literal is the one of the highest level below: it must be watched.
  let backLevel = GROUND;
  let at = -1;
  for (let i = 0; i < lower.length; i++) {
    const level = state.level[lower[i]! >> 1]!;
    if (level > backLevel) {
      backLevel = level;
      at = i;
    }
  }
  if (at > 0) [lower[0], lower[at]] = [lower[at]!, lower[0]!];
  return { literals: [uip, ...lower], backLevel, antecedents: Int32Array.from(antecedents), touched };
}
