import type { EncodedRequirement, Encoder } from "./encode.ts";
import type { Problem, Provider, Wish } from "./provider.ts";
import { KIND, type Lit, neg, pos, type State, type Var } from "./state.ts";

type Goal =
  | { readonly kind: "wish"; readonly variables: readonly Var[] }
  | { readonly kind: "preference"; readonly requirement: Var }
  | {
      readonly kind: "grade";
      readonly requirement: Var;
      readonly conditions: readonly Lit[];
      readonly level: 0 | 1;
    }
  | { readonly kind: "pick"; readonly requirement: Var; readonly conditions: readonly Lit[] };

/** Where the walk stood when a level began. */
interface Mark {
  goal: number;
  item: number;
  dependency: number;
  queued: number;
}

/** The solvables of a requirement that was never mentioned. */
const NOTHING = new Int32Array(0);

export type Decision = Lit | "implied" | "complete";

/**
 * Chooses the next decision: the best answer to the first open question, in the order that `Problem` promises.
 *
 * Because the order of the questions depends only on the answers before them, and every answer is first tried with its
 * best solvable, the first assignment that satisfies everything is the best one in that order: an earlier answer is
 * given up only when a learnt clause proves that nothing extends it.
 */
export class Decider {
  private readonly goals: Goal[] = [];
  private goal = 0;
  private item = 0;
  private dependency = 0;
  private readonly queue: Var[] = [];
  private inQueue = new Uint8Array(1024);
  private readonly marks: Mark[] = [];
  /** By requirement: its selectors, those that exclude most first. */
  private readonly selectors = new Map<Var, { readonly end: number; readonly selector: Var }[]>();
  private readonly wishes: readonly Var[][];
  private readonly preferences: readonly Var[];

  constructor(
    private readonly state: State,
    private readonly encoder: Encoder,
    private readonly provider: Provider,
    problem: Problem,
  ) {
    const wish = ({ solvables }: Wish): Var[] => solvables.map((solvable) => encoder.variableOf(solvable));
    const firstWishes = problem.firstWishes.map(wish);
    const wishes = problem.wishes.map(wish);
    this.wishes = [...firstWishes, ...wishes];
    const all = encoder.requirementsOf[encoder.root] ?? [];
    const requirements = all.slice(0, problem.requirements.length);
    const pick = ({ variable, conditions }: EncodedRequirement): Goal => ({
      kind: "pick",
      requirement: variable,
      conditions,
    });
    for (const variables of firstWishes) this.goals.push({ kind: "wish", variables });
    for (const level of [0, 1] as const) {
      for (const { variable, conditions } of requirements) {
        this.goals.push({ kind: "grade", requirement: variable, conditions, level });
      }
    }
    this.goals.push(...requirements.map(pick));
    this.preferences = problem.preferences.map((versionSet) => encoder.requirementOf(versionSet));
    for (const requirement of this.preferences) this.goals.push({ kind: "preference", requirement });
    for (const variables of wishes) this.goals.push({ kind: "wish", variables });
    this.goals.push(...all.slice(requirements.length).map(pick));
    for (const requirement of this.preferences)
      this.goals.push({ kind: "pick", requirement, conditions: [pos(requirement)] });
  }

  /** Remembers where the walk stands; call it just before `State.newLevel`. */
  enterLevel(): void {
    this.marks[this.state.currentLevel + 1] = {
      goal: this.goal,
      item: this.item,
      dependency: this.dependency,
      queued: this.queue.length,
    };
  }

  /** Takes the walk back to where it stood at the end of `level`; call it with `State.backtrack`. */
  backtrack(level: number): void {
    const mark = this.marks[level + 1];
    if (mark === undefined) return;
    this.goal = mark.goal;
    this.item = mark.item;
    this.dependency = mark.dependency;
    while (this.queue.length > mark.queued) this.inQueue[this.queue.pop()!] = 0;
    this.marks.length = level + 1;
  }

  /** `implied`: expanding a candidate had consequences, propagate first. `complete`: nothing is open any more. */
  next(): Decision {
    for (;;) {
      while (this.goal < this.goals.length) {
        const decision = this.decideGoal(this.goals[this.goal]!);
        if (decision !== undefined) return decision;
        this.goal++;
      }
      if (this.queue.length === 0) this.startWalk();
      const decision = this.walk();
      if (decision !== undefined) return decision;
      if (!this.encoder.hasConditions || !this.rewind()) return "complete";
    }
  }

