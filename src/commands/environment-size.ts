import type { CommandContext } from "./context.ts";
import { installedSize } from "./list.ts";
import { readForQuery } from "./prefix-state.ts";

/** Bytes of all packages of an environment, as their records say; 0 where there is none. */
export async function environmentSize(
  prefix: string,
  context: Pick<CommandContext, "config" | "events" | "signal">,
): Promise<number> {
  const state = await readForQuery(prefix, context);
  return (state?.records ?? []).reduce((sum, record) => sum + installedSize(record), 0);
}
