import { analyze, GROUND } from "./analyze.ts";
import { type ConflictCore, conflictCore } from "./core.ts";
import { Decider } from "./decide.ts";
import { Encoder } from "./encode.ts";
import { propagate } from "./propagate.ts";
import type { Problem, Provider, SolvableId } from "./provider.ts";
import { type Falsified, KIND, type Lit, pos, State } from "./state.ts";

export interface SolverOptions {
  /** Asked every few hundred conflicts and decisions; throw from it to stop the search. */
  readonly checkpoint?: () => void;
  /** Give up after so many conflicts, with `undecided`. */
  readonly conflictLimit?: number;
}

export interface SolverStats {
  candidates: number;
  clauses: number;
  decisions: number;
  conflicts: number;
}

export type SolverResult =
  | { readonly kind: "solved"; readonly selected: readonly SolvableId[]; readonly stats: SolverStats }
  | { readonly kind: "undecided"; readonly stats: SolverStats }
  | { readonly kind: "unsolvable"; readonly core: ConflictCore; readonly stats: SolverStats };

/** Finds the best answer in the order that `Problem` states, or proves that there is none. */
export function solveProblem(
  provider: Provider,
  problem: Problem,
  options: SolverOptions = {},
): SolverResult {
  return new Search(provider, problem, options).run();
}

class Search {
  private readonly state = new State();
  private readonly encoder: Encoder;
  private readonly decider: Decider | undefined;
  private seen = new Uint8Array(1024);
  private decisions = 0;
  private conflicts = 0;
  private pending: Falsified | undefined;
  private readonly start: Falsified | undefined;
  private readonly onSelected = (v: number): Falsified | undefined => this.encoder.expand(v);

  constructor(
    provider: Provider,
    problem: Problem,
    private readonly options: SolverOptions,
  ) {
    const { state } = this;
    this.encoder = new Encoder(state, provider, problem);
    state.newLevel();
    state.assign(pos(this.encoder.root), 0);
    this.start = this.encoder.expand(this.encoder.root);
    if (!this.start) this.decider = new Decider(state, this.encoder, provider, problem);
  }

  run(): SolverResult {
    const { decider } = this;
    if (this.start || !decider) return this.unsolvable(this.start!);
    for (;;) {
      const falsified = this.pending ?? propagate(this.state, this.onSelected);
      this.pending = undefined;
      if (falsified) {
        if (this.conflicts >= (this.options.conflictLimit ?? Infinity)) {
          return { kind: "undecided", stats: this.stats() };
        }
        if (!this.resolve(decider, falsified)) return this.unsolvable(falsified);
        continue;
      }
      const decision = decider.next();
      if (decision === "implied") continue;
      if (decision === "complete") return this.solved(decider);
      decider.enterLevel();
      this.state.newLevel();
      this.state.assign(decision, 0);
      if ((++this.decisions & 255) === 0) this.options.checkpoint?.();
    }
  }

  /** Learns from a false clause and goes back; false when there is nothing to go back to. */
  private resolve(decider: Decider, falsified: Falsified): boolean {
    const { state } = this;
    if ((++this.conflicts & 63) === 0) this.options.checkpoint?.();
    const level = highestLevel(state, falsified);
    if (level <= GROUND) return false;
    // A clause that came late may be false at an earlier level than this one.
    if (level < state.currentLevel) this.backtrack(decider, level);
    if (this.seen.length < state.variables) this.seen = new Uint8Array(state.variables * 2);
    const { literals, backLevel, antecedents } = analyze(state, falsified, this.seen);
    this.backtrack(decider, backLevel);
    const ref = state.addClause(literals, literals.length);
    state.antecedents.set(ref, antecedents);
    state.assign(literals[0]!, ref);
    this.pending = state.reassertLate();
    return true;
  }

  private backtrack(decider: Decider, level: number): void {
    decider.backtrack(level);
    this.state.backtrack(level);
  }

  private solved(decider: Decider): SolverResult {
    const selected = decider.reached().map((v) => this.state.payload[v]!);
    return { kind: "solved", selected, stats: this.stats() };
  }

  private unsolvable(falsified: Falsified): SolverResult {
    return { kind: "unsolvable", core: conflictCore(this.state, falsified), stats: this.stats() };
  }

  private stats(): SolverStats {
    return {
      candidates: this.encoder.candidates,
      clauses: this.state.clauses,
      decisions: this.decisions,
      conflicts: this.conflicts,
    };
  }
}

function highestLevel(state: State, falsified: Falsified): number {
  if (!("ref" in falsified)) return Math.max(levelOf(state, falsified.a), levelOf(state, falsified.b));
  let level = 0;
  const end = falsified.ref + 3 + state.arena[falsified.ref]!;
  for (let i = falsified.ref + 3; i < end; i++) level = Math.max(level, levelOf(state, state.arena[i]!));
  return level;
}

function levelOf(state: State, lit: Lit): number {
  const v = lit >> 1;
  return state.kind[v] === KIND.impossible ? 0 : state.level[v]!;
}
