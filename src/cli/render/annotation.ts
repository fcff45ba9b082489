import { resolve } from "node:path";
import type { ToolError } from "../../errors.ts";
import { errorCommand } from "../../util/github.ts";
import { printable } from "../terminal.ts";

/** What shows the failure of a step of a GitHub workflow at its run, beside the line of a file that is wrong; elsewhere nothing. */
export function annotation(error: ToolError, env: NodeJS.ProcessEnv, cwd: string): string {
  if (env["GITHUB_ACTIONS"] !== "true") return "";
  const { message, hint, details } = error;
  const { file, line, column } = details ?? {};
  const isPath = typeof file === "string" && file !== "-" && !/^[a-z]+:\/\//i.test(file);
  const place =
    isPath && typeof line === "number" && typeof column === "number"
      ? { file: resolve(cwd, file), line, column }
      : undefined;
  return errorCommand(printable(message), hint && printable(hint), place);
}
