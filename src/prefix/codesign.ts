import { createHash } from "node:crypto";
import { ToolError } from "../errors.ts";
import { readWithMode, replaceText } from "../fs/link.ts";
import { exec } from "../host/exec.ts";
import type { PackageCacheRecord, PrefixRecord } from "../specs/records.ts";
import { formatPrefixRecord, prefixRecordFile } from "./conda-meta.ts";
import type { LinkOptions } from "./options.ts";

/** Paths of one command line; far below the limit of 1 MiB. */
const BATCH = 200;

/**
 * Signs binaries whose prefix was replaced: macOS on ARM kills what has a broken signature. One process for many files, and the record
 * gets the hashes of the signed files. `files` are relative to the root.
 */
export async function signBinaries(
  files: readonly string[],
  root: string,
  record: PackageCacheRecord,
  options: LinkOptions,
): Promise<void> {
  if (options.platform !== "osx-arm64" || files.length === 0) return;
  // An environment for another machine, made on this one: nothing here can sign it.
  if (process.platform !== "darwin" && options.codesign === undefined) return;
  for (let from = 0; from < files.length; from += BATCH) {
    const batch = files.slice(from, from + BATCH).map((file) => `${root}/${file}`);
    const result = await exec(options.codesign ?? "/usr/bin/codesign", ["-s", "-", "-f", ...batch], {
      env: options.env,
    });
    if (result.code !== 0) {
      throw new ToolError("io-error", `codesign failed for \`${record.fn}\``, {
        hint: result.stderr.trim().slice(-400) || undefined,
        details: { files: batch.length },
      });
    }
  }
  const signed = new Set(files);
  replaceText(`${root}/conda-meta/${prefixRecordFile(record)}`, (text) => {
    const installed = JSON.parse(text) as PrefixRecord;
    for (const entry of installed.paths_data.paths) {
      if (signed.has(entry._path))
        entry.sha256_in_prefix = createHash("sha256")
          .update(readWithMode(`${root}/${entry._path}`).data)
          .digest("hex");
    }
    return formatPrefixRecord(installed);
  });
}
