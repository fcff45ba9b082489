import { grown } from "./int-list.ts";
import type {
  Condition,
  Dependencies,
  NameId,
  Problem,
  Provider,
  Requirement,
  SolvableId,
  VersionSetId,
} from "./provider.ts";
import { type Falsified, KIND, type Lit, neg, pos, type State, type Var } from "./state.ts";

/** A requirement of a selected solvable, for the walk that decides. */
export interface EncodedRequirement {
  readonly variable: Var;
  /** Literals that must all be true before the requirement holds. */
  readonly conditions: readonly Lit[];
}

const NO_CONDITIONS: readonly Lit[] = [];

/**
 * Turns the provider's answers into clauses, the first time that they are needed.
 *
 * | clause | formula | made when |
 * | --- | --- | --- |
 * | dependency | ¬s ∨ r | s is about to be selected |
 * | conditional dependency | ¬s ∨ ¬c₁ ∨ … ∨ r | the same |
 * | requirement | ¬r ∨ d₁ ∨ … ∨ dₙ | r is first mentioned; one clause per version set, shared by all that need it |
 * | requirement for most of a name | ¬r ∨ n | the same |
 * | name | ¬n ∨ d₁ ∨ … ∨ dₘ | the first of these |
 * | outside | ¬r ∨ ¬d for each d of the name outside | never stored: propagation knows it |
 * | exclusion | ¬s ∨ f | s is about to be selected |
 * | constraint | ¬f ∨ ¬d for each d outside | f holds when a requirement reaches the name; otherwise never stored |
 * | condition | ¬d ∨ c for each d inside | c is first mentioned |
 * | at most one | ¬d ∨ ¬e for siblings d, e | never stored: propagation knows it |
 */
export class Encoder {
  readonly root: Var;
  readonly impossible: Var;
  /** Per variable of kind root or solvable: undefined until expanded. */
  readonly requirementsOf: (readonly EncodedRequirement[] | undefined)[] = [];
  /** Per variable of kind requirement: its solvables. */
  readonly matchingOf: ReadonlyMap<Var, Int32Array>;
  private readonly nameVars = new Map<Var, Var>();
  /** Per requirement for most of a name: the variable of the name. */
  readonly clauseOf = new Map<Var, Var>();
  hasConditions = false;
  candidates = 0;
  private solvableVars = new Int32Array(1024);
  private readonly requirementVars = new Map<VersionSetId, Var>();
  private readonly constraintVars = new Map<VersionSetId, Var>();
  private readonly unconditionals = new Map<Var, EncodedRequirement>();
  private readonly conditionVars = new Map<VersionSetId, Var>();
  private readonly waiting = new Map<NameId, Var[]>();
  private readonly loaded = new Set<NameId>();
  /** What the root says of each name: the variables, true for ever, and the solvables that they leave. */
  private readonly groundSets = new Map<NameId, { variable: Var; members: ReadonlySet<SolvableId> }[]>();
  private falsified: Falsified | undefined;

  constructor(
    private readonly state: State,
    private readonly provider: Provider,
    private readonly problem: Problem,
  ) {
    this.matchingOf = state.members;
    this.root = state.addVariable(KIND.root, 0);
    this.impossible = state.addVariable(KIND.impossible, 0);
    state.value[this.impossible] = -1;
  }

  /** Adds the clauses of a root or solvable variable; returns one that is false now. Does nothing the second time. */
  expand(v: Var): Falsified | undefined {
    if (this.requirementsOf[v]) return undefined;
    this.falsified = undefined;
    const dependencies =
      v === this.root ? this.question() : this.provider.dependencies(this.state.payload[v]!);
    const encoded: EncodedRequirement[] = [];
    this.requirementsOf[v] = encoded;
    if (dependencies.unusable) this.addPair(neg(v), pos(this.impossible));
    for (const requirement of dependencies.requirements) {
      const made = this.addRequirement(v, requirement);
      encoded.push(made);
      if (v === this.root && made.conditions.length === 0) this.noteGround(made.variable);
    }
    for (const constraint of dependencies.constraints) {
      const f = this.constraintVar(constraint);
      this.addPair(neg(v), pos(f));
      if (v === this.root) this.noteGround(f);
    }
    return this.falsified;
  }

  /** Remembers what the root asks for unconditionally, so that whatever contradicts it is refuted when it is first mentioned. */
  private noteGround(variable: Var): void {
    const versionSet = this.state.payload[variable]!;
    const names = this.provider.namesOf(versionSet);
    if (names.length !== 1 || this.state.value[variable]! <= 0) return;
    const entry = { variable, members: new Set(Array.from(this.provider.matching(versionSet))) };
    const list = this.groundSets.get(names[0]!);
    if (list) list.push(entry);
    else this.groundSets.set(names[0]!, [entry]);
  }

