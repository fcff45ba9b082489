import { clone } from "../../commands/clone.ts";
import { create } from "../../commands/create.ts";
import { ToolError } from "../../errors.ts";
import { pathKind } from "../../fs/files.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";
import { changeSources, reportChange, sayHowToUse } from "./change.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const sources = changeSources(invocation);
  const source = text(invocation, "clone");
  if (source !== undefined) {
    if (sources.specs.length + sources.files.length > 0)
      throw new ToolError("usage", "--clone takes neither packages nor files", {
        hint: "clone first, then install",
      });
    const cloned = await clone({ source, target: sources.target }, session.context);
    const code = reportChange(cloned, session, { whole: true });
    sayHowToUse(cloned, invocation.name, session);
    return code;
  }
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
