import { removeEnvironment } from "../../commands/remove.ts";
import type { TargetOptions } from "../../commands/target.ts";
import { plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  return removeWhole({ name: text(invocation, "name"), prefix: text(invocation, "prefix") }, session);
}

export async function removeWhole(target: TargetOptions, session: Session): Promise<number> {
  const { prefix, packages, done } = await removeEnvironment(
    target,
    (path, count) => session.ask(`Remove the environment ${path} with ${plural(count, "package")}?`),
    session.context,
  );
  session.settle();
  const dryRun = session.config.values.dryRun;
  if (session.json) session.printJson({ success: true, prefix, dry_run: dryRun });
  else if (done) session.say(`Removed the environment ${prefix} (${plural(packages, "package")})`);
  else
    session.say(
      dryRun
        ? `Would remove the environment ${prefix} (${plural(packages, "package")})`
        : "Nothing was changed.",
    );
  return done || dryRun ? EXIT.ok : EXIT.failure;
}
