import { packagesOf } from "../../commands/package-of.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, list, text } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

/** `package --which FILE`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const paths = list(invocation, "which");
  if (paths.length === 0)
    throw new ToolError("usage", "`package` was not told what to do", {
      hint: "it has extract, compress, transmute, and --which FILE",
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
