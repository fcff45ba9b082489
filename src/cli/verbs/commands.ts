import { EXIT } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";
import { COMMANDS } from "../verbs.ts";

/** conda's `commands`, which completion scripts ask. */
export async function run(_: Invocation, session: Session): Promise<number> {
  const names = COMMANDS.filter(({ hidden, name }) => !hidden || name === "commands")
    .flatMap(({ name, aliases = [] }) => [name, ...aliases])
    .sort();
  if (session.json) session.printJson(names);
  else session.print(names.join("\n"));
  return EXIT.ok;
}
