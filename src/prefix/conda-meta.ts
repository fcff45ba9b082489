import { ToolError } from "../errors.ts";
import { prefixPathProblem } from "../plan/prefix-path.ts";
import {
  distString,
  LINK_TYPE,
  type PackageRecord,
  type PrefixPathsEntry,
  type PrefixRecord,
} from "../specs/records.ts";
import { cutRecord } from "./lazy-record.ts";

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
export function parsePrefixRecord(text: string | Buffer, path: string): PrefixRecord {
  const corrupt = (reason: string): ToolError =>
    new ToolError("environment-corrupt", `\`${path}\` is no valid package record: ${reason}`, {
      hint: "remove the file to make the environment forget the package, then install it again",
      details: { path },
    });
  const parse = (json: string): unknown => {
    try {
      return JSON.parse(json);
    } catch (error) {
      throw corrupt((error as Error).message);
    }
  };
  let cut = cutRecord(typeof text === "string" ? Buffer.from(text) : text);
  let value = parse(cut.head) as Record<string, unknown>;
  // What was cut belonged to something inside the record.
  if ((cut.files && value?.["files"] !== null) || (cut.pathsData && value?.["paths_data"] !== null)) {
    cut = { head: text.toString(), files: undefined, pathsData: undefined };
    value = parse(cut.head) as Record<string, unknown>;
  }
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw corrupt("it is not an object");
  for (const key of ["name", "version"]) if (!isText(value[key])) throw corrupt(`\`${key}\` is not a text`);
  const build = value["build"] ?? value["build_string"];
  if (!isText(build)) throw corrupt("`build` is not a text");
  const link = value["link"] as { source?: unknown; type?: unknown } | undefined;
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
  const { files, paths_data } = value;
  later(record, "files", () => fileList(cut.files ? parse(cut.files.toString()) : files));
  later(record, "paths_data", () => pathsData(cut.pathsData ? parse(cut.pathsData.toString()) : paths_data));
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

const fileList = (value: unknown): string[] => textList(value).map((file) => file.replace(/\\/g, "/"));

function pathsData(value: unknown): PrefixRecord["paths_data"] {
  const paths = (value as { paths?: unknown } | null | undefined)?.paths;
  return {
    paths_version: 1,
    paths: (Array.isArray(paths) ? paths : []).filter((entry): entry is PrefixPathsEntry =>
      isText((entry as PrefixPathsEntry | null)?._path),
    ),
  };
}

/** A property that is made when it is first read: most commands read neither list of most packages. */
function later<K extends "files" | "paths_data">(
  record: PrefixRecord,
  key: K,
  make: () => PrefixRecord[K],
): void {
  const settle = (value: unknown): void =>
    void Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true });
  Object.defineProperty(record, key, {
    enumerable: true,
    configurable: true,
    get: () => {
      const value = make();
      settle(value);
      return value;
    },
    set: settle,
  });
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
