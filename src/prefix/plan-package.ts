/** The worker's part of planning: what linking one package would make. Nothing is written. */
import { takeInfo } from "../archive/recent-info.ts";
import { type ExtractedInfo, type PackageLinks, plannedPaths, planPackage } from "../plan/link-plan.ts";
import type { PlannedPackage, PlanPackageInput } from "../workers/link-tasks.ts";

/** Plans made by `plan-package` and not used yet; the same worker often links what it planned. */
const plans = new Map<string, PackageLinks>();

async function extractedInfo(directory: string): Promise<ExtractedInfo> {
  const info = await takeInfo(directory);
  const link = info.link?.noarch;
  return {
    paths: info.paths,
    noarch: info.index.noarch ?? link?.type,
    entryPoints: link?.entry_points ?? [],
  };
}

/** The plan of a package, taken from what was planned before when it is there. */
export async function planOf(input: PlanPackageInput): Promise<PackageLinks> {
  const key = JSON.stringify(input);
  const known = plans.get(key);
  if (known) {
    plans.delete(key);
    return known;
  }
  return planPackage(await extractedInfo(input.directory), input);
}

/** Reads and judges a package's metadata; nothing is written. */
export async function planPackageTask(input: PlanPackageInput): Promise<PlannedPackage> {
  const links = await planOf(input);
  plans.set(JSON.stringify(input), links);
  const paths = plannedPaths(links);
  return {
    paths: paths.join("\n"),
    longest: paths.reduce((most, path) => Math.max(most, path.length), 0),
    longestName: paths.reduce(
      (most, path) => (path.length > most ? Math.max(most, longestName(path)) : most),
      0,
    ),
    softlinks: links.files
      .filter((file) => file.entry.path_type === "softlink")
      .map((file) => file.target)
      .join("\n"),
    pycCount: links.pyc.length,
    fileCount: links.files.length + links.generated.length,
    bytes: links.bytes,
    patchedBytes: links.patchedBytes,
    scripts: links.scripts,
    menus: links.menus,
  };
}

function longestName(path: string): number {
  let most = 0;
  for (let from = 0, to = 0; to >= 0; from = to + 1) {
    to = path.indexOf("/", from);
    most = Math.max(most, (to < 0 ? path.length : to) - from);
  }
  return most;
}
