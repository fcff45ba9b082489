import { ToolError } from "../errors.ts";
import { readEnds, readMiddle } from "../fs/file-parts.ts";
import { prefixPathProblem } from "../plan/prefix-path.ts";
import {
  distString,
  LINK_TYPE,
  type PackageRecord,
  type PrefixPathsEntry,
  type PrefixRecord,
} from "../specs/records.ts";
import { cutRecord, filesAtStart, HEAD_BYTES, headOf, TAIL_BYTES } from "./lazy-record.ts";

/** File name of a package's record in conda-meta (CEP 32). */
export function prefixRecordFile(record: Pick<PackageRecord, "name" | "version" | "build">): string {
  return `${distString(record)}.json`;
}

/**
 * The text of a record as written to conda-meta: the long lists last, so that most commands need not read them (`headOf`), and no key that
 * a channel has `null` for: libmamba reads a key that is there by its one type, and not the environment otherwise.
 */
export function formatPrefixRecord(record: PrefixRecord): string {
  const { requested_spec = "", files, paths_data, ...rest } = record;
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
  return `${JSON.stringify({ ...said, fn: recordedFileName(record), requested_spec, files, paths_data }, null, 2)}\n`;
}

/**
 * conda and libmamba look for the record of a package under its `fn`: one whose archive was renamed before it was installed has the name
 * that it was built with. `url` says where it was.
 */
function recordedFileName(record: PrefixRecord): string {
  const dist = distString(record);
  const [, stem, extension = ""] = /^(.*?)(\.conda|\.tar\.bz2)?$/.exec(record.fn)!;
  return stem === dist ? record.fn : `${dist}${extension}`;
}

const isText = (value: unknown): value is string => typeof value === "string";
const textList = (value: unknown): string[] => (Array.isArray(value) ? value.filter(isText) : []);

const broken = (path: string, reason: string): ToolError =>
  new ToolError("environment-corrupt", `\`${path}\` is no valid package record: ${reason}`, {
    hint: "remove the file to make the environment forget the package, then install it again",
    details: { path },
  });

function parseJson(json: string, path: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    // It quotes what it could not read.
    throw broken(path, (error as Error).message.replace(/\s+/g, " "));
  }
}

/** The lists of a record, read when they are first asked for. */
interface Lists {
  files(): unknown;
  pathsData(): unknown;
}

/** Reads a record's file, as far as it must be; undefined when there is none. Throws `environment-corrupt`. */
export function readPrefixRecord(path: string): PrefixRecord | undefined {
  const ends = readEnds(path, HEAD_BYTES, TAIL_BYTES);
  if (!ends) return undefined;
  const { start, end, size, identity } = ends;
  if (!end) return parsePrefixRecord(start, path);
  const read = (from: number, bytes: number): Buffer => {
    const found = readMiddle(path, identity, from, bytes);
    if (found) return found;
    throw new ToolError("environment-corrupt", `\`${path}\` was changed by another program in the meantime`, {
      hint: "run the command again",
      details: { path },
    });
  };
  const head = headOf(start, end);
  if (!head) return parsePrefixRecord(read(0, size), path);
  const { value, filesAt } = head;
  return checkedRecord(value, path, {
    files: () => {
      // Names are a fifth of a record: the hashes behind them are read only where they do not suffice.
      const list = filesAtStart(read(filesAt, size >> 2)) ?? filesAtStart(read(filesAt, size));
      return list ? parseJson(list.toString(), path) : parsePrefixRecord(read(0, size), path).files;
    },
    pathsData: () => parsePrefixRecord(read(0, size), path).paths_data,
  });
}

/**
 * Reads a conda-meta record written by any tool. Missing lists become empty, because old conda left them out; what names the package
 * must be there. `files` are as written; see `removablePaths` before deleting any. Throws `environment-corrupt`.
 */
export function parsePrefixRecord(text: string | Buffer, path: string): PrefixRecord {
  let cut = cutRecord(typeof text === "string" ? Buffer.from(text) : text);
  let value = parseJson(cut.head, path) as Record<string, unknown>;
  // What was cut belonged to something inside the record.
  if ((cut.files && value?.["files"] !== null) || (cut.pathsData && value?.["paths_data"] !== null)) {
    cut = { head: text.toString(), files: undefined, pathsData: undefined };
    value = parseJson(cut.head, path) as Record<string, unknown>;
  }
  const { files, paths_data } = value ?? {};
  return checkedRecord(value, path, {
    files: () => (cut.files ? parseJson(cut.files.toString(), path) : files),
    pathsData: () => (cut.pathsData ? parseJson(cut.pathsData.toString(), path) : paths_data),
  });
}

function checkedRecord(parsed: unknown, path: string, lists: Lists): PrefixRecord {
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed))
    throw broken(path, "it is not an object");
  const value = parsed as Record<string, unknown>;
  for (const key of ["name", "version"])
    if (!isText(value[key])) throw broken(path, `\`${key}\` is not a text`);
  const build = value["build"] ?? value["build_string"];
  if (!isText(build)) throw broken(path, "`build` is not a text");
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
  later(record, "files", () => fileList(lists.files()));
  later(record, "paths_data", () => pathsData(lists.pathsData()));
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

function fileList(value: unknown): string[] {
  const files = textList(value);
  for (let i = 0; i < files.length; i++)
    if (files[i]!.includes("\\")) files[i] = files[i]!.replace(/\\/g, "/");
  return files;
}

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
