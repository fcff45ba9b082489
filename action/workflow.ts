/** What a step of a workflow is told and may tell. */
export interface Workflow {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Sets an output of the step. */
  output(name: string, value: string): void;
  /** Sets a variable of the steps that follow. */
  variable(name: string, value: string): void;
  /** Puts a directory first on PATH of the steps that follow. */
  path(directory: string): void;
}
