import { join } from "node:path";
import { isFileSync } from "../fs/sync-files.ts";
import type { CommandContext } from "./context.ts";

/**
 * The command as conda-meta/history tells it. Run as conda, by the program that `conda init` makes below the root prefix, where there
 * is one: R's reticulate and VS Code take conda, and `activate` beside it, from the first command of an environment's history.
 */
export function historyCommand(context: CommandContext): string[] {
  const [executable = "", ...words] = context.commandLine;
  const conda = join(context.config.rootPrefix, "bin", "conda");
  return [context.dialect === "conda" && isFileSync(conda) ? conda : executable, ...words];
}
