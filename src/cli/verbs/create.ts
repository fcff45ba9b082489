import { create } from "../../commands/create.ts";
import { pathKind } from "../../fs/files.ts";
import type { Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";
import { changeSources, reportChange, sayHowToUse } from "./change.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const sources = changeSources(invocation);
  // As conda does: `env create` without a file reads the one that is usually there.
  if (invocation.path[0] === "env" && sources.files.length === 0 && sources.specs.length === 0) {
    for (const name of ["environment.yml", "environment.yaml"]) {
      if (sources.files.length === 0 && (await pathKind(name)) !== undefined) sources.files.push(name);
    }
    if (sources.files.length === 0) sources.files.push("environment.yml");
  }
  const outcome = await create(
    { ...sources, noDefaultPackages: invocation.options["defaultPackages"] === false },
    session.context,
  );
  const code = reportChange(outcome, session, { whole: true });
  sayHowToUse(outcome, invocation.name, session);
  return code;
}
