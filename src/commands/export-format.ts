import { ToolError } from "../errors.ts";
import { linkOrder } from "../solve/order.ts";
import {
  environmentDocument,
  type MaterialsExport,
  writeCondaLock,
  writeCycloneDx,
  writeExplicit,
  writeMambajsLock,
  writePixiLock,
  writeRequirements,
  writeSpdx,
} from "../specs/export/index.ts";
import { similarNames } from "../specs/names.ts";
import { channelUrl } from "../specs/records.ts";
import { VERSION } from "../util/version.ts";
import { type CommandContext, platformOf } from "./context.ts";
import {
  channelName,
  type ExportIntent,
  type ExportResult,
  exportEnvironment,
  requestedSpecs,
} from "./export.ts";

const EXPORT_FORMATS = [
  "environment-yml",
  "environment-json",
  "explicit",
  "requirements",
  "conda-lock",
  "pixi-lock",
  "mambajs-lock",
  "cyclonedx-json",
  "spdx-json",
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Other names of the formats, conda's among them. */
const ALIASES: Record<string, ExportFormat> = {
  "environment-yaml": "environment-yml",
  yaml: "environment-yml",
  yml: "environment-yml",
  json: "environment-json",
  reqs: "requirements",
  txt: "requirements",
  cyclonedx: "cyclonedx-json",
  spdx: "spdx-json",
};

/** Formats that cannot name what pip installed without knowing where it came from. */
const WITHOUT_PIP: readonly ExportFormat[] = [
  "explicit",
  "requirements",
  "conda-lock",
  "pixi-lock",
  "mambajs-lock",
  "cyclonedx-json",
  "spdx-json",
];

export function exportFormat(name: string | undefined, file: string | undefined): ExportFormat {
  if (name === undefined) return file === undefined ? "environment-yml" : formatOfFile(file);
  const format =
    EXPORT_FORMATS.find((known) => known === name) ??
    (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined);
  if (format) return format;
  const near = similarNames(name, [...EXPORT_FORMATS, ...Object.keys(ALIASES)], 1)[0];
  throw new ToolError("usage", `\`${name}\` is no format to export to`, {
    hint: `${near ? `did you mean \`${near}\`? ` : ""}Formats are ${EXPORT_FORMATS.join(", ")}`.replace(
      /^F/,
      "f",
    ),
  });
}

function formatOfFile(file: string): ExportFormat {
  const name = file.replaceAll("\\", "/").split("/").at(-1)!.toLowerCase();
  if (/-lock\.ya?ml$/.test(name)) return "conda-lock";
  if (name.endsWith(".lock")) return "pixi-lock";
  if (/\.(cdx|cyclonedx)\.json$/.test(name)) return "cyclonedx-json";
  if (name.endsWith(".spdx.json")) return "spdx-json";
  if (name === "requirements.txt" || name === "spec.txt") return "requirements";
  if (name.endsWith(".txt")) return "explicit";
  if (name.endsWith("-lock.json")) return "mambajs-lock";
  if (name.endsWith(".json")) return "environment-json";
  if (/\.ya?ml$/.test(name)) return "environment-yml";
  throw new ToolError("usage", `the name of \`${file}\` does not say what format is meant`, {
    hint: `add --format; formats are ${EXPORT_FORMATS.join(", ")}`,
    details: { exception_name: "EnvironmentExporterNotDetected", filename: file },
  });
}

/** The environment in a format, as text. Times come from SOURCE_DATE_EPOCH where it is set, so that equal environments give equal files. */
export async function exportAs(
  format: ExportFormat,
  intent: ExportIntent,
  context: CommandContext,
): Promise<{ text: string; result: ExportResult }> {
  if (intent.fromHistory && !format.startsWith("environment-") && format !== "requirements") {
    throw new ToolError("usage", `--from-history has no exact packages, which ${format} needs`, {
      hint: "use --format environment-yml",
    });
  }
  const result = await exportEnvironment(intent, context);
  const { pip } = result.installed;
  if (WITHOUT_PIP.includes(format) && pip.length > 0) {
    context.events({
      type: "warning",
      code: "pip-left-out",
      message: `${format} leaves out what pip installed: ${pip.map(({ name }) => name).join(", ")}`,
    });
  }
  return { text: render(format, result, intent, context), result };
}

function render(
  format: ExportFormat,
  result: ExportResult,
  { hash, options }: ExportIntent,
  context: CommandContext,
): string {
  const platform = platformOf(context);
  const { records } = result.installed;
  const channels = result.environment.channels;
  switch (format) {
    case "environment-yml":
      return result.yaml;
    case "environment-json":
      return `${JSON.stringify(result.document, null, 2)}\n`;
    case "explicit":
      return writeExplicit(linkOrder(records), { hash: hash ?? "sha256", platform });
    case "requirements": {
      const { dependencies } = environmentDocument(result.environment, options);
      const specs = dependencies.filter((entry) => typeof entry === "string");
      return writeRequirements(specs, { platform, createdBy: `taipan ${VERSION}` });
    }
    case "conda-lock":
      return writeCondaLock({ channels, platforms: [{ platform, records }] });
    case "pixi-lock":
      return writePixiLock([
        { name: "default", channelUrls: channelUrls(result), platforms: [{ platform, records }] },
      ]);
    case "mambajs-lock": {
      const urls = channelUrls(result);
      return writeMambajsLock({
        platform,
        records,
        specs: requestedSpecs(result.installed.state),
        channels: channels.map((name, i) => ({ name, url: urls[i]! })),
      });
    }
    case "cyclonedx-json":
      return writeCycloneDx(materials(result, context));
    case "spdx-json":
      return writeSpdx(materials(result, context));
  }
}

/** Base URLs of the channels, read off the packages' own URLs. */
function channelUrls({ installed, environment }: ExportResult): string[] {
  const urls = new Map<string, string>();
  for (const record of installed.records) urls.set(channelName(record), channelUrl(record));
  return environment.channels.map(
    (name) => urls.get(name) ?? (/^[a-z]+:\/\//.test(name) ? name : `https://conda.anaconda.org/${name}`),
  );
}

function materials({ installed, environment }: ExportResult, context: CommandContext): MaterialsExport {
  const epoch = Number(context.env["SOURCE_DATE_EPOCH"] || Number.NaN);
  const time = Number.isFinite(epoch) ? new Date(epoch * 1000) : new Date();
  return {
    name: environment.name ?? "environment",
    records: installed.records,
    createdAt: time.toISOString().replace(/\.\d+Z$/, "Z"),
    tool: { name: "taipan", version: VERSION },
  };
}
