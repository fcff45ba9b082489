import { asMicromamba } from "../../commands/context.ts";
import { install } from "../../commands/install.ts";
import { installRevision } from "../../commands/revision.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";
import { changeSources, reportChange } from "./change.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const revision = text(invocation, "revision");
  if (revision !== undefined) return toRevision(revision, invocation, session);
  const sources = changeSources(invocation);
  if (asMicromamba(session.context) && sources.specs.length + sources.files.length === 0 && !session.json) {
    if (!session.quiet) session.print("Nothing to do.");
    return EXIT.ok;
  }
  // For mamba, what is installed and satisfies the spec is good enough.
  const upgrades = invocation.name === "conda" && !flag(invocation, "satisfiedSkipSolve");
  const outcome = await install(
    {
      ...sources,
      command: flag(invocation, "updateAll") ? "update" : "install",
      updateAll: flag(invocation, "updateAll"),
      updateDeps: flag(invocation, "updateDeps"),
      upgradeNamed: flag(invocation, "updateSpecs") || (upgrades && !session.config.values.freezeInstalled),
      prune: flag(invocation, "prune"),
      ...(flag(invocation, "mkdir") ? { createMissing: true } : {}),
    },
    session.context,
  );
  return reportChange(outcome, session);
}

async function toRevision(text: string, invocation: Invocation, session: Session): Promise<number> {
  const { specs, files, target, channels } = changeSources(invocation);
  if (!/^\d{1,6}$/.test(text))
    throw new ToolError("usage", `\`${text}\` is no revision`, { hint: "`list --revisions` shows them" });
  if (specs.length + files.length > 0)
    throw new ToolError("usage", "--revision takes neither packages nor files");
  return reportChange(
    await installRevision({ target, revision: Number(text), channels }, session.context),
    session,
  );
}
