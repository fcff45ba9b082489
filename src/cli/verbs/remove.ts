import { remove } from "../../commands/remove.ts";
import { ToolError } from "../../errors.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";
import { reportChange } from "./change.ts";
import { removeWhole } from "./env-remove.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const keepEnvironment = flag(invocation, "keepEnv");
  if (keepEnvironment && !flag(invocation, "all"))
    throw new ToolError("usage", "--keep-env goes with --all", {
      hint: "removing packages by name keeps the environment in any case",
    });
  if (flag(invocation, "all") && !keepEnvironment) return removeWhole(target, session);
  const outcome = await remove(
    {
      target,
      specs: invocation.args,
      everything: keepEnvironment,
      force: flag(invocation, "force"),
      prune: invocation.options["pruneDeps"] !== false,
    },
    session.context,
  );
  return reportChange(outcome, session, { nothing: "Nothing to do: none of it is installed." });
}
