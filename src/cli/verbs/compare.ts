import { compare } from "../../commands/compare.ts";
import { EXIT } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";
import { printable } from "../terminal.ts";
import { changeSources } from "./change.ts";

/** As conda does: one line for each difference, and exit code 1 when there is any. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const sources = changeSources(invocation);
  const differences = await compare(
    { ...sources, specs: [], files: [...sources.files, ...invocation.args] },
    session.context,
  );
  const lines = differences.map(({ spec, name, installed }) =>
    installed === undefined
      ? `${name} not found`
      : `${name} found but mismatch. Specification pkg: ${spec}, Running pkg: ${installed}`,
  );
  if (lines.length === 0)
    lines.push(
      "Success. All the packages in the specification file are present in the environment with matching version and build string.",
    );
  if (session.json) session.printJson(lines);
  else session.print(lines.map(printable).join("\n"));
  return differences.length === 0 ? EXIT.ok : EXIT.failure;
}
