import type { Session } from "./session.ts";

/** What the user typed, parsed: the command, its arguments and only the options that were given. */
export interface Invocation {
  /** Name the program was run by: taipan, or conda, mamba, micromamba. */
  name: string;
  /** `["env", "create"]`. */
  path: readonly string[];
  args: readonly string[];
  options: Readonly<Record<string, unknown>>;
  /** Configuration files are not read: the command may be there to repair them. */
  ignoreRc?: boolean;
  /** Options that were given and change nothing. */
  warnings?: readonly { message: string; hint?: string | undefined }[];
}

/** A file of src/cli/verbs: turns an invocation into a command's intent and its result into text or JSON. */
export interface VerbModule {
  /** Returns the exit code. */
  run(invocation: Invocation, session: Session): Promise<number>;
}

export function flag(invocation: Invocation, key: string): boolean {
  return invocation.options[key] === true;
}

export function text(invocation: Invocation, key: string): string | undefined {
  const value = invocation.options[key];
  return typeof value === "string" ? value : undefined;
}

export function list(invocation: Invocation, key: string): string[] {
  const value = invocation.options[key];
  return Array.isArray(value) ? (value as string[]) : [];
}
