/**
 * Reads info/ of an extracted package (CEP 34): index.json, paths.json or its three forerunners, link.json. The package is
 * hostile until checked: sizes are bounded, links are not followed, every path and name that will reach a path is judged.
 */
import { ToolError } from "../errors.ts";
import { readInfoFile } from "../fs/archive-files.ts";
import { parseEntryPoint } from "../plan/entry-points.ts";
import { checkRecordNames } from "../specs/names.ts";
import type { PackageRecord, PathsEntry } from "../specs/records.ts";
import { trimTrailingSlashes } from "../specs/slashes.ts";
import { isJsonObject } from "../util/json.ts";
import { type JsonObject, parseInfoJson, textField, textList } from "./info-json.ts";
import { legacyPaths, parsePathsJson } from "./info-paths.ts";
import { checkMemberPath } from "./member-path.ts";

export interface LinkInfo {
  noarch?: { type: "python" | "generic"; entry_points: string[] } | undefined;
  package_metadata_version?: number | undefined;
}

export interface PackageInfo {
  index: PackageRecord;
  /** Every path of the package, in the order of paths.json. */
  paths: PathsEntry[];
  link?: LinkInfo | undefined;
}

/** index.json of an extracted package. Throws `archive-invalid` or `unsafe-name`. */
export function readIndexJson(directory: string): PackageRecord {
  const text = readInfoFile(directory, "info/index.json");
  if (text === undefined) throw invalidInfo("it has no info/index.json");
  return parseIndexJson(text);
}

/** index.json, paths and link.json of the package extracted at `directory`. Throws as readIndexJson, `archive-unsafe-path` too. */
export async function readInfo(directory: string): Promise<PackageInfo> {
  const index = readIndexJson(directory);
  const pathsJson = readInfoFile(directory, "info/paths.json");
  // CEP 34: where paths.json is, the files it replaced say nothing.
  const paths = pathsJson === undefined ? legacyPaths(directory) : parsePathsJson(pathsJson);
  const linkJson = readInfoFile(directory, "info/link.json");
  const link =
    linkJson === undefined
      ? undefined
      : parseLinkJson(linkJson, `${index.name}-${index.version}-${index.build}`);
  return { index, paths, link };
}

/** Parses the text of an index.json. Old ones lack subdir, depends or build_number; those get their only possible values. */
export function parseIndexJson(text: string): PackageRecord {
  const raw = parseInfoJson(text, "info/index.json");
  const [name, version, build] = ["name", "version", "build"].map((key) =>
    textField(raw, key, "info/index.json"),
  );
  if (name === undefined || version === undefined || build === undefined) {
    throw invalidInfo("its info/index.json lacks name, version or build");
  }
  const noarch = noarchOf(raw["noarch"]);
  const record: PackageRecord = {
    ...knownFields(raw),
    name,
    version,
    build,
    build_number: countField(raw, "build_number") ?? 0,
    subdir: textField(raw, "subdir", "info/index.json") ?? guessSubdir(raw, noarch),
    depends: textList(raw, "depends", "info/index.json") ?? [],
    constrains: textList(raw, "constrains", "info/index.json"),
    noarch,
  };
  checkRecordNames(record);
  const sitePackages = record.python_site_packages_path;
  if (
    sitePackages !== undefined &&
    checkMemberPath(sitePackages, { windows: false }) !== trimTrailingSlashes(sitePackages)
  ) {
    throw invalidInfo(`its python_site_packages_path \`${sitePackages}\` is not a plain relative path`);
  }
  for (const key of Object.keys(record) as (keyof PackageRecord)[])
    if (record[key] === undefined) delete record[key];
  return record;
}

const TEXT_FIELDS = ["license", "license_family", "arch", "platform", "python_site_packages_path"] as const;

function knownFields(raw: JsonObject): Partial<PackageRecord> {
  const fields: Record<string, unknown> = {};
  for (const key of TEXT_FIELDS) if (typeof raw[key] === "string") fields[key] = raw[key];
  // Old records write lists where later ones write one string.
  for (const key of ["track_features", "features"]) {
    const value = raw[key];
    if (typeof value === "string") fields[key] = value;
    else if (Array.isArray(value) && value.every((item) => typeof item === "string"))
      fields[key] = value.join(" ");
  }
  for (const key of ["timestamp", "indexed_timestamp"])
    if (typeof raw[key] === "number") fields[key] = raw[key];
  const extras = raw["extra_depends"];
  if (isJsonObject(extras)) {
    fields["extra_depends"] = Object.fromEntries(
      Object.keys(extras).map((key) => [key, textList(extras, key, "info/index.json") ?? []]),
    );
  }
  if (raw["flags"] !== undefined) fields["flags"] = textList(raw, "flags", "info/index.json");
  return fields as Partial<PackageRecord>;
}

function countField(raw: JsonObject, key: string): number | undefined {
  const value = raw[key];
  if (value === undefined || value === null) return undefined;
  const count = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0)
    throw invalidInfo(`its ${key} is no number`);
  return count;
}

/** `true` is how packages before noarch types said `generic`. */
function noarchOf(value: unknown): "python" | "generic" | undefined {
  if (value === "python" || value === "generic") return value;
  return value === true ? "generic" : undefined;
}

const ARCHITECTURES: Record<string, string> = { x86_64: "64", x86: "32", i686: "32", amd64: "64" };

function guessSubdir(raw: JsonObject, noarch: string | undefined): string {
  const { platform, arch } = raw;
  if (noarch || typeof platform !== "string" || typeof arch !== "string") return "noarch";
  return `${platform}-${ARCHITECTURES[arch] ?? arch}`;
}

function parseLinkJson(text: string, owner: string): LinkInfo {
  const raw = parseInfoJson(text, "info/link.json");
  const noarch = raw["noarch"];
  const version = raw["package_metadata_version"];
  const metadata = typeof version === "number" ? { package_metadata_version: version } : {};
  if (!isJsonObject(noarch)) return metadata;
  const type = noarchOf(noarch["type"]);
  if (type === undefined) return metadata;
  const points = textList(noarch, "entry_points", "info/link.json") ?? [];
  for (const point of points) parseEntryPoint(point, owner);
  return { ...metadata, noarch: { type, entry_points: points } };
}

function invalidInfo(reason: string): ToolError {
  return new ToolError("archive-invalid", `invalid package: ${reason}`);
}
