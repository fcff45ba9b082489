import { text as readStream } from "node:stream/consumers";
import { type ChangeOutcome, changesNothing } from "../../commands/change.ts";
import { asMicromamba } from "../../commands/context.ts";
import { displayName } from "../../commands/target.ts";
import { typedWord } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, list, text } from "../invocation.ts";
import { changeDocument } from "../render/json.ts";
import { summaryLine } from "../render/plan.ts";
import { planText, type Session } from "../session.ts";
import { printable } from "../terminal.ts";

/** What create, install and update share: specs, files, channels and the target. */
export function changeSources(invocation: Invocation) {
  let stdin: Promise<string> | undefined;
  return {
    specs: invocation.args,
    files: list(invocation, "file"),
    categories: list(invocation, "category")
      .flatMap((text) => text.split(","))
      .filter(Boolean),
    environment: text(invocation, "environment"),
    channels: list(invocation, "channel"),
    target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
    readStdin: () => (stdin ??= readStream(process.stdin)),
  };
}

const DRY_RUN = "\nDry run: nothing was changed.";

/** Prints what was done, or would be; returns the exit code. */
export function reportChange(
  outcome: ChangeOutcome,
  session: Session,
  shape: { whole?: boolean; nothing?: string } = {},
): number {
  session.settle();
  const { plan } = outcome;
  if (session.json) {
    session.printJson(changeDocument(outcome, { ...shape, dialect: session.context.dialect }));
    return EXIT.ok;
  }
  if (outcome.declined) {
    session.say("Nothing was changed.");
    return EXIT.failure;
  }
  const conda = session.context.dialect === "conda" && shape.nothing === undefined;
  if (changesNothing(plan)) {
    for (const note of plan.notes) session.say(printable(note));
    session.say(
      conda ? "\n# All requested packages already installed.\n" : (shape.nothing ?? summaryLine(plan)),
    );
    if (outcome.dryRun && plan.transaction.newlyRequested.size > 0) session.say(DRY_RUN);
    return EXIT.ok;
  }
  if (outcome.dryRun) {
    if (!session.quiet) session.print(planText(plan, session));
    session.say(DRY_RUN);
    return EXIT.ok;
  }
  if (outcome.downloadOnly) session.say("Fetched into the package cache; nothing was linked.");
  // The last words of micromamba, which image builds look for.
  else if (asMicromamba(session.context) && !session.quiet) session.print("\nTransaction finished");
  return EXIT.ok;
}

/** How to use the environment from here, in the words of micromamba, which programs look for. */
export function sayHowToUse(outcome: ChangeOutcome, name: string, session: Session): void {
  if (!outcome.done || outcome.downloadOnly || session.json || session.quiet) return;
  const shown = displayName(outcome.plan.prefix, session.config.values);
  const path = shown === outcome.plan.prefix;
  const word = typedWord(shown, session.context.hostPlatform);
  session.print(`
To activate this environment, use:

    ${name} activate ${word}

Or to execute a single command in this environment, use:

    ${name} run ${path ? "-p" : "-n"} ${word} mycommand`);
}
