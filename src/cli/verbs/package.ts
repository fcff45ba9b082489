import { compressPackage, extractPackage, transmutePackage } from "../../commands/package.ts";
import { ToolError } from "../../errors.ts";
import { formatBytes, plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** `package extract|compress|transmute`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const action = invocation.path.at(-1)!;
  const [first, second, ...others] = invocation.args;
  const most = action === "transmute" ? 1 : 2;
  if (
    first === undefined ||
    (action === "compress" && second === undefined) ||
    invocation.args.length > most ||
    others.length > 0
  ) {
    throw new ToolError("usage", `\`package ${action}\` takes ${USAGE[action]}`);
  }
  const level = levelOf(invocation);
  const { context } = session;
  const outcome =
    action === "extract"
      ? await extractPackage(first, second, context)
      : action === "compress"
        ? await compressPackage(first, second!, level, context)
        : await transmutePackage(first, level, context);
  session.settle();
  if (session.json) session.printJson({ success: true, ...outcome });
  else session.say(`Wrote ${outcome.path} (${plural(outcome.files, "file")}, ${formatBytes(outcome.bytes)})`);
  return EXIT.ok;
}

const USAGE: Record<string, string> = {
  extract: "an archive, and a directory to extract it into",
  compress: "a directory and the archive to make of it",
  transmute: "one archive",
};

function levelOf(invocation: Invocation): number | undefined {
  const given = text(invocation, "compressionLevel");
  if (given === undefined) return undefined;
  if (!/^\d{1,2}$/.test(given)) throw new ToolError("usage", `\`${given}\` is no compression level`);
  return Number(given);
}
