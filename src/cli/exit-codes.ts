import type { ToolError } from "../errors.ts";

/** Documented in README.md; scripts rely on them. */
export const EXIT = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const;

export function exitCodeOf(error: ToolError): number {
  if (error.code === "usage" || error.code === "not-implemented") return EXIT.usage;
  if (error.code === "interrupted") return EXIT.interrupted;
  return EXIT.failure;
}
