import { createHash } from "node:crypto";
import parseSpdx from "spdx-expression-parse";
import { splitCredentials } from "../credentials.ts";
import type { RepoDataRecord } from "../records.ts";
import { dependencyName } from "./dependency-names.ts";

/** What both bill-of-materials formats are made from. */
export interface MaterialsExport {
  /** Name of the environment. */
  name: string;
  records: readonly RepoDataRecord[];
  /** ISO 8601 time in UTC, `2026-01-31T12:00:00Z`. */
  createdAt: string;
  tool: { name: string; version: string };
}

/** `pkg:conda/name@version?build=...&channel=...&subdir=...&type=...` (package URL specification, type conda). */
export function condaPurl(record: RepoDataRecord): string {
  const channel = splitCredentials(record.channel).url;
  const type = record.fn.endsWith(".conda") ? "conda" : "tar.bz2";
  const qualifiers = [
    ["build", record.build],
    ["channel", channel],
    ["subdir", record.subdir],
    ["type", type],
  ]
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key}=${encode(value ?? "")}`);
  return `pkg:conda/${encode(record.name)}@${encode(record.version)}?${qualifiers.join("&")}`;
}

/** Percent-encoding of package URLs: `:` and `/` stay readable in qualifiers, `+` does not. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2F", "/");
}

/** Whether the licence text of a record is an SPDX expression; conda's `license` is free text. */
export function isSpdxExpression(license: string): boolean {
  // Recursive parser: nobody nests 500 characters of licence in good faith.
  if (license.length > 500) return false;
  try {
    parseSpdx(license);
    return true;
  } catch {
    return false;
  }
}

/** Licence of a record, or undefined when the builder said nothing. */
export function licenseOf(record: RepoDataRecord): string | undefined {
  const license = record.license?.trim();
  return license === undefined || license === "" || /^none$/i.test(license) ? undefined : license;
}

/** For each record, the records of the same list that it depends on. */
export function dependencyGraph(
  records: readonly RepoDataRecord[],
): { record: RepoDataRecord; needs: RepoDataRecord[] }[] {
  const byName = new Map(records.map((record) => [record.name, record]));
  return records.map((record) => {
    const needs = new Set(record.depends.map((spec) => byName.get(dependencyName(spec))));
    needs.delete(undefined);
    needs.delete(record);
    return { record, needs: [...needs] as RepoDataRecord[] };
  });
}

/** Sorted by name, so that the same environment gives the same file. */
export function sortedRecords(records: readonly RepoDataRecord[]): RepoDataRecord[] {
  return [...records].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** A UUID (version 8, RFC 9562) that depends on the contents only. */
export function contentUuid(materials: MaterialsExport): string {
  const text = [materials.name, materials.createdAt, ...sortedRecords(materials.records).map(condaPurl)].join(
    "\n",
  );
  const hex = createHash("sha256").update(text).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
