import { grown, IntList } from "./int-list.ts";

/** A variable's number. Literals are `variable * 2` (true) and `variable * 2 + 1` (false). */
export type Var = number;
export type Lit = number;

/** What a variable stands for; `payload` is the id in brackets. */
export const KIND = {
  /** The question itself: true from level 1 on. */
  root: 0,
  /** The solvable [id] is selected. */
  solvable: 1,
  /** Something of the version set [id] must be selected. */
  requirement: 2,
  /** Nothing but the version set [id] may be selected of its names. */
  constraint: 3,
  /** Something of the version set [id] is selected: the condition of a conditional requirement. */
  condition: 4,
  /** The answer to a requirement lies in its best classes; internal to the choice of the best answer. */
  selector: 5,
  /** Never true. */
  impossible: 6,
  /** Some solvable of a name is selected. */
  name: 7,
} as const;

export const pos = (v: Var): Lit => v << 1;
export const neg = (v: Var): Lit => (v << 1) | 1;

/**
 * Variables, assignment, trail and clauses of one search.
 *
 * Clauses live in three shapes:
 * - `a ∨ b`: a pair of implication edges, ¬a → b and ¬b → a (linked lists in typed arrays);
 * - at most one solvable of a name: no clause at all, the solvables of a name are consecutive variables;
 * - longer ones: `[size, next0, next1, lit0, lit1, …]` in one arena, watched by lit0 and lit1.
 *
 * A reason is 0 (decision), a clause reference (> 0) or `-1 - lit` for a two-literal clause whose other literal is `lit`.
 */
export class State {
  variables = 1;
  kind = new Uint8Array(1024);
  payload = new Int32Array(1024);
  /** 1 true, -1 false, 0 open. */
  value = new Int8Array(1024);
  level = new Int32Array(1024);
  reason = new Int32Array(1024);
  /** First and one past the last variable of the solvable's name, or of the only name that a requirement or constraint is about; else 0. */
  first = new Int32Array(1024);
  last = new Int32Array(1024);
  /** By the first variable of a name: its solvable that was selected last, and is as long as its value says so. */
  selected = new Int32Array(1024);
  activity = new Float64Array(1024);
  /** Per variable of kind requirement or constraint: the variables of its solvables, ascending within a name. */
  readonly members = new Map<Var, Int32Array>();
  /** By the first variable of a name: the requirements and constraints about that name alone. */
  readonly restrictions = new Map<Var, Var[]>();

  readonly trail = new IntList(1024);
  readonly levelStart: number[] = [0];
  head = 0;

  /** Per literal: the first edge that fires when the literal becomes true. */
  edgeHead = new Int32Array(2048);
  readonly edgeTo = new IntList(4096);
  readonly edgeNext = new IntList(4096);

  watchHead = new Int32Array(2048);
  arena = new Int32Array(1 << 14);
  arenaEnd = 1;
  /** Per learnt clause: what it was resolved from. */
  readonly antecedents = new Map<number, Int32Array>();
  clauses = 0;
  /** Learnt clauses, and of how many levels their literals came. */
  readonly learnt = new IntList(256);
  readonly learntLevels = new IntList(256);
  /** Clauses whose consequence belongs to an earlier level than the one at which they were added: see `reassertLate`. */
  private latePairs: { a: Lit; b: Lit }[] = [];
  lateClauses: number[] = [];

  constructor() {
    this.edgeTo.push(0);
    this.edgeNext.push(0);
  }

  addVariable(kind: number, payload: number): Var {
    const v = this.variables++;
    if (v >= this.value.length) this.grow(v + 1);
    this.kind[v] = kind;
    this.payload[v] = payload;
    return v;
  }

  private grow(needed: number): void {
    this.kind = grown(this.kind, needed);
    const size = this.kind.length;
    this.payload = grown(this.payload, size);
    this.value = grown(this.value, size);
    this.level = grown(this.level, size);
    this.reason = grown(this.reason, size);
    this.first = grown(this.first, size);
    this.last = grown(this.last, size);
    this.selected = grown(this.selected, size);
    this.activity = grown(this.activity, size);
    this.edgeHead = grown(this.edgeHead, size * 2);
    this.watchHead = grown(this.watchHead, size * 2);
  }

  /** 1 when the literal is true, -1 when false, 0 when open. */
  valueOf(lit: Lit): number {
    const value = this.value[lit >> 1]!;
    return lit & 1 ? -value : value;
  }

  get currentLevel(): number {
    return this.levelStart.length - 1;
  }

  assign(lit: Lit, reason: number): void {
    const v = lit >> 1;
    this.value[v] = lit & 1 ? -1 : 1;
    this.level[v] = this.levelStart.length - 1;
    this.reason[v] = reason;
    this.trail.push(lit);
  }

  newLevel(): void {
    this.levelStart.push(this.trail.length);
  }

  backtrack(level: number): void {
    const start = this.levelStart[level + 1];
    if (start === undefined) return;
    const { data } = this.trail;
    for (let i = this.trail.length - 1; i >= start; i--) this.value[data[i]! >> 1] = 0;
    this.trail.length = start;
    this.levelStart.length = level + 1;
    this.head = start;
  }

  /** Stores the clause; the caller says which literals come first, and those are watched. */
  addClause(lits: ArrayLike<Lit>, size: number): number {
    const ref = this.arenaEnd;
    const end = ref + 3 + size;
    if (end > this.arena.length) this.arena = grown(this.arena, end);
    const { arena } = this;
    arena[ref] = size;
    for (let i = 0; i < size; i++) arena[ref + 3 + i] = lits[i]!;
    this.arenaEnd = end;
    this.clauses++;
    if (size > 1) {
      this.watch(ref, 0);
      this.watch(ref, 1);
    }
    return ref;
  }

