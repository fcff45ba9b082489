import { ToolError } from "../errors.ts";
import type { CommandContext } from "./context.ts";

/**
 * Plans are made before the environment is locked, as nobody should wait for a solve or a download. When another command has changed it
 * by then, `change` is done again: it reads what is there now, and asks again.
 */
export async function planAgain<T>(
  { events, signal }: Pick<CommandContext, "events" | "signal">,
  change: () => Promise<T>,
): Promise<T> {
  for (let before = ""; ; ) {
    try {
      return await change();
    } catch (error) {
      // The same twice was not done meanwhile.
      if (!(error instanceof ToolError) || error.code !== "environment-changed" || error.message === before)
        throw error;
      before = error.message;
      signal.throwIfAborted();
      events({ type: "note", message: `${before}: planning again` });
    }
  }
}
