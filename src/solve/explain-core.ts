import { type ConflictCore, type Problem, searchInSteps, type VersionSetId } from "../../solver/index.ts";
import type { Prepared, RootReason } from "./request.ts";

/** Something that the root asks for and that takes part in the conflict. */
export interface RootItem {
  readonly versionSet: VersionSetId;
  readonly kind: "requirement" | "constraint";
  readonly reason: RootReason;
}

export interface MinimalCore {
  readonly items: readonly RootItem[];
  readonly core: ConflictCore;
}

/** Dropped first: what the user did not say. */
const DROP_ORDER: readonly RootReason[] = [
  "virtual",
  "kept",
  "no-downgrade",
  "pip",
  "frozen",
  "python-pin",
  "pin",
  "removed",
  "requested",
];
const MAX_TRIALS = 60;
const CONFLICT_LIMIT = 3000;
/** Conflicts of all trials together: a puzzle that took thousands is not solved sixty times more to be told better. */
const CONFLICT_BUDGET = 6000;

/**
 * Takes root items away as long as the rest still has no answer, so that every item left is needed for the conflict. Trials that
 * take too long keep their item: the result is always a conflict, though then perhaps not a minimal one.
 */
export function* minimizeCore(prepared: Prepared, core: ConflictCore): Generator<void, MinimalCore> {
  let best: MinimalCore = { items: rootItems(prepared, core), core };
  const settled = new Set<VersionSetId>();
  let budget = CONFLICT_BUDGET;
  for (let trial = 0; trial < MAX_TRIALS && budget > 0; trial++) {
    const candidate = nextToDrop(best.items, settled);
    if (!candidate) break;
    settled.add(candidate.versionSet);
    const rest = best.items.filter((item) => item !== candidate);
    const result = yield* searchInSteps(prepared.provider, problemOf(prepared, rest), {
      conflictLimit: Math.min(CONFLICT_LIMIT, budget),
    });
    budget -= result.stats.conflicts;
    if (result.kind === "unsolvable") best = { items: rootItems(prepared, result.core), core: result.core };
  }
  return best;
}

function nextToDrop(items: readonly RootItem[], settled: ReadonlySet<VersionSetId>): RootItem | undefined {
  const open = items.filter((item) => !settled.has(item.versionSet));
  if (items.length < 2) return undefined;
  return open.sort((a, b) => DROP_ORDER.indexOf(a.reason) - DROP_ORDER.indexOf(b.reason))[0];
}

function problemOf(prepared: Prepared, items: readonly RootItem[]): Problem {
  const { requirements, background } = prepared.problem;
  const wanted = new Set(
    items.filter(({ kind }) => kind === "requirement").map(({ versionSet }) => versionSet),
  );
  return {
    requirements: [...requirements, ...background].filter(({ versionSet }) => wanted.has(versionSet)),
    background: [],
    constraints: items.filter(({ kind }) => kind === "constraint").map(({ versionSet }) => versionSet),
    firstWishes: [],
    preferences: [],
    wishes: [],
  };
}

function rootItems(prepared: Prepared, core: ConflictCore): RootItem[] {
  const items = new Map<VersionSetId, RootItem>();
  for (const fact of core.facts) {
    if ((fact.kind !== "requires" && fact.kind !== "constrains") || fact.from !== undefined) continue;
    const kind = fact.kind === "requires" ? "requirement" : "constraint";
    const reason = prepared.reasons.get(fact.versionSet) ?? "requested";
    items.set(fact.versionSet, { versionSet: fact.versionSet, kind, reason });
  }
  const order = [...prepared.problem.requirements, ...prepared.problem.background].map(
    ({ versionSet }) => versionSet,
  );
  const position = (item: RootItem): number => {
    const at = order.indexOf(item.versionSet);
    return at < 0 ? order.length : at;
  };
  return [...items.values()].sort((a, b) => position(a) - position(b));
}
