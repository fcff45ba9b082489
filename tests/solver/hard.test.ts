import { describe, expect, it } from "vitest";
import { type Dependencies, type Problem, type Provider, solveProblem } from "../../solver/index.ts";
import { Colouring, clique, randomEdges } from "./colouring.ts";

/** A Latin-square puzzle as packages: a name for each cell, a solvable for each digit, and no digit twice in a row, column or box. */
class Puzzle implements Provider {
  readonly problem: Problem;
  private readonly sets = new Map<number, number[]>();

  constructor(clues: string) {
    const cells = Array.from({ length: 81 }, (_, cell) => cell);
    const given = cells.map((cell) => (clues[cell] === "." ? cell * 11 : cell * 11 + Number(clues[cell])));
    this.problem = {
      requirements: given.map((versionSet) => ({ versionSet })),
      background: [],
      constraints: [],
      firstWishes: [],
      preferences: [],
      wishes: [],
    };
  }

  /** Digits 9 to 1, best first. Sets of a cell: 0 any, 1-9 that digit; 10 and up, in a second range, all but one digit. */
  candidates(cell: number): number[] {
    return Array.from({ length: 9 }, (_, i) => cell * 9 + i);
  }
  matching(set: number): number[] {
    const known = this.sets.get(set);
    if (known) return known;
    const made = this.members(set);
    this.sets.set(set, made);
    return made;
  }
  private members(set: number): number[] {
    const [cell, digit, but] = set < 1000 ? [Math.floor(set / 11), set % 11, false] : decode(set);
    return this.candidates(cell).filter((id) => digit === 0 || (9 - (id % 9) === digit) !== but);
  }
  namesOf(set: number): number[] {
    return [set < 1000 ? Math.floor(set / 11) : decode(set)[0]];
  }
  nameOf(id: number): number {
    return Math.floor(id / 9);
  }
  dependencies(id: number): Dependencies {
    const cell = Math.floor(id / 9);
    const digit = 9 - (id % 9);
    const box = (c: number): number => Math.floor(c / 27) * 3 + Math.floor((c % 9) / 3);
    const peers = Array.from({ length: 81 }, (_, other) => other).filter(
      (other) =>
        other !== cell &&
        (other % 9 === cell % 9 ||
          Math.floor(other / 9) === Math.floor(cell / 9) ||
          box(other) === box(cell)),
    );
    return {
      requirements: peers.map((other) => ({ versionSet: 1000 + other * 10 + digit })),
      constraints: [],
    };
  }
  grade(id: number): number {
    return id % 9;
  }
  tieRank(id: number): number {
    return id % 9;
  }
}

function decode(set: number): [number, number, boolean] {
  return [Math.floor((set - 1000) / 10), (set - 1000) % 10, true];
}

function digits(selected: readonly number[]): string {
  return [...selected]
    .sort((a, b) => a - b)
    .map((id) => 9 - (id % 9))
    .join("");
}

describe("puzzles", () => {
  it("fills an empty board with the greatest digits first, the same in both ways of searching", () => {
    const puzzle = new Puzzle(".".repeat(81));
    const result = solveProblem(puzzle, puzzle.problem, { conflictLimit: 100_000 });
    if (result.kind !== "solved") throw new Error(result.kind);
    expect(digits(result.selected).slice(0, 18)).toBe("987654321654321987");
    const tested = solveProblem(puzzle, puzzle.problem, { conflictLimit: 100_000, guideAfter: 1 });
    if (tested.kind !== "solved") throw new Error(tested.kind);
    expect(digits(tested.selected)).toBe(digits(result.selected));
  });

  it("solves a board with one answer", () => {
    const puzzle = new Puzzle(
      "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..",
    );
    const result = solveProblem(puzzle, puzzle.problem, { conflictLimit: 100_000 });
    if (result.kind !== "solved") throw new Error(result.kind);
    expect(digits(result.selected)).toBe(
      "812753649943682175675491283154237896369845721287169534521974368438526917796318452",
    );
  });
});

describe("worlds without an answer that have a short proof", () => {
  it.each(["requirements", "constraints"] as const)("refutes pigeonholes made of %s", (how) => {
    for (const [pigeons, holes] of [
      [10, 9],
      [15, 9],
      [30, 9],
      [12, 11],
    ] as const) {
      const world = new Colouring(pigeons, holes, clique(pigeons), how);
      const result = solveProblem(world, world.problem, { conflictLimit: 20_000 });
      expect(result.kind, `${pigeons} in ${holes}`).toBe("unsolvable");
    }
  });

  it("refutes a pigeonhole that a single request brings in", () => {
    const world = new Colouring(15, 9, clique(15), "requirements", 1);
    expect(solveProblem(world, world.problem, { conflictLimit: 5000 }).kind).toBe("unsolvable");
  });

  it("refutes graphs that have no colouring and no clique to blame", () => {
    for (const seed of [1, 2, 3]) {
      const world = new Colouring(60, 4, randomEdges(60, 310, seed), "constraints");
      expect(solveProblem(world, world.problem, { conflictLimit: 40_000 }).kind, `seed ${seed}`).toBe(
        "unsolvable",
      );
    }
  });
});

it("colours graphs the same way whether it tests, forgets, or does neither", () => {
  let conflicts = 0;
  for (let seed = 0; seed < 12; seed++) {
    const edges = randomEdges(40, 150, seed);
    const world = new Colouring(40, 4, edges, seed % 2 === 0 ? "requirements" : "constraints");
    const answers = [{}, { guideAfter: 3, keepUpTo: 0 }, { guideAfter: 20 }].map((options) => {
      const result = solveProblem(world, world.problem, { ...options, conflictLimit: 200_000 });
      conflicts += result.stats.conflicts;
      if (result.kind !== "solved") return result.kind;
      const colour = new Map(result.selected.map((id) => [world.nameOf(id), id % 4]));
      expect(colour.size).toBe(40);
      for (const [a, b] of edges) expect(colour.get(a)).not.toBe(colour.get(b));
      return [...result.selected].sort((a, b) => a - b).join();
    });
    expect(new Set(answers).size, `seed ${seed}`).toBe(1);
  }
  expect(conflicts).toBeGreaterThan(500);
});
