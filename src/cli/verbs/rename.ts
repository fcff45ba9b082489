import { rename } from "../../commands/clone.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const [destination, ...others] = invocation.args;
  if (destination === undefined || others.length > 0)
    throw new ToolError("usage", "give one new name", { hint: "`rename -n OLD NEW`" });
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const { from, to, done } = await rename(
    { target, destination, force: flag(invocation, "force") },
    (question) => session.ask(question),
    session.context,
  );
  session.settle();
  const { dryRun } = session.config.values;
  if (session.json) session.printJson({ success: true, dry_run: dryRun, src: from, dst: to });
  // conda's words for a dry run, one line a step.
  else if (dryRun && invocation.name === "conda")
    session.print([`Dry run action: clone ${from},${to}`, `Dry run action: rm_rf ${from}`].join("\n"));
  else if (done) session.say(`Renamed ${from} to ${to}`);
  else session.say(dryRun ? `Would rename ${from} to ${to}` : "Nothing was changed.");
  return done || dryRun ? EXIT.ok : EXIT.failure;
}
