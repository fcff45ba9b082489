import { ToolError } from "../../errors.ts";
import { VERSION } from "../../util/version.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** taipan does not replace its own files: whoever installed it brings it up to date. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const wanted = text(invocation, "version");
  if (wanted !== undefined && !/^[\w.+-]+$/.test(wanted))
    throw new ToolError("usage", `\`${wanted}\` is no version`);
  const path = session.context.commandLine[0] ?? "taipan";
  const to = wanted ? ` to ${wanted}` : "";
  throw new ToolError("not-implemented", `taipan ${VERSION} at \`${path}\` does not update itself${to}`, {
    // No registry is named: a package of that name need not be this program.
    hint: "in its checkout: git pull && npm install --global .   (a single executable: put the newer one in its place); then `shell reinit`",
  });
}
