import { extractCondaPackages, extractTarball } from "../../commands/constructor.ts";
import { prefixFromPath } from "../../commands/target.ts";
import { ToolError } from "../../errors.ts";
import { plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const given = text(invocation, "prefix");
  if (given === undefined)
    throw new ToolError("usage", "there is no prefix to work in", { hint: "name it with -p PATH" });
  const prefix = prefixFromPath(given, session.context);
  const packages = flag(invocation, "extractCondaPkgs");
  if (packages === flag(invocation, "extractTarball"))
    throw new ToolError("usage", "give one of --extract-conda-pkgs and --extract-tarball");
  if (packages) {
    const done = await extractCondaPackages(prefix, session.context);
    session.settle();
    if (session.json) session.printJson({ success: true, prefix, packages: done.packages });
    else session.say(`Extracted ${plural(done.packages.length, "package")}`);
  } else {
    const { files } = await extractTarball(prefix, process.stdin, session.context);
    session.settle();
    if (session.json) session.printJson({ success: true, prefix, files });
    else session.say(`Extracted ${plural(files, "file")}`);
  }
  return EXIT.ok;
}
