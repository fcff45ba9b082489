import { install } from "../../commands/install.ts";
import { flag, type Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";
import { changeSources, reportChange } from "./change.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const sources = changeSources(invocation);
  if (sources.files.length === 0 && sources.specs.length === 0) sources.files.push("environment.yml");
  const outcome = await install(
    // What the file names and the environment lacks is installed, what it has is brought up to date.
    {
      ...sources,
      command: "install",
      upgradeNamed: true,
      createMissing: true,
      onlyRequested: flag(invocation, "prune"),
    },
    session.context,
  );
  return reportChange(outcome, session);
}
