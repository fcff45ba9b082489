import { readAndKeepInfo } from "../archive/recent-info.ts";
import { fileFactsSync, hashFileSync } from "../fs/cache-files.ts";

/**
 * Runs in a worker: compares an extracted package with its own paths.json: that each file is there, its size and, with
 * `hashes`, its sha256 (conda's `safety_checks` and `extra_safety_checks`). Returns the first difference in words.
 */
export async function checkPackageTask(input: {
  directory: string;
  hashes: boolean;
}): Promise<string | undefined> {
  const { paths } = await readAndKeepInfo(input.directory);
  for (const entry of paths) {
    const path = `${input.directory}/${entry._path}`;
    const facts = fileFactsSync(path);
    if (!facts) return `\`${entry._path}\` is missing`;
    if (facts.kind !== "file" || entry.path_type !== "hardlink") continue;
    if (entry.size_in_bytes !== undefined && entry.size_in_bytes !== facts.size) {
      return `\`${entry._path}\` has ${facts.size} bytes, expected ${entry.size_in_bytes}`;
    }
    if (input.hashes && entry.sha256 !== undefined && hashFileSync(path) !== entry.sha256)
      return `\`${entry._path}\` has another sha256 than expected`;
  }
  return undefined;
}
