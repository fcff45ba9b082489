import { expect, it } from "vitest";
import { RecordingProvider, ReplayProvider, type Snapshot, solveProblem } from "../../solver/index.ts";
import { randomUniverse, UniverseProvider } from "./universe.ts";

it("solves a saved problem to the same answer, by the same steps", () => {
  for (let seed = 0; seed < 500; seed++) {
    const universe = randomUniverse(seed, seed % 2 === 0);
    const recording = new RecordingProvider(new UniverseProvider(universe));
    const first = solveProblem(recording, universe.problem);
    const saved = JSON.parse(JSON.stringify(recording.snapshot(universe.problem))) as Snapshot;
    expect(solveProblem(new ReplayProvider(saved), saved.problem), `seed ${seed}`).toEqual(first);
  }
});
