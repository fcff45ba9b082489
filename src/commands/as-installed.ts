import type { PackageIndex } from "../specs/package-index.ts";
import type { PrefixRecord, RepoDataRecord } from "../specs/records.ts";

/**
 * Locked packages as if they were installed, with what their channel says today: a conda-lock.yml has neither `constrains` nor builds of
 * dependencies, and what a channel repaired counts.
 */
export function asInstalled(
  kept: readonly RepoDataRecord[],
  indexes: readonly PackageIndex[],
): PrefixRecord[] {
  return kept.map((locked) => {
    const listed = indexes.flatMap((index) => [...index.records(locked.name)]);
    const record = listed.find((other) => isSameArchive(other, locked)) ?? locked;
    return {
      ...record,
      extracted_package_dir: "",
      package_tarball_full_path: "",
      files: [],
      paths_data: { paths_version: 1, paths: [] },
      link: { source: "", type: 1 },
    };
  });
}

function isSameArchive(a: RepoDataRecord, b: RepoDataRecord): boolean {
  if (a.fn !== b.fn || a.subdir !== b.subdir) return false;
  return a.sha256 && b.sha256 ? a.sha256 === b.sha256 : a.md5 === b.md5;
}
