import { ToolError } from "../../errors.ts";
import { VERSION } from "../../util/version.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** taipan does not replace its own files: whoever installed it brings it up to date. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const wanted = text(invocation, "version") ?? "latest";
  if (!/^[\w.+-]+$/.test(wanted)) throw new ToolError("usage", `\`${wanted}\` is no version`);
  const path = session.context.commandLine[0] ?? "taipan";
  throw new ToolError("not-implemented", `taipan ${VERSION} at \`${path}\` does not update itself`, {
    hint: howTo(path, wanted),
  });
}

function howTo(path: string, version: string): string {
  if (!/\.[cm]?js$/.test(path) && !path.includes("node_modules")) {
    return `with npm: npm install --global taipan@${version}; a single executable is replaced by a newer one, then run \`shell reinit\``;
  }
  return `run: npm install --global taipan@${version}`;
}
