import { describe, expect, it } from "vitest";
import { solveProblem } from "../../solver/index.ts";
import { allModels, bestAnswer, isModel } from "./oracle.ts";
import { randomUniverse, UniverseProvider } from "./universe.ts";

describe("the solver against brute force", () => {
  it("finds the best answer in the stated order, or none exactly when there is none", () => {
    let solved = 0;
    let conflicts = 0;
    for (let seed = 0; seed < 6000; seed++) {
      const universe = randomUniverse(seed, false);
      const result = solveProblem(new UniverseProvider(universe), universe.problem);
      const expected = bestAnswer(universe);
      const selected = result.kind === "solved" ? [...result.selected].sort((a, b) => a - b) : undefined;
      expect(selected, `seed ${seed}`).toEqual(expected?.sort((a, b) => a - b));
      if (expected) solved++;
      conflicts += result.stats.conflicts;
      // Neither testing every decision first nor forgetting what was learnt may change the answer.
      if (seed % 3 !== 0) continue;
      const guided = solveProblem(new UniverseProvider(universe), universe.problem, {
        guideAfter: 1,
        keepUpTo: seed % 2 === 0 ? 0 : 1000,
      });
      const same = guided.kind === "solved" ? [...guided.selected].sort((a, b) => a - b) : undefined;
      expect(same, `seed ${seed}, guided`).toEqual(selected);
    }
    // The universes must be neither trivial nor hopeless for the comparison to mean anything.
    expect(solved).toBeGreaterThan(1500);
    expect(6000 - solved).toBeGreaterThan(1000);
    expect(conflicts).toBeGreaterThan(2000);
  });

  it("answers conditional requirements with a model exactly when there is one", () => {
    let solved = 0;
    for (let seed = 0; seed < 4000; seed++) {
      const universe = randomUniverse(seed, true);
      const result = solveProblem(new UniverseProvider(universe), universe.problem);
      expect(result.kind, `seed ${seed}`).toBe(allModels(universe).length > 0 ? "solved" : "unsolvable");
      if (result.kind !== "solved") continue;
      solved++;
      expect(isModel(universe, new Set(result.selected)), `seed ${seed}`).toBe(true);
    }
    expect(solved).toBeGreaterThan(1000);
  });
});