  /** A variable of the root (of one kind only, if given) that shares no solvable with the version set. */
  private contradictedBy(versionSet: VersionSetId, kind?: number): Var | undefined {
    const names = this.provider.namesOf(versionSet);
    const ground = names.length === 1 ? this.groundSets.get(names[0]!) : undefined;
    if (!ground) return undefined;
    const matching = this.provider.matching(versionSet);
    const found = ground.find(({ variable, members }) => {
      if (kind !== undefined && this.state.kind[variable] !== kind) return false;
      for (let i = 0; i < matching.length; i++) if (members.has(matching[i]!)) return false;
      return true;
    });
    return found?.variable;
  }

  /**
   * Makes a new variable false for ever because a ground variable is true: at level 0 and not on the trail, for nothing depends on
   * it yet. Says at once of `python >=3.13`, once `python=3.8` is asked for, what would else be learnt for each python in turn.
   */
  private refute(variable: Var, ground: Var): void {
    this.state.addEdges(neg(variable), neg(ground));
    this.state.value[variable] = -1;
    this.state.level[variable] = 0;
    this.state.reason[variable] = -1 - neg(ground);
  }

  private question(): Dependencies {
    const { requirements, background, constraints } = this.problem;
    return { requirements: [...requirements, ...background], constraints };
  }

  variableOf(solvable: SolvableId): Var {
    this.loadName(this.provider.nameOf(solvable));
    return this.solvableVars[solvable]!;
  }

  /** The variable that says `something of the version set is selected`. */
  requirementOf(versionSet: VersionSetId): Var {
    return this.requirementVar(versionSet);
  }

  private addRequirement(v: Var, requirement: Requirement): EncodedRequirement {
    const variable = this.requirementVar(requirement.versionSet);
    if (requirement.conditions === undefined || requirement.conditions.length === 0) {
      this.addPair(neg(v), pos(variable));
      return this.unconditional(variable);
    }
    const conditions = requirement.conditions.map((condition) => this.conditionLit(condition));
    this.hasConditions = true;
    this.addLong([neg(v), ...conditions.map((lit) => lit ^ 1), pos(variable)]);
    return { variable, conditions };
  }

  /** One object for all that ask: a hundred thousand records have a million dependencies, on a few thousand version sets. */
  private unconditional(variable: Var): EncodedRequirement {
    let encoded = this.unconditionals.get(variable);
    if (encoded === undefined) {
      encoded = { variable, conditions: NO_CONDITIONS };
      this.unconditionals.set(variable, encoded);
    }
    return encoded;
  }

  private conditionLit(condition: Condition): Lit {
    if (condition.kind === "solvable") return pos(this.variableOf(condition.id));
    let c = this.conditionVars.get(condition.id);
    if (c === undefined) {
      c = this.state.addVariable(KIND.condition, condition.id);
      this.conditionVars.set(condition.id, c);
      for (const d of this.variablesOf(condition.id)) this.addPair(neg(d), pos(c));
    }
    return pos(c);
  }

  private requirementVar(versionSet: VersionSetId): Var {
    let r = this.requirementVars.get(versionSet);
    if (r === undefined) {
      const matching = this.variablesOf(versionSet);
      r = this.state.addVariable(KIND.requirement, versionSet);
      this.requirementVars.set(versionSet, r);
      this.state.members.set(r, matching);
      const owner = this.provider.namesOf(versionSet).length === 1 ? matching[0] : undefined;
      if (owner !== undefined) this.restrict(r, owner);
      const contradicted = matching.length === 0 ? undefined : this.contradictedBy(versionSet);
      if (contradicted !== undefined) this.refute(r, contradicted);
      else if (matching.length === 0) {
        // False for ever: at level 0 and not on the trail. Nothing depends on it yet, so nothing has to be told.
        this.state.value[r] = -1;
        this.state.level[r] = 0;
        this.state.reason[r] = this.state.addClause([neg(r)], 1);
      } else if (matching.length === 1) this.addPair(neg(r), pos(matching[0]!));
      else if (owner !== undefined && this.isMostOfName(r, matching.length)) {
        const n = this.nameVar(owner);
        this.clauseOf.set(r, n);
        this.addPair(neg(r), pos(n));
      } else {
        const lits = new Array<Lit>(matching.length + 1);
        lits[0] = neg(r);
        for (let i = 0; i < matching.length; i++) lits[i + 1] = pos(matching[i]!);
        this.addLong(lits);
      }
      this.excludeBySelected(r);
    }
    return r;
  }

