import { packagesOf, untrackedFiles } from "../../commands/package-of.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, list, text } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";
import { printable } from "../terminal.ts";

/** `package --which FILE`, `package --untracked`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const paths = list(invocation, "which");
  if (flag(invocation, "untracked")) return printUntracked(invocation, session);
  if (paths.length === 0)
    throw new ToolError("usage", "`package` was not told what to do", {
      hint: "it has extract, compress, transmute, --which FILE and --untracked",
    });
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const owners = await packagesOf(paths, target, session.context);
  if (session.json) session.printJson(owners);
  else
    session.print(
      renderTable(
        [{ title: "File" }, { title: "Package" }],
        owners.map(({ path, packages }) => [path, packages.join(", ") || "none"]),
        { available: session.out.columns(), dispensable: [] },
      ).join("\n"),
    );
  return owners.every(({ packages }) => packages.length > 0) ? EXIT.ok : EXIT.failure;
}

async function printUntracked(invocation: Invocation, session: Session): Promise<number> {
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const { prefix, files } = await untrackedFiles(target, session.context);
  if (session.json) session.printJson({ prefix, untracked: files });
  else if (files.length > 0) session.print(files.map(printable).join("\n"));
  return EXIT.ok;
}
