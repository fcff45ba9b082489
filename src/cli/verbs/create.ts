import { newRecords } from "../../commands/change.ts";
import { clone } from "../../commands/clone.ts";
import { type CreateOutcome, create } from "../../commands/create.ts";
import { solvedEnvironment } from "../../commands/export.ts";
import { ToolError } from "../../errors.ts";
import { pathKind } from "../../fs/files.ts";
import { environmentDocument, writeEnvironmentYaml } from "../../specs/export/index.ts";
import { EXIT } from "../exit-codes.ts";
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
  const asCondaEnv = invocation.name === "conda" && invocation.path[0] === "env";
  const outcome = await create(
    {
      ...sources,
      noDefaultPackages: invocation.options["defaultPackages"] === false,
      onlyNew: asCondaEnv,
    },
    session.context,
  );
  if (asCondaEnv && outcome.dryRun) return printSolved(outcome, session);
  const code = reportChange(outcome, session, { whole: true });
  sayHowToUse(outcome, invocation.name, session);
  return code;
}

/** conda's `env create --dry-run`: the environment that would be made, as a file. */
function printSolved({ plan, name }: CreateOutcome, session: Session): number {
  const { transaction, prefix } = plan;
  const records = [...transaction.unchanged, ...newRecords(transaction)];
  const environment = solvedEnvironment(records, { name, prefix }, session.context);
  session.settle();
  if (session.json) session.printJson(environmentDocument(environment, { build: true }));
  else session.print(writeEnvironmentYaml(environment, { build: true }).trimEnd());
  return EXIT.ok;
}
