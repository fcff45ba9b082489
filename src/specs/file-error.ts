import { type ErrorCode, ToolError } from "../errors.ts";

/** Where something stands in a file, both 1-based. */
export interface FilePosition {
  line: number;
  column: number;
}

/** "`environment.yml`, line 3, column 5: reason", with the same facts in `details`. */
export function fileError(
  code: ErrorCode,
  fileName: string,
  position: FilePosition | undefined,
  reason: string,
  hint?: string,
  cause?: unknown,
): ToolError {
  const place = position ? `, line ${position.line}, column ${position.column}` : "";
  return new ToolError(code, `\`${fileName}\`${place}: ${reason}`, {
    hint,
    cause,
    details: { file: fileName, ...position },
  });
}
