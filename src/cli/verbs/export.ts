import { dirname, resolve } from "node:path";
import { platformOf } from "../../commands/context.ts";
import { type ExportFormat, exportAs, exportFormat } from "../../commands/export-format.ts";
import type { ListResult } from "../../commands/list.ts";
import { ToolError } from "../../errors.ts";
import { ensureDir, writeAtomic } from "../../fs/files.ts";
import { isPlatform, PLATFORMS } from "../../specs/platform.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, list, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** `export`, and `env export` with conda's and micromamba's switches. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  checkPlatforms(list(invocation, "platform"), platformOf(session.context));
  const file = text(invocation, "file");
  const format = flag(invocation, "explicit") ? "explicit" : exportFormat(text(invocation, "format"), file);
  const intent = {
    target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
    fromHistory: flag(invocation, "fromHistory"),
    channels: list(invocation, "channel"),
    overrideChannels: flag(invocation, "overrideChannels"),
    options: {
      build: invocation.options["builds"] !== false,
      md5: invocation.options["md5"] === true,
      channelSubdir: flag(invocation, "channelSubdir") && !flag(invocation, "ignoreChannels"),
    },
  };
  if (intent.overrideChannels && intent.channels.length === 0)
    throw new ToolError(
      "usage",
      "At least one -c / --channel flag must be supplied when using --override-channels",
    );
  const hash = invocation.options["md5"] === false ? "none" : invocation.path[0] === "env" ? "md5" : "sha256";
  const { text: content, result } = await exportAs(format, { ...intent, hash }, session.context);
  const conda = invocation.name === "conda";
  if (conda) refuseAsConda(format, result.installed);
  session.settle();
  const warnings = conda ? pipWarnings(result.installed) : [];
  // Under --json with a file, they are in the document.
  if (!session.config.values.quiet && !(session.json && file !== undefined))
    for (const message of warnings)
      session.context.events({ type: "warning", code: "pip-packages", message });
  if (file !== undefined) {
    const path = resolve(file);
    await ensureDir(dirname(path));
    await writeAtomic(path, content);
    if (session.json) session.printJson({ success: true, format, file: path, ...(conda && { warnings }) });
    // conda says nothing where all went well.
    else if (!conda) session.say(`Wrote ${path}`);
  } else if (!session.json || format.endsWith("-json") || (conda && text(invocation, "format")))
    session.print(content.trimEnd());
  else if (format === "environment-yml") session.printJson(result.document);
  else if (format === "explicit")
    session.printJson(
      content
        .trim()
        .split("\n")
        .filter((line) => !line.startsWith("#") && line !== "@EXPLICIT"),
    );
  else session.printJson({ success: true, format, content });
  return EXIT.ok;
}

/** conda solves anew for other platforms; an export is what is installed, and so of one platform. */
function checkPlatforms(asked: readonly string[], own: string): void {
  const unknown = asked.filter((platform) => !isPlatform(platform));
  if (unknown.length > 0)
    throw new ToolError("usage", `Could not find platform(s): ${unknown.join(", ")}`, {
      hint: `known are ${PLATFORMS.join(", ")}`,
      details: { exception_name: "CondaValueError" },
    });
  const [other] = asked.filter((platform) => platform !== own);
  if (other !== undefined)
    throw new ToolError(
      "not-implemented",
      `the environment is for ${own}, and cannot be exported for ${other}`,
      {
        hint: `\`lock --platform ${other}\` solves for it`,
      },
    );
}

/** conda exports no list that leads to another environment than the one it was made from. */
function refuseAsConda(format: ExportFormat, { records, pip }: ListResult): void {
  if (format !== "explicit" && format !== "requirements") return;
  const reason =
    records.length === 0
      ? "the environment has no packages"
      : format === "explicit" && pip.length > 0
        ? `it cannot hold external packages, of pip: ${pip.map(({ name }) => name).join(", ")}`
        : undefined;
  if (reason === undefined) return;
  throw new ToolError("usage", `Cannot export ${format} format: ${reason}`, {
    hint: "--format environment-yaml holds everything",
    details: { exception_name: "CondaValueError" },
  });
}

/** conda's first sentence: such a file may make another environment elsewhere, as PyPI's packages have no builds. */
function pipWarnings({ pip }: ListResult): string[] {
  if (pip.length === 0) return [];
  const packages = pip.map(({ name, version }) => `${name}==${version}`).join(", ");
  return [`The exported environment contains 3rd party Python packages, which pip installed: ${packages}`];
}
