import { type Falsified, KIND, type Lit, neg, type State, type Var } from "./state.ts";

/**
 * Unit propagation to the fixpoint. `onSelected` runs for each solvable that becomes true, before its consequences are
 * drawn; it may add clauses (and then returns one that is false, if there is any).
 */
export function propagate(
  state: State,
  onSelected: (v: Var) => Falsified | undefined,
): Falsified | undefined {
  while (state.head < state.trail.length) {
    const lit = state.trail.at(state.head++);
    const v = lit >> 1;
    const positive = (lit & 1) === 0;
    const selected = positive && state.kind[v]! <= KIND.solvable;
    const before = selected
      ? (excludeSiblings(state, v) ?? onSelected(v))
      : positive && state.last[v] !== 0
        ? excludeOutside(state, v)
        : undefined;
    const falsified =
      before ??
      propagateEdges(state, lit) ??
      (selected ? excludeRestrictions(state, v) : undefined) ??
      propagateWatches(state, lit ^ 1);
    if (falsified) return falsified;
  }
  return undefined;
}

/** At most one solvable of a name: ¬v ∨ ¬w for every other solvable w of it. */
function excludeSiblings(state: State, v: Var): Falsified | undefined {
  const first = state.first[v]!;
  const last = state.last[v]!;
  const reason = -1 - neg(v);
  state.selected[first] = v;
  for (let w = first; w < last; w++) {
    if (w === v) continue;
    const value = state.value[w]!;
    if (value === 0) state.assign(neg(w), reason);
    else if (value > 0) return { a: neg(v), b: neg(w) };
  }
  return undefined;
}

/**
 * What a requirement or constraint allows excludes the others of its name: ¬r ∨ ¬d for every d outside, which of a requirement follows with
 * at most one. Never stored either. Two requirements that contradict each other thus meet at once, not only for each solvable in turn.
 */
function excludeOutside(state: State, r: Var): Falsified | undefined {
  const last = state.last[r]!;
  const inside = state.members.get(r)!;
  const reason = -1 - neg(r);
  let next = 0;
  for (let w = state.first[r]!; w < last; w++) {
    if (w === inside[next]) {
      next++;
      continue;
    }
    const value = state.value[w]!;
    if (value === 0) state.assign(neg(w), reason);
    else if (value > 0) return { a: neg(r), b: neg(w) };
  }
  return undefined;
}

/** The same seen from the solvable: no requirement or constraint for others of its name holds. */
function excludeRestrictions(state: State, v: Var): Falsified | undefined {
  const list = state.restrictions.get(state.first[v]!);
  if (!list) return undefined;
  const reason = -1 - neg(v);
  for (let i = 0; i < list.length; i++) {
    const r = list[i]!;
    const value = state.value[r]!;
    if (value < 0 || state.isMember(r, v)) continue;
    if (value > 0) return { a: neg(v), b: neg(r) };
    state.assign(neg(r), reason);
  }
  return undefined;
}

function propagateEdges(state: State, lit: Lit): Falsified | undefined {
  const to = state.edgeTo.data;
  const next = state.edgeNext.data;
  for (let edge = state.edgeHead[lit]!; edge !== 0; edge = next[edge]!) {
    const implied = to[edge]!;
    const value = state.valueOf(implied);
    if (value > 0) continue;
    if (value < 0) return { a: lit ^ 1, b: implied };
    state.assign(implied, -1 - (lit ^ 1));
  }
  return undefined;
}

/** Visits the clauses that watch `falseLit` and moves the watch, finds them unit, or false. */
function propagateWatches(state: State, falseLit: Lit): Falsified | undefined {
  const { arena } = state;
  let previous = -1;
  let ref = state.watchHead[falseLit]!;
  while (ref !== 0) {
    const slot = arena[ref + 3] === falseLit ? 0 : 1;
    const next = arena[ref + 1 + slot]!;
    const other = arena[ref + 4 - slot]!;
    const otherValue = state.valueOf(other);
    if (otherValue <= 0) {
      const replacement = findReplacement(state, ref);
      if (replacement > 0) {
        const lit = arena[replacement]!;
        arena[replacement] = falseLit;
        arena[ref + 3 + slot] = lit;
        if (previous < 0) state.watchHead[falseLit] = next;
        else arena[previous] = next;
        arena[ref + 1 + slot] = state.watchHead[lit]!;
        state.watchHead[lit] = ref;
        ref = next;
        continue;
      }
      if (otherValue < 0) return { ref };
      state.assign(other, ref);
    }
    previous = ref + 1 + slot;
    ref = next;
  }
  return undefined;
}

/** Arena index of an unwatched literal that is not false; 0 when there is none. */
function findReplacement(state: State, ref: number): number {
  const { arena, value } = state;
  const end = ref + 3 + arena[ref]!;
  for (let i = ref + 5; i < end; i++) {
    const lit = arena[i]!;
    const assigned = value[lit >> 1]!;
    if (assigned === 0 || assigned > 0 === ((lit & 1) === 0)) return i;
  }
  return 0;
}
