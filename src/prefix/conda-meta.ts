import { ToolError } from "../errors.ts";
import { prefixPathProblem } from "../plan/prefix-path.ts";
import {
  distString,
  LINK_TYPE,
  type PackageRecord,
  type PrefixPathsEntry,
  type PrefixRecord,
} from "../specs/records.ts";

/** File name of a package's record in conda-meta (CEP 32). */
export function prefixRecordFile(record: Pick<PackageRecord, "name" | "version" | "build">): string {
  return `${distString(record)}.json`;
}

/** The text of a record as written to conda-meta. */
export function formatPrefixRecord(record: PrefixRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

const isText = (value: unknown): value is string => typeof value === "string";
const textList = (value: unknown): string[] => (Array.isArray(value) ? value.filter(isText) : []);

/**
 * Reads a conda-meta record written by any tool. Missing lists become empty, because old conda left them out; what names the package
 * must be there. `files` are as written; see `removablePaths` before deleting any. Throws `environment-corrupt`.
 */
export function parsePrefixRecord(text: string, path: string): PrefixRecord {
  const corrupt = (reason: string): ToolError =>
    new ToolError("environment-corrupt", `\`${path}\` is no valid package record: ${reason}`, {
      hint: "remove the file to make the environment forget the package, then install it again",
      details: { path },
    });
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw corrupt((error as Error).message);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw corrupt("it is not an object");
  for (const key of ["name", "version"]) if (!isText(value[key])) throw corrupt(`\`${key}\` is not a text`);
  const build = value["build"] ?? value["build_string"];
  if (!isText(build)) throw corrupt("`build` is not a text");
  const link = value["link"] as { source?: unknown; type?: unknown } | undefined;
  const paths = (value["paths_data"] as { paths?: unknown } | undefined)?.paths;
  const record = value as unknown as PrefixRecord;
  record.build = build;
  record.build_number =
    typeof value["build_number"] === "number"
      ? value["build_number"]
      : Number(value["build_number"] ?? 0) || 0;
  record.depends = textList(value["depends"]);
  record.constrains = textList(value["constrains"]);
  record.subdir = isText(value["subdir"]) ? value["subdir"] : subdirOf(value);
  record.channel = isText(value["channel"])
    ? value["channel"].replace(new RegExp(`/${escapeRegExp(record.subdir)}/?$`), "")
    : "";
  record.url = isText(value["url"]) ? value["url"] : "";
  record.fn = isText(value["fn"]) ? value["fn"] : distString(record);
  record.files = textList(value["files"]).map((file) => file.replace(/\\/g, "/"));
  record.paths_data = {
    paths_version: 1,
    paths: (Array.isArray(paths) ? paths : []).filter((entry): entry is PrefixPathsEntry =>
      isText((entry as PrefixPathsEntry | null)?._path),
    ),
  };
  const source = isText(link?.source) ? link.source : "";
  const type = link?.type === 2 || link?.type === 3 || link?.type === 4 ? link.type : LINK_TYPE.hardlink;
  record.link = { source, type };
  record.extracted_package_dir = isText(value["extracted_package_dir"])
    ? value["extracted_package_dir"]
    : source;
  record.package_tarball_full_path = isText(value["package_tarball_full_path"])
    ? value["package_tarball_full_path"]
    : "";
  if (value["noarch"] !== "python" && value["noarch"] !== "generic") delete record.noarch;
  return record;
}

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Records of very old conda have no subdir: the URL has. */
function subdirOf(value: Record<string, unknown>): string {
  const match = isText(value["url"]) ? /\/([a-z0-9]+-[a-z0-9]+|noarch)\/[^/]+$/.exec(value["url"]) : null;
  return match?.[1] ?? (value["noarch"] ? "noarch" : "");
}

/**
 * The paths that unlinking a package deletes: its `files` (conda keeps short paths in paths_data of noarch packages, so these are no
 * help). A path outside the prefix, absolute or inside conda-meta makes the record untrustworthy: nothing of it is deleted.
 */
export function removablePaths(record: PrefixRecord): string[] {
  for (const path of record.files) {
    const problem =
      prefixPathProblem(path) ??
      (/^conda-meta(\/(history|state|[^/]*\.json))?$/i.test(path)
        ? "it belongs to the installer"
        : undefined);
    if (problem) {
      throw new ToolError(
        "environment-corrupt",
        `the record of \`${distString(record)}\` lists \`${path.slice(0, 200)}\`, which may not be deleted: ${problem}`,
        {
          hint: "the record was damaged or forged; nothing was removed",
        },
      );
    }
  }
  return record.files;
}
