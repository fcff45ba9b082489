import { subShell } from "../../commands/sub-shell.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** `shell -n X`: the user's shell inside an environment. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  return subShell(
    { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
    session.releaseSignals,
    session.context,
  );
}
