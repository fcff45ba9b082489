import { ToolError } from "../errors.ts";
import { throwFrozen } from "../prefix/frozen.ts";
import { type PrefixState, readPrefix } from "../prefix/prefix.ts";
import { halfMadeBeside, recoverPrefix } from "../prefix/recover.ts";
import type { CommandContext } from "./context.ts";

type StateContext = Pick<CommandContext, "config" | "events" | "signal">;

/**
 * The state of a prefix that a command is about to change; undefined where there is nothing. A transaction that was stopped is taken
 * back first, one that is under way is waited for. A frozen environment is refused here, before anything is fetched.
 */
export async function readForChange(prefix: string, context: StateContext): Promise<PrefixState | undefined> {
  const { config, events, signal } = context;
  const recovery = await recoverPrefix(prefix, {
    timeout: config.lockTimeout,
    signal,
    events,
    onWait: (holder) =>
      events({ type: "note", message: `waiting for ${holder}, which changes \`${prefix}\`` }),
  });
  tell(recovery, prefix, context);
  const state = await readPrefix(prefix);
  // Nobody may name those again: who makes an environment tidies up after those that died over it.
  if (!state && !config.dryRun)
    for (const other of halfMadeBeside(prefix)) await recoverIfFree(other, context);
  if (state?.frozen && config.protectFrozenEnvs && !config.dryRun) throwFrozen(prefix, state.frozen);
  return state;
}

/**
 * The state of a prefix that a command only shows. What a stopped transaction left is taken back where that is possible at once; a
 * prefix that is being changed, or that belongs to another user, is read as it is.
 */
export async function readForQuery(prefix: string, context: StateContext): Promise<PrefixState | undefined> {
  await recoverIfFree(prefix, context);
  return readPrefix(prefix);
}

async function recoverIfFree(prefix: string, context: StateContext): Promise<void> {
  try {
    const { signal, events } = context;
    tell(await recoverPrefix(prefix, { timeout: 0.001, signal, events }), prefix, context);
  } catch (error) {
    const code = error instanceof ToolError ? error.code : undefined;
    if (code !== "locked" && code !== "permission-denied") throw error;
  }
}

function tell(recovery: string, prefix: string, { events }: StateContext): void {
  if (recovery !== "rolled-back") return;
  events({
    type: "warning",
    code: "recovered",
    message: `an unfinished transaction in \`${prefix}\` was rolled back`,
  });
}