  /** Selected solvables that the root, the wishes and their dependencies reach, in the order of the walk. */
  reached(): readonly Var[] {
    return this.queue;
  }

  private startWalk(): void {
    this.enqueueSelectedOf(this.encoder.root);
    for (const variables of this.wishes) {
      for (const v of variables) if (this.state.value[v]! > 0) this.enqueue(v);
    }
    for (const requirement of this.preferences) {
      if (this.state.value[requirement]! <= 0) continue;
      for (const v of this.encoder.matchingOf.get(requirement) ?? NOTHING)
        if (this.state.value[v]! > 0) this.enqueue(v);
    }
  }

  private enqueueSelectedOf(v: Var): void {
    for (const { variable, conditions } of this.encoder.requirementsOf[v] ?? []) {
      if (!this.holds(conditions)) continue;
      for (const d of this.encoder.matchingOf.get(variable) ?? NOTHING)
        if (this.state.value[d]! > 0) this.enqueue(d);
    }
  }

  private enqueue(v: Var): void {
    if (v >= this.inQueue.length) {
      const larger = new Uint8Array(Math.max(v + 1, this.inQueue.length * 2));
      larger.set(this.inQueue);
      this.inQueue = larger;
    }
    if (this.inQueue[v]) return;
    this.inQueue[v] = 1;
    this.queue.push(v);
  }

  /** Breadth first over what is selected; undefined when every requirement on the way has its solvable. */
  private walk(): Decision | undefined {
    while (this.item < this.queue.length) {
      const requirements = this.encoder.requirementsOf[this.queue[this.item]!] ?? [];
      while (this.dependency < requirements.length) {
        const { variable, conditions } = requirements[this.dependency]!;
        const decision = this.holds(conditions) ? this.answer(variable) : undefined;
        if (decision !== undefined) return decision;
        this.dependency++;
      }
      this.item++;
      this.dependency = 0;
    }
    return undefined;
  }

  /** Prepares another walk when a condition came true after the walk had passed its requirement. */
  private rewind(): boolean {
    const late = (v: Var): boolean =>
      (this.encoder.requirementsOf[v] ?? []).some(({ variable, conditions }) => {
        if (!this.holds(conditions)) return false;
        const selected = this.selectedOf(variable);
        return selected === 0 || !this.inQueue[selected];
      });
    if (late(this.encoder.root)) {
      this.goal = 0;
      this.enqueueSelectedOf(this.encoder.root);
    } else if (!this.queue.some(late)) return false;
    this.item = 0;
    this.dependency = 0;
    return true;
  }

  private holds(conditions: readonly Lit[]): boolean {
    for (const lit of conditions) if (this.state.valueOf(lit) <= 0) return false;
    return true;
  }

  private selectedOf(requirement: Var): Var {
    const { state } = this;
    const first = state.first[requirement]!;
    if (first !== 0) {
      const d = state.selected[first]!;
      return d !== 0 && state.value[d]! > 0 && state.isMember(requirement, d) ? d : 0;
    }
    for (const d of this.encoder.matchingOf.get(requirement) ?? NOTHING) if (state.value[d]! > 0) return d;
    return 0;
  }

  private answer(requirement: Var): Decision | undefined {
    const selected = this.selectedOf(requirement);
    if (selected === 0) return this.pick(this.encoder.matchingOf.get(requirement) ?? NOTHING);
    this.enqueue(selected);
    return undefined;
  }

  private decideGoal(goal: Goal): Decision | undefined {
    switch (goal.kind) {
      case "wish":
        return this.decideWish(goal.variables);
      case "preference":
        return this.state.value[goal.requirement] === 0 ? pos(goal.requirement) : undefined;
      case "grade":
        return this.holds(goal.conditions) ? this.decideGrade(goal.requirement, goal.level) : undefined;
      case "pick":
        if (!this.holds(goal.conditions) || this.selectedOf(goal.requirement) !== 0) return undefined;
        return this.pick(this.encoder.matchingOf.get(goal.requirement) ?? NOTHING);
    }
  }

  private decideWish(variables: readonly Var[]): Decision | undefined {
    for (const v of variables) {
      const value = this.state.value[v]!;
      if (value > 0) return undefined;
      if (value === 0) return this.select(v);
    }
    return undefined;
  }

