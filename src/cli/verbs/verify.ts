import { verify } from "../../commands/verify.ts";
import { ToolError } from "../../errors.ts";
import type { VerifyProblem } from "../../prefix/verify.ts";
import { plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  if (flag(invocation, "fast") && flag(invocation, "full"))
    throw new ToolError("usage", "--fast and --full exclude each other");
  const mode = flag(invocation, "fast") ? "fast" : "full";
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const { prefix, packages, problems, remaining, change } = await verify(
    { target, mode, fix: flag(invocation, "fix") },
    session.context,
  );
  session.settle();
  if (session.json)
    session.printJson({
      success: remaining.length === 0,
      prefix,
      mode,
      packages,
      problems,
      remaining,
      fixed: problems.length - remaining.length,
      dry_run: session.config.values.dryRun,
    });
  else {
    if (problems.length > 0)
      session.print(problemLines(problems, session.out.columns(), session.verbosity > 0).join("\n"));
    if (problems.length === 0) session.say(`${plural(packages, "package")} of ${prefix} as they should be.`);
    else if (remaining.length === 0) session.say("All of it was mended.");
    else if (change?.declined) session.say("Nothing was changed.");
    else session.say(`${plural(remaining.length, "problem")}; --fix links the packages again.`);
  }
  return remaining.length === 0 ? EXIT.ok : EXIT.failure;
}

/** Rows that a terminal shows without -v: where a package is gone from the cache that an environment links to, there are hundreds. */
const MOST_ROWS = 50;

/** `columns` of the terminal; what is no terminal gets every row. */
export function problemLines(
  problems: readonly VerifyProblem[],
  columns: number | undefined,
  all: boolean,
): string[] {
  const shown = all || columns === undefined ? problems : problems.slice(0, MOST_ROWS);
  const lines = renderTable(
    [{ title: "Package" }, { title: "Problem" }, { title: "Path" }],
    shown.map(({ package: dist, problem, path }) => [dist, problem, path]),
    { available: columns, dispensable: [] },
  );
  const more = problems.length - shown.length;
  return more > 0 ? [...lines, `  ... and ${more} more (-v shows all)`] : lines;
}
