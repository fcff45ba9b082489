export type { ConflictCore, CoreFact } from "./core.ts";
export type * from "./provider.ts";
export { type SolverOptions, type SolverResult, type SolverStats, solveProblem } from "./solver.ts";
