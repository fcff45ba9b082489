import type { State } from "./state.ts";

/**
 * Forgets the learnt clauses of more than `levels` levels. The arena is packed: references change, and with them the origin of learnt
 * clauses is lost. Call it at the ground level: the reasons of what holds there are read for a proof only, which there is none of any more.
 */
export function forgetClauses(state: State, levels: number): void {
  const { arena, learnt, learntLevels } = state;
  const drop = new Set<number>();
  for (let i = 0; i < learnt.length; i++) if (learntLevels.at(i) > levels) drop.add(learnt.at(i));
  const moved = new Map<number, number>();
  let end = 1;
  for (let ref = 1; ref < state.arenaEnd; ) {
    const length = arena[ref]! + 3;
    if (!drop.has(ref)) {
      moved.set(ref, end);
      arena.copyWithin(end, ref, ref + length);
      end += length;
    }
    ref += length;
  }
  state.arenaEnd = end;
  state.clauses -= drop.size;
  watchAgain(state, moved.values());
  let kept = 0;
  for (let i = 0; i < learnt.length; i++) {
    const ref = moved.get(learnt.at(i));
    if (ref === undefined) continue;
    learnt.data[kept] = ref;
    learntLevels.data[kept++] = learntLevels.at(i);
  }
  learnt.length = kept;
  learntLevels.length = kept;
  state.lateClauses = state.lateClauses.flatMap((ref) => moved.get(ref) ?? []);
  state.antecedents.clear();
}

function watchAgain(state: State, refs: Iterable<number>): void {
  state.watchHead.fill(0);
  for (const ref of refs) {
    if (state.arena[ref]! < 2) continue;
    state.watch(ref, 0);
    state.watch(ref, 1);
  }
}
