import { type LockFormatName, lock } from "../../commands/lock.ts";
import { redactUrl } from "../../specs/credentials.ts";
import { plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, list, text } from "../invocation.ts";
import { packageDocument } from "../render/json.ts";
import type { Session } from "../session.ts";
import { changeSources } from "./change.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const output = text(invocation, "output") ?? "conda-lock.yml";
  const format = text(invocation, "format") as LockFormatName | undefined;
  const outcome = await lock(
    {
      ...changeSources(invocation),
      platforms: list(invocation, "platform"),
      update: list(invocation, "update"),
      output,
      format,
    },
    session.context,
  );
  session.settle();
  const { dryRun } = session.config.values;
  if (session.json) {
    session.printJson({
      success: true,
      dry_run: dryRun,
      format: outcome.format,
      files: outcome.written ? outcome.files.map(({ path }) => path) : [],
      platforms: Object.fromEntries(
        outcome.solved.map(({ platform, records }) => [platform, records.map(packageDocument)]),
      ),
      ...(outcome.solved.some(({ pypi }) => pypi.length > 0)
        ? {
            pip: Object.fromEntries(
              outcome.solved.map(({ platform, pypi }) => [
                platform,
                pypi.map(({ name, version, location, sha256 }) => ({
                  name,
                  version,
                  url: redactUrl(location),
                  ...(sha256 ? { sha256 } : {}),
                })),
              ]),
            ),
          }
        : {}),
      ...(output === "-" ? { content: outcome.files.map(({ text: content }) => content).join("") } : {}),
    });
    return EXIT.ok;
  }
  if (output === "-") session.print(outcome.files.map(({ text: content }) => content.trimEnd()).join("\n"));
  for (const { platform, records, pypi } of outcome.solved) {
    const wheels = pypi.length > 0 ? `, ${pypi.length} for pip` : "";
    session.say(`  ${platform}: ${plural(records.length, "package")}${wheels}`);
  }
  if (outcome.written) for (const { path } of outcome.files) session.say(`Wrote ${path}`);
  else if (dryRun) session.say("Dry run: nothing was written.");
  return EXIT.ok;
}
