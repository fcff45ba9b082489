export type { ConflictCore, CoreFact } from "./core.ts";
export type * from "./provider.ts";
export { RecordingProvider, ReplayProvider, type Snapshot } from "./snapshot.ts";
export {
  type SolverOptions,
  type SolverResult,
  type SolverStats,
  searchInSteps,
  solveProblem,
} from "./solver.ts";
