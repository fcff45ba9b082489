import { describeEnvironment, knownEnvironments } from "../../commands/environments.ts";
import { displayName } from "../../commands/target.ts";
import { EXIT } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

export async function run(_: Invocation, session: Session): Promise<number> {
  await printEnvironments(await knownEnvironments(session.context), session);
  return EXIT.ok;
}

export async function printEnvironments(prefixes: readonly string[], session: Session): Promise<void> {
  if (session.json) {
    const details = await Promise.all(
      prefixes.map(async (prefix) => [prefix, await describeEnvironment(prefix, session.context)]),
    );
    session.printJson({ envs: prefixes, envs_details: Object.fromEntries(details) });
    return;
  }
  const active = session.context.env["CONDA_PREFIX"];
  const rows = prefixes.map((prefix) => {
    const name = displayName(prefix, session.config.values);
    return [name === prefix ? "" : name, prefix === active ? "*" : "", prefix];
  });
  session.print(renderTable([{ title: "Name" }, { title: "Active" }, { title: "Path" }], rows).join("\n"));
}
