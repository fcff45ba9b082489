import { describe, expect, it } from "vitest";
import { type Dependencies, type Problem, type Provider, solveProblem } from "../../solver/index.ts";

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
