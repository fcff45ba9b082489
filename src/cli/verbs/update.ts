import { install } from "../../commands/install.ts";
import { flag, type Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";
import { changeSources, reportChange } from "./change.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const outcome = await install(
    {
      ...changeSources(invocation),
      command: "update",
      updateAll: flag(invocation, "all"),
      updateDeps: flag(invocation, "updateDeps"),
      prune: invocation.options["pruneDeps"] !== false,
    },
    session.context,
  );
  return reportChange(outcome, session);
}