  watch(ref: number, slot: number): void {
    const lit = this.arena[ref + 3 + slot]!;
    this.arena[ref + 1 + slot] = this.watchHead[lit]!;
    this.watchHead[lit] = ref;
  }

  /** Stores `a ∨ b` without looking at the assignment. */
  addEdges(a: Lit, b: Lit): void {
    this.pushEdge(a ^ 1, b);
    this.pushEdge(b ^ 1, a);
    this.clauses++;
  }

  /** Adds `a ∨ b` and draws its consequence under the present assignment; returns the pair when it is false now. */
  addPair(a: Lit, b: Lit): Falsified | undefined {
    this.addEdges(a, b);
    return this.enforcePair(a, b);
  }

  private enforcePair(a: Lit, b: Lit): Falsified | undefined {
    const va = this.valueOf(a);
    const vb = this.valueOf(b);
    if (va > 0 || vb > 0 || (va === 0 && vb === 0)) return undefined;
    if (va < 0 && vb < 0) {
      this.latePairs.push({ a, b });
      return { a, b };
    }
    const [cause, implied] = va < 0 ? [a, b] : [b, a];
    if (this.level[cause >> 1]! < this.currentLevel) this.latePairs.push({ a, b });
    this.assign(implied, -1 - cause);
    return undefined;
  }

  /** Adds a longer clause, watched by the literals that will stay undecided longest, and draws its consequence. */
  addLong(lits: Lit[]): Falsified | undefined {
    const { value, level } = this;
    for (let slot = 0; slot < 2; slot++) {
      let best = slot;
      let bestLevel = -1;
      for (let i = slot; i < lits.length; i++) {
        const lit = lits[i]!;
        const assigned = value[lit >> 1]!;
        // Most clauses are long lists of open candidates: the first two will do.
        if (assigned === 0 || assigned > 0 === ((lit & 1) === 0)) {
          best = i;
          break;
        }
        if (level[lit >> 1]! > bestLevel) {
          best = i;
          bestLevel = level[lit >> 1]!;
        }
      }
      const swapped = lits[slot]!;
      lits[slot] = lits[best]!;
      lits[best] = swapped;
    }
    return this.enforceClause(this.addClause(lits, lits.length));
  }

  /** Looks at the two watched literals only: they are the last that can be anything but false. */
  private enforceClause(ref: number): Falsified | undefined {
    const first = this.arena[ref + 3]!;
    const second = this.arena[ref + 4]!;
    const values = [this.valueOf(first), this.valueOf(second)] as const;
    if (values[0] > 0 || values[1] > 0 || (values[0] === 0 && values[1] === 0)) return undefined;
    if (values[0] < 0 && values[1] < 0) {
      this.lateClauses.push(ref);
      return { ref };
    }
    const [cause, implied] = values[0] < 0 ? [first, second] : [second, first];
    if (this.level[cause >> 1]! < this.currentLevel) this.lateClauses.push(ref);
    this.assign(implied, ref);
    return undefined;
  }

  /**
   * Draws consequences again that a backtrack undid although their causes still hold: edges and watches fire only when a literal
   * changes, and for clauses that came late it changed before. Returns a clause that is false now.
   */
  reassertLate(): Falsified | undefined {
    let falsified: Falsified | undefined;
    const pairs = this.latePairs;
    this.latePairs = [];
    for (const { a, b } of pairs) {
      const implied = this.valueOf(a) > 0 ? a : this.valueOf(b) > 0 ? b : undefined;
      const cause = implied === a ? b : a;
      if (implied === undefined) falsified = this.enforcePair(a, b) ?? falsified;
      else if (this.valueOf(cause) < 0) this.latePairs.push({ a, b });
    }
    const clauses = this.lateClauses;
    this.lateClauses = [];
    for (const ref of clauses) {
      const values = [this.valueOf(this.arena[ref + 3]!), this.valueOf(this.arena[ref + 4]!)] as const;
      if (values[0] > 0 || values[1] > 0) {
        if (values[0] < 0 || values[1] < 0) this.lateClauses.push(ref);
      } else falsified = this.enforceClause(ref) ?? falsified;
    }
    return falsified;
  }

  /** Whether a solvable is one of those that a requirement asks for, or a constraint allows. */
  isMember(r: Var, d: Var): boolean {
    const members = this.members.get(r)!;
    let low = 0;
    let high = members.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const member = members[middle]!;
      if (member === d) return true;
      if (member < d) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  addLearnt(lits: ArrayLike<Lit>, levels: number): number {
    const ref = this.addClause(lits, lits.length);
    this.learnt.push(ref);
    this.learntLevels.push(levels);
    return ref;
  }

  private pushEdge(from: Lit, to: Lit): void {
    this.edgeTo.push(to);
    this.edgeNext.push(this.edgeHead[from]!);
    this.edgeHead[from] = this.edgeTo.length - 1;
  }
}

/**
 * Where a learnt clause comes from, three numbers each: a clause and its reference, a two-literal clause and its literals, or a fact
 * of the ground level and its variable. Numbers, because there is one for each ruled out candidate of a requirement.
 */
export const ANTECEDENT = { clause: 0, pair: 1, fact: 2 } as const;

/** A clause that is false now: a reference, or the two literals of a pair. */
export type Falsified = { readonly ref: number } | { readonly a: Lit; readonly b: Lit };
