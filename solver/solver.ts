import { analyze, GROUND } from "./analyze.ts";
import { type ConflictCore, conflictCore, questionCore } from "./core.ts";
import { Decider } from "./decide.ts";
import { Encoder } from "./encode.ts";
import { forgetClauses } from "./forget.ts";
import { Guide } from "./guide.ts";
import { propagate } from "./propagate.ts";
import type { Problem, Provider, SolvableId } from "./provider.ts";
import { type Falsified, KIND, type Lit, pos, State } from "./state.ts";

export interface SolverOptions {
  /** Give up after so many conflicts, with `undecided`. */
  readonly conflictLimit?: number;
  /** Conflicts after which decisions are tested by a search that does not follow the order of preference (2000 when absent). */
  readonly guideAfter?: number;
  /** Conflicts up to which every learnt clause is kept, with its origin (5000 when absent). */
  readonly keepUpTo?: number;
}

/** A question that takes more conflicts is a puzzle and its proof is no explanation; the core is then the whole question. */
const KEEP_UP_TO = 5000;
/** A learnt clause of a test stays when its literals are from no more levels. */
const KEPT_LEVELS = 4;
/**
 * The hardest of some hundred real requests takes 400 conflicts, and walking in order of preference is cheaper up to there. Then phases
 * with tests and phases without take turns, each twice as long as the one before: what is hard for one is often easy for the other.
 */
const GUIDE_AFTER = 2000;

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
  const steps = searchInSteps(provider, problem, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same in steps of some hundred decisions or conflicts, so that the caller can do something else in between, or stop. */
export function searchInSteps(
  provider: Provider,
  problem: Problem,
  options: SolverOptions = {},
): Generator<void, SolverResult> {
  return new Search(provider, problem, options).run();
}

class Search {
  private readonly state = new State();
  private readonly encoder: Encoder;
  private readonly decider: Decider | undefined;
  private readonly guide: Guide;
  private seen = new Uint8Array(1024);
  private guided = false;
  /** Whether the origin of learnt clauses is lost. */
  private forgot = false;
  /** Conflicts at which the phase ends. */
  private phaseEnd: number;
  private stepIsOver = false;
  private decisions = 0;
  private conflicts = 0;
  private pending: Falsified | undefined;
  private readonly start: Falsified | undefined;
  private readonly onSelected = (v: number): Falsified | undefined => this.encoder.expand(v);

  constructor(
    provider: Provider,
    private readonly problem: Problem,
    private readonly options: SolverOptions,
  ) {
    const { state } = this;
    this.phaseEnd = options.guideAfter ?? GUIDE_AFTER;
    this.encoder = new Encoder(state, provider, problem);
    this.guide = new Guide(state, this.encoder);
    state.newLevel();
    state.assign(pos(this.encoder.root), 0);
    this.start = this.encoder.expand(this.encoder.root);
    if (!this.start) this.decider = new Decider(state, this.encoder, provider, problem);
  }

  *run(): Generator<void, SolverResult> {
    const { decider } = this;
    if (this.start || !decider) return this.unsolvable(this.start!);
    for (;;) {
      if (this.stepIsOver) {
        this.stepIsOver = false;
        yield;
      }
      const falsified = this.pending ?? propagate(this.state, this.onSelected);
      this.pending = undefined;
      if (falsified) {
        if (this.conflicts >= (this.options.conflictLimit ?? Infinity)) {
          return { kind: "undecided", stats: this.stats() };
        }
        if (!this.resolve(decider, falsified)) return this.unsolvable(falsified);
        if (this.conflicts >= this.phaseEnd) this.changePhase(decider);
        continue;
      }
      if (this.guide.level > 0) {
        this.test(decider, this.guide);
        continue;
      }
      const decision = decider.next();
      if (decision === "implied") continue;
      if (decision === "complete") return this.solved(decider);
      this.decide(decider, decision);
      if (this.guided && !this.guide.agrees(decision)) this.guide.level = this.state.currentLevel;
    }
  }

  /**
   * The whole question is tested before any single decision. A test that a phase without tests interrupts has no result. Clauses of tests that
   * are over serve others only when they say something short; what the walk learnt it needs again, for it goes on where it stood.
   */
  private changePhase(decider: Decider): void {
    const { guide } = this;
    this.guided = !this.guided;
    this.phaseEnd = this.conflicts * 3;
    const testsQuestion = this.guided && !guide.hasModel;
    const forgets = this.conflicts > (this.options.keepUpTo ?? KEEP_UP_TO);
    const level = testsQuestion || forgets ? GROUND : guide.level;
    guide.level = testsQuestion ? GROUND : 0;
    if (level === 0) return;
    this.backtrack(decider, level);
    if (forgets) {
      forgetClauses(this.state, KEPT_LEVELS);
      this.forgot = true;
    }
    this.pending = this.state.reassertLate();
  }

  private decide(decider: Decider, decision: Lit): void {
    decider.enterLevel();
    this.state.newLevel();
    this.state.assign(decision, 0);
    if ((++this.decisions & 255) === 0) this.stepIsOver = true;
  }

  /** One step of the search for a model below the decision that is tested. */
  private test(decider: Decider, guide: Guide): void {
    if (guide.restartIsDue()) {
      this.backtrack(decider, guide.level);
      this.pending = this.state.reassertLate();
      return;
    }
    const decision = guide.next();
    if (decision !== undefined) {
      const before = this.state.trail.length;
      const falsified = this.encoder.expand(decision >> 1);
      if (falsified) this.pending = falsified;
      else if (this.state.trail.length === before) this.decide(decider, decision);
      return;
    }
    guide.remember();
    this.backtrack(decider, guide.level);
    guide.level = 0;
    this.pending = this.state.reassertLate();
  }

  /** Learns from a false clause and goes back; false when there is nothing to go back to. */
  private resolve(decider: Decider, falsified: Falsified): boolean {
    const { state } = this;
    if ((++this.conflicts & 63) === 0) this.stepIsOver = true;
    const level = highestLevel(state, falsified);
    if (level <= GROUND) return false;
    // A clause that came late may be false at an earlier level than this one.
    if (level < state.currentLevel) this.backtrack(decider, level);
    if (this.seen.length < state.variables) this.seen = new Uint8Array(state.variables * 2);
    const { literals, backLevel, antecedents, touched } = analyze(state, falsified, this.seen);
    this.guide.bump(touched);
    this.backtrack(decider, backLevel);
    // The decision that was tested is refuted.
    if (backLevel < this.guide.level) this.guide.level = 0;
    const ref = state.addLearnt(literals, this.guided ? countLevels(state, literals) : 0);
    if (!this.forgot) state.antecedents.set(ref, antecedents);
    state.assign(literals[0]!, ref);
    this.pending = state.reassertLate();
    return true;
  }

  private backtrack(decider: Decider, level: number): void {
    decider.backtrack(level);
    this.state.backtrack(level);
    this.guide.backtracked();
  }

  private solved(decider: Decider): SolverResult {
    const selected = decider.reached().map((v) => this.state.payload[v]!);
    return { kind: "solved", selected, stats: this.stats() };
  }

  private unsolvable(falsified: Falsified): SolverResult {
    const core = this.forgot ? questionCore(this.problem) : conflictCore(this.state, falsified);
    return { kind: "unsolvable", core, stats: this.stats() };
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

function countLevels(state: State, literals: readonly Lit[]): number {
  const levels = new Set<number>();
  for (const lit of literals) levels.add(state.level[lit >> 1]!);
  return levels.size;
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
