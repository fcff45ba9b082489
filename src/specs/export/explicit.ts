import { splitCredentials } from "../credentials.ts";
import type { RepoDataRecord } from "../records.ts";

export interface ExplicitOptions {
  /** Which hash is appended, as bare hexadecimal: the `sha256:` that CEP 23 also allows is refused by older tools. */
  hash?: "md5" | "sha256" | "none";
  platform?: string;
  /** `# created-by:` line. */
  createdBy?: string;
}

/** An `@EXPLICIT` file (CEP 23) from records in the order of installation, dependencies first. */
export function writeExplicit(records: readonly RepoDataRecord[], options: ExplicitOptions = {}): string {
  const lines = [
    "# This file may be used to create an environment using:",
    "# $ conda create --name <env> --file <this file>",
    ...(options.platform ? [`# platform: ${options.platform}`] : []),
    ...(options.createdBy ? [`# created-by: ${options.createdBy}`] : []),
    "@EXPLICIT",
    ...records.map((record) => explicitLine(record, options.hash ?? "md5")),
  ];
  return `${lines.join("\n")}\n`;
}

/** The archive's URL without credentials, with `#hash` when the record has it. */
export function explicitLine(record: RepoDataRecord, hash: "md5" | "sha256" | "none"): string {
  const { url } = splitCredentials(record.url);
  const digest = hash === "none" ? undefined : record[hash];
  return digest === undefined ? url : `${url}#${digest}`;
}