  /** Decides that the requirement is met from its best class that is still possible. */
  private decideGrade(requirement: Var, level: 0 | 1): Decision | undefined {
    const matching = this.encoder.matchingOf.get(requirement) ?? NOTHING;
    const { state, provider } = this;
    const grade = (v: Var): number => provider.grade(state.payload[v]!, level);
    let start = 0;
    while (start < matching.length && state.value[matching[start]!]! < 0) start++;
    while (start < matching.length) {
      const best = grade(matching[start]!);
      let end = start;
      while (end < matching.length && grade(matching[end]!) === best) end++;
      let rest = end;
      while (rest < matching.length && state.value[matching[rest]!]! < 0) rest++;
      if (rest === matching.length) return undefined;
      const selector = this.selector(requirement, end, matching);
      const value = state.value[selector]!;
      if (value > 0) return undefined;
      if (value === 0) return pos(selector);
      start = end;
    }
    return undefined;
  }

  /** A variable that, when true, excludes everything of the requirement from position `end` on; it implies those that exclude less. */
  private selector(requirement: Var, end: number, matching: Int32Array): Var {
    let chain = this.selectors.get(requirement);
    if (chain === undefined) {
      chain = [];
      this.selectors.set(requirement, chain);
    }
    let at = 0;
    while (at < chain.length && chain[at]!.end < end) at++;
    const larger = chain[at];
    if (larger?.end === end) return larger.selector;
    const { state } = this;
    const selector = state.addVariable(KIND.selector, requirement);
    const smaller = chain[at - 1];
    chain.splice(at, 0, { end, selector });
    const until = larger === undefined ? matching.length : larger.end;
    for (let i = end; i < until; i++) this.exclude(selector, matching[i]!);
    if (larger !== undefined) this.imply(selector, larger.selector);
    if (smaller !== undefined) this.imply(smaller.selector, selector);
    return selector;
  }

  /** Something behind a selector may be selected already. */
  private exclude(selector: Var, d: Var): void {
    const { state } = this;
    state.addEdges(neg(selector), neg(d));
    if (state.value[d]! > 0 && state.value[selector] === 0) state.assign(neg(selector), -1 - neg(d));
  }

  private imply(selector: Var, other: Var): void {
    const { state } = this;
    state.addEdges(neg(selector), pos(other));
    if (state.value[other]! < 0 && state.value[selector] === 0) state.assign(neg(selector), -1 - pos(other));
    else if (state.value[selector]! > 0 && state.value[other] === 0)
      state.assign(pos(other), -1 - neg(selector));
  }

  /** The best open solvable of a list that has none selected. */
  private pick(matching: Int32Array): Decision | undefined {
    const { state, provider } = this;
    let at = 0;
    while (at < matching.length && state.value[matching[at]!]! !== 0) at++;
    if (at === matching.length) return undefined;
    let best = matching[at]!;
    const grade = provider.grade(state.payload[best]!, 1);
    const name = provider.nameOf(state.payload[best]!);
    let bestRank = -1;
    for (let i = at + 1; i < matching.length; i++) {
      const v = matching[i]!;
      const id = state.payload[v]!;
      if (provider.grade(id, 1) !== grade || provider.nameOf(id) !== name) break;
      if (state.value[v] !== 0) continue;
      if (bestRank < 0) bestRank = provider.tieRank(state.payload[best]!);
      const rank = provider.tieRank(id);
      if (rank < bestRank) {
        best = v;
        bestRank = rank;
      }
    }
    return this.select(best);
  }

  /**
   * Expands a candidate before it is decided, so that one with an impossible dependency is ruled out without a conflict.
   * Edges of an expanded candidate are looked at again: clauses that came late may have missed their moment.
   */
  private select(v: Var): Decision {
    const { state } = this;
    const before = state.trail.length;
    this.encoder.expand(v);
    if (state.trail.length > before) return "implied";
    const { data: to } = state.edgeTo;
    const { data: next } = state.edgeNext;
    for (let edge = state.edgeHead[pos(v)]!; edge !== 0; edge = next[edge]!) {
      if (state.valueOf(to[edge]!) >= 0) continue;
      state.assign(neg(v), -1 - to[edge]!);
      return "implied";
    }
    return pos(v);
  }
}