  /** Lets propagation know that a requirement or constraint excludes the others of the name of `owner`. */
  private restrict(v: Var, owner: Var): void {
    const { state } = this;
    const first = state.first[owner]!;
    state.first[v] = first;
    state.last[v] = state.last[owner]!;
    const list = state.restrictions.get(first);
    if (list) list.push(v);
    else state.restrictions.set(first, [v]);
  }

  /** The restriction came after a solvable outside of it was selected. */
  private excludeBySelected(v: Var): void {
    const { state } = this;
    if (state.value[v]! !== 0) return;
    for (let w = state.first[v]!; w < state.last[v]!; w++) {
      if (state.value[w]! > 0 && !state.isMember(v, w)) this.addPair(neg(v), neg(w));
    }
  }

  /**
   * A requirement for most of a name is met by anything of the name, for it excludes the rest itself: the long clause is that of the name,
   * one for all of them, and what is learnt from it does not depend on which of them asked. `x !=1` in the records of many packages is
   * otherwise a clause for each, and pigeonholes that are made of them have no short proof.
   */
  private isMostOfName(r: Var, inside: number): boolean {
    const outside = this.state.last[r]! - this.state.first[r]! - inside;
    return outside * 2 <= inside;
  }

  /** `something of the name is selected`. */
  private nameVar(solvable: Var): Var {
    const { state } = this;
    const first = state.first[solvable]!;
    let n = this.nameVars.get(first);
    if (n === undefined) {
      n = state.addVariable(KIND.name, 0);
      this.nameVars.set(first, n);
      const last = state.last[solvable]!;
      const lits: Lit[] = [neg(n)];
      for (let d = first; d < last; d++) lits.push(pos(d));
      this.addLong(lits);
    }
    return n;
  }

  private constraintVar(versionSet: VersionSetId): Var {
    let f = this.constraintVars.get(versionSet);
    if (f === undefined) {
      f = this.state.addVariable(KIND.constraint, versionSet);
      this.constraintVars.set(versionSet, f);
      const contradicted = this.contradictedBy(versionSet, KIND.requirement);
      if (contradicted !== undefined) {
        this.refute(f, contradicted);
        return f;
      }
      // Names that no requirement has reached cannot be selected: their constraints wait, unread.
      for (const name of this.provider.namesOf(versionSet)) {
        if (this.loaded.has(name)) this.constrain(f, name);
        else {
          const list = this.waiting.get(name);
          if (list) list.push(f);
          else this.waiting.set(name, [f]);
        }
      }
    }
    return f;
  }

  private constrain(f: Var, name: NameId): void {
    const { state } = this;
    const versionSet = state.payload[f]!;
    const all = this.provider.candidates(name);
    // One that holds already has had its turn: what it excludes must be said now, and again after each backtrack.
    if (all.length > 0 && state.value[f]! <= 0 && this.provider.namesOf(versionSet).length === 1) {
      state.members.set(f, this.variablesOf(versionSet));
      this.restrict(f, this.solvableVars[all[0]!]!);
      this.excludeBySelected(f);
      return;
    }
    const allowed = new Set(Array.from(this.provider.matching(versionSet)));
    for (let i = 0; i < all.length; i++) {
      if (!allowed.has(all[i]!)) this.addPair(neg(f), neg(this.solvableVars[all[i]!]!));
    }
  }

  private variablesOf(versionSet: VersionSetId): Int32Array {
    for (const name of this.provider.namesOf(versionSet)) this.loadName(name);
    const matching = this.provider.matching(versionSet);
    const variables = new Int32Array(matching.length);
    for (let i = 0; i < matching.length; i++) variables[i] = this.solvableVars[matching[i]!]!;
    return variables;
  }

  private loadName(name: NameId): void {
    if (this.loaded.has(name)) return;
    this.loaded.add(name);
    const all = this.provider.candidates(name);
    const { state } = this;
    const first = state.variables;
    for (let i = 0; i < all.length; i++) {
      const solvable = all[i]!;
      const v = state.addVariable(KIND.solvable, solvable);
      if (solvable >= this.solvableVars.length) this.solvableVars = grown(this.solvableVars, solvable + 1);
      this.solvableVars[solvable] = v;
      state.first[v] = first;
      state.last[v] = first + all.length;
    }
    this.candidates += all.length;
    for (const f of this.waiting.get(name) ?? []) this.constrain(f, name);
    this.waiting.delete(name);
  }

  private addPair(a: Lit, b: Lit): void {
    const falsified = this.state.addPair(a, b);
    this.falsified ??= falsified;
  }

  private addLong(lits: Lit[]): void {
    const falsified = this.state.addLong(lits);
    this.falsified ??= falsified;
  }
}
