import { subShell } from "../../commands/sub-shell.ts";
import { ToolError } from "../../errors.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** `shell -n X`: the user's shell inside an environment. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const [word] = invocation.args;
  if (word !== undefined) {
    throw new ToolError("usage", `\`shell\` has no command \`${word}\``, {
      hint: "it has activate, deactivate, reactivate, hook, init, deinit, reinit; without one it starts a shell: `shell -n NAME`",
    });
  }
  return subShell(
    { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
    session.releaseSignals,
    session.context,
  );
}
