import type { Encoder } from "./encode.ts";
import { grown, IntList } from "./int-list.ts";
import { KIND, type Lit, pos, type State, type Var } from "./state.ts";

const DECAY = 1 / 0.95;
const RESCALE = 1e100;
/** Conflicts before the first restart; later ones follow the Luby sequence times this. */
const RESTART_UNIT = 64;

/**
 * Looks for any answer below a decision, by activity instead of by preference.
 *
 * The walk in the order of preference proves most of what it needs in a few hundred conflicts, but where the question is a
 * puzzle its fixed order can take forever to refute one early choice. Then each decision of the walk is tested first: a search that
 * goes where the conflicts are (VSIDS, restarts) either refutes the decision or finds a model, and as long as the walk decides what the
 * model has, no test is needed. The walk still makes the decisions, in its order, so the answer is the same.
 */
export class Guide {
  /** The level of the decision that is tested; 0 when none is. */
  level = 0;
  private inModel = new Uint8Array(0);
  private increment = 1;
  private sinceRestart = 0;
  private restarts = 0;
  /** Requirements that hold, and where they are on the trail. */
  private readonly requirements = new IntList(1024);
  private readonly places = new IntList(1024);
  /** The variable of the clause that each of them stands for, which is what takes part in conflicts. */
  private readonly keys = new IntList(1024);
  /** How much of the trail they are from. */
  private followed = 0;
  /** Per requirement: the solvable that met it last; 0, which is never true, when none did. */
  private metBy = new Int32Array(1024);

  constructor(
    private readonly state: State,
    private readonly encoder: Encoder,
  ) {}

  /** Whether the last model has what a decision says; false when there is none. */
  agrees(decision: Lit): boolean {
    const { state } = this;
    const v = decision >> 1;
    switch (state.kind[v]) {
      case KIND.solvable:
        return this.has(v);
      case KIND.requirement:
        return this.encoder.matchingOf.get(v)?.some((d) => this.has(d)) === true;
      default: {
        const { data: to } = state.edgeTo;
        const { data: next } = state.edgeNext;
        for (let edge = state.edgeHead[decision]!; edge !== 0; edge = next[edge]!) {
          if ((to[edge]! & 1) === 1 && this.has(to[edge]! >> 1)) return false;
        }
        return this.hasModel;
      }
    }
  }

  get hasModel(): boolean {
    return this.inModel.length > 0;
  }

  private has(v: Var): boolean {
    return v < this.inModel.length && this.inModel[v] === 1;
  }

  /** Makes the variables of a conflict more likely to be decided. */
  bump(touched: readonly Var[]): void {
    const { activity } = this.state;
    for (const v of touched) {
      activity[v] = activity[v]! + this.increment;
      if (activity[v]! > RESCALE) this.rescale();
    }
    this.increment *= DECAY;
    this.sinceRestart++;
  }

  private rescale(): void {
    const { activity } = this.state;
    for (let v = 0; v < this.state.variables; v++) activity[v] = activity[v]! / RESCALE;
    this.increment /= RESCALE;
  }

  /** Call it whenever the trail was cut. */
  backtracked(): void {
    this.followed = Math.min(this.followed, this.state.trail.length);
  }

  restartIsDue(): boolean {
    if (this.sinceRestart < RESTART_UNIT * luby(this.restarts + 1)) return false;
    this.restarts++;
    this.sinceRestart = 0;
    return true;
  }

  /**
   * The most active open solvable of the most active open requirement; undefined when every requirement that holds has its solvable,
   * which makes the assignment a model.
   */
  next(): Lit | undefined {
    this.follow();
    const { activity, value } = this.state;
    const { data } = this.requirements;
    const { data: keys } = this.keys;
    let best = 0;
    let most = 0;
    let chosen = 0;
    for (let i = 0; i < this.requirements.length; i++) {
      const requirement = data[i]!;
      const own = activity[keys[i]!]!;
      if (best !== 0 && own <= most) continue;
      if (value[this.metBy[requirement]!]! > 0) continue;
      const candidate = this.choose(requirement);
      if (candidate === 0) continue;
      best = requirement;
      most = own;
      chosen = candidate;
    }
    return best === 0 ? undefined : pos(chosen);
  }

  /** Brings the list of requirements that hold up to the trail: it is long, and most of it are solvables that are ruled out. */
  private follow(): void {
    const { trail, kind } = this.state;
    let kept = this.places.length;
    while (kept > 0 && this.places.data[kept - 1]! >= this.followed) kept--;
    this.places.length = kept;
    this.requirements.length = kept;
    this.keys.length = kept;
    if (this.metBy.length < this.state.variables) this.metBy = grown(this.metBy, this.state.variables);
    for (let i = this.followed; i < trail.length; i++) {
      const lit = trail.at(i);
      if (lit & 1 || kind[lit >> 1] !== KIND.requirement) continue;
      this.requirements.push(lit >> 1);
      this.keys.push(this.encoder.clauseOf.get(lit >> 1) ?? lit >> 1);
      this.places.push(i);
    }
    this.followed = trail.length;
  }

  /** The best open solvable of a requirement that has none selected, else 0. */
  private choose(requirement: Var): Var {
    const { value, activity } = this.state;
    let chosen = 0;
    for (const d of this.encoder.matchingOf.get(requirement)!) {
      if (value[d]! > 0) {
        this.metBy[requirement] = d;
        return 0;
      }
      if (value[d]! < 0) continue;
      const order = chosen === 0 ? 1 : activity[d]! - activity[chosen]!;
      if (order > 0 || (order === 0 && this.has(d) && !this.has(chosen))) chosen = d;
    }
    return chosen;
  }

  /** Remembers the assignment as a model. */
  remember(): void {
    const { state } = this;
    this.inModel = new Uint8Array(state.variables);
    for (let i = 0; i < state.trail.length; i++) {
      const lit = state.trail.at(i);
      if ((lit & 1) === 0) this.inModel[lit >> 1] = 1;
    }
  }
}

/** 1 1 2 1 1 2 4 1 1 2 ... */
function luby(i: number): number {
  let size = 1;
  while (size < i) size = 2 * size + 1;
  while (size !== i) {
    size >>= 1;
    if (i > size) i -= size;
  }
  return (size + 1) >> 1;
}
