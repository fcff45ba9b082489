import { install } from "../../commands/install.ts";
import { ToolError } from "../../errors.ts";
import { extractName } from "../../specs/match-spec.ts";
import { flag, type Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";
import { changeSources, reportChange } from "./change.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const all = flag(invocation, "all");
  if (invocation.name === "conda" && !all) refuseVersions(invocation.args);
  const outcome = await install(
    {
      ...changeSources(invocation),
      command: "update",
      updateAll: all,
      updateDeps: flag(invocation, "updateDeps"),
      prune: invocation.options["pruneDeps"] !== false,
    },
    session.context,
  );
  return reportChange(outcome, session);
}

/** conda's `update X` means the newest X: it takes no version, build or channel. */
function refuseVersions(specs: readonly string[]): void {
  const narrowed = specs.find((text) => extractName(text) !== text.trim().toLowerCase());
  if (narrowed === undefined) return;
  throw new ToolError("usage", `\`conda update\` only supports name-only spec, but received: ${narrowed}`, {
    hint: "`conda install` takes versions, builds, channels and archives",
    details: { exception_name: "CondaUpdatePackageError" },
  });
}
