import { installedSize, type ListResult } from "../../commands/list.ts";
import type { PipPackage } from "../../prefix/pip-packages.ts";
import { redactUrl } from "../../specs/credentials.ts";
import type { PrefixRecord } from "../../specs/records.ts";
import { formatBytes } from "../../util/format.ts";
import { listDocument } from "./json.ts";
import type { Column } from "./table.ts";

/** What `list --fields` can show, with the titles of the columns: conda's fields, `dist_name` and `build_string`. */
export const LIST_FIELDS = {
  name: "Name",
  version: "Version",
  build: "Build",
  build_number: "Build number",
  build_string: "Build",
  channel: "Channel",
  channel_name: "Channel",
  subdir: "Subdir",
  platform: "Platform",
  arch: "Arch",
  noarch: "Noarch",
  dist_name: "Dist",
  dist_str: "Dist",
  fn: "Filename",
  package_type: "Package type",
  depends: "Dependencies",
  constrains: "Constraints",
  features: "Features",
  track_features: "Track features",
  license: "License",
  license_family: "License family",
  size: "Size",
  url: "URL",
  md5: "MD5",
  sha256: "SHA-256",
  timestamp: "Timestamp",
  requested_spec: "Requested spec",
} as const;

export type ListField = keyof typeof LIST_FIELDS;

/** One line of a list, from conda or from pip. */
export type ListedPackage = Record<string, unknown> & { name: string };

/** conda's entries and pip's, by name. */
export function listedPackages(result: ListResult, reverse: boolean): ListedPackage[] {
  const all = [...result.records.map(condaPackage), ...result.pip.map(pipPackage)];
  all.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return reverse ? all.reverse() : all;
}

function condaPackage(record: PrefixRecord): ListedPackage {
  return {
    ...listDocument(record),
    name: record.name,
    build: record.build,
    subdir: record.subdir,
    channel_name: shortChannelName(record.channel),
    arch: archOf(record.subdir),
    noarch: record.noarch ?? "",
    dist_str: `${shortChannelName(record.channel)}/${record.subdir}::${record.name}-${record.version}-${record.build}`,
    fn: record.fn,
    package_type: record.noarch ? `noarch_${record.noarch}` : "",
    depends: record.depends,
    constrains: record.constrains ?? [],
    features: record.features ?? "",
    track_features: record.track_features ?? "",
    license: record.license ?? "",
    license_family: record.license_family ?? "",
    // The longest part of a record, read only where it is shown.
    get size() {
      return installedSize(record);
    },
    timestamp: record.timestamp ?? 0,
    requested_spec: record.requested_specs?.join(" ") || record.requested_spec || "",
  };
}

/** What conda calls the processor: `x86_64` of linux-64; nothing of noarch. */
function archOf(subdir: string): string {
  const cpu = subdir.split("-")[1] ?? "";
  return cpu === "64" ? "x86_64" : cpu === "32" ? "x86" : cpu;
}

/** As conda describes a package of pip's: build `pypi_0` of the channel `pypi`. */
function pipPackage({ name, version, size }: PipPackage): ListedPackage {
  return {
    base_url: "https://conda.anaconda.org/pypi",
    build_number: 0,
    build_string: "pypi_0",
    channel: "pypi",
    dist_name: `${name}-${version}-pypi_0`,
    name,
    md5: "",
    sha256: "",
    url: "",
    platform: "pypi",
    version,
    build: "pypi_0",
    channel_name: "pypi",
    subdir: "pypi",
    size: size ?? 0,
  };
}

const PLAIN_KEYS = [
  "base_url",
  "build_number",
  "build_string",
  "channel",
  "dist_name",
  "md5",
  "name",
  "platform",
  "sha256",
  "url",
  "version",
];

/** The entry of `list --json`; `--fields` chooses keys, `--size` adds the bytes on disk. */
export function listEntry(
  item: ListedPackage,
  fields: readonly ListField[] | undefined,
  size: boolean,
): Record<string, unknown> {
  const keys: readonly string[] = fields ?? (size ? [...PLAIN_KEYS, "size"] : PLAIN_KEYS);
  return Object.fromEntries(keys.filter((key) => item[key] !== undefined).map((key) => [key, item[key]]));
}

export function listColumns(fields: readonly ListField[]): Column[] {
  return fields.map((field) => ({
    title: LIST_FIELDS[field],
    align: field === "size" || field === "build_number" ? "right" : "left",
  }));
}

/** With `urls`, channels as URLs (`show_channel_urls`); what pip installed has none. */
export function listCells(item: ListedPackage, fields: readonly ListField[], urls = false): string[] {
  const channel = urls && item["channel"] !== "pypi" ? item["base_url"] : item["channel"];
  return fields.map((field) => cell(field, field === "channel" && urls ? channel : item[field], urls));
}

function cell(field: ListField, value: unknown, urls: boolean): string {
  if (field === "size") return formatBytes(Number(value ?? 0));
  if (field === "channel")
    return urls ? redactUrl(String(value ?? "")) : shortChannelName(String(value ?? ""));
  return Array.isArray(value) ? value.join(", ") : String(value ?? "");
}

/** conda's text of `list`, which programs split at spaces: lines with `#` first, then one line a package. */
export function condaList(prefix: string, fields: readonly ListField[], rows: readonly string[][]): string {
  const titles = fields.map((field, i) => `${i === 0 ? "# " : ""}${LIST_FIELDS[field]}`);
  // conda's widths of its four columns, so that scripts that cut at columns find them.
  const widths = titles.map((title, i) =>
    Math.max(
      fields.length === 4 ? [24, 15, 15, 0][i]! : 0,
      title.length,
      ...rows.map((row) => row[i]!.length),
    ),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join(" ")
      .trimEnd();
  return [`# packages in environment at ${prefix}:`, "#", line(titles), ...rows.map(line)].join("\n");
}

export function shortChannelName(channel: string): string {
  return redactUrl(channel).replace(/^https:\/\/conda\.anaconda\.org\//, "");
}
