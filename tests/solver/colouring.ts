import type { Dependencies, Problem, Provider } from "../../solver/index.ts";
import { random } from "./universe.ts";

export type Edge = readonly [number, number];

/**
 * Graph colouring as packages: a name for each node, a solvable for each colour, best first, and no colour on both ends of an edge, said
 * either as a requirement (which brings the neighbour) or as a constraint. A clique is a pigeonhole.
 */
export class Colouring implements Provider {
  readonly problem: Problem;
  private readonly neighbours: number[][];

  constructor(
    readonly nodes: number,
    readonly colours: number,
    edges: readonly Edge[],
    private readonly how: "requirements" | "constraints",
    asked = nodes,
  ) {
    this.neighbours = Array.from({ length: nodes }, () => []);
    for (const [a, b] of edges) {
      this.neighbours[a]!.push(b);
      this.neighbours[b]!.push(a);
    }
    this.problem = {
      requirements: Array.from({ length: asked }, (_, node) => ({ versionSet: this.anyOf(node) })),
      background: [],
      constraints: [],
      firstWishes: [],
      preferences: [],
      wishes: [],
    };
  }

  /** Version sets: node * (colours + 1) + c is all colours but c, and with c = colours any of them. */
  private anyOf(node: number): number {
    return node * (this.colours + 1) + this.colours;
  }
  candidates(node: number): number[] {
    return Array.from({ length: this.colours }, (_, colour) => node * this.colours + colour);
  }
  matching(set: number): number[] {
    const but = set % (this.colours + 1);
    return this.candidates(this.namesOf(set)[0]!).filter((id) => id % this.colours !== but);
  }
  namesOf(set: number): number[] {
    return [Math.floor(set / (this.colours + 1))];
  }
  nameOf(id: number): number {
    return Math.floor(id / this.colours);
  }
  dependencies(id: number): Dependencies {
    const sets = this.neighbours[this.nameOf(id)]!.map(
      (other) => other * (this.colours + 1) + (id % this.colours),
    );
    return this.how === "constraints"
      ? { requirements: [], constraints: sets }
      : { requirements: sets.map((versionSet) => ({ versionSet })), constraints: [] };
  }
  grade(id: number): number {
    return id % this.colours;
  }
  tieRank(id: number): number {
    return id % this.colours;
  }
}

export function clique(size: number): Edge[] {
  const nodes = Array.from({ length: size }, (_, i) => i);
  return nodes.flatMap((b) => nodes.slice(0, b).map((a): Edge => [a, b]));
}

/** Distinct random edges. */
export function randomEdges(nodes: number, count: number, seed: number): Edge[] {
  const next = random(seed);
  const edges = new Map<number, Edge>();
  while (edges.size < count) {
    const a = next(nodes);
    const b = next(nodes);
    if (a < b) edges.set(a * nodes + b, [a, b]);
  }
  return [...edges.values()];
}
