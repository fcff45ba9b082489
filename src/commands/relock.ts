import { resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { readText } from "../fs/files.ts";
import { type LockFile, parseLockFile, selectLocked } from "../specs/lock/index.ts";
import type { MatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";

/** A lock file that is to be renewed in parts: what is locked for each platform, without what is to be renewed. */
export type KeptPackages = ReadonlyMap<string, readonly RepoDataRecord[]>;

/**
 * What `lock --update` keeps of a lock file. Throws `usage` where there is no file, or where writing it anew would lose a part of it
 * (further environments, categories, packages to be built), `package-not-found` for a name that it does not lock.
 */
export async function keptPackages(
  file: string,
  renewed: readonly MatchSpec[],
  { cwd }: { cwd: string },
): Promise<KeptPackages> {
  const path = resolve(cwd, file);
  const text = file === "-" ? undefined : await readText(path);
  if (text === undefined)
    throw new ToolError("usage", `there is no lock file \`${file}\` to update`, {
      hint: "name it with -o, or lock everything without --update",
    });
  const lock = parseLockFile(text, { fileName: file });
  checkWhole(lock);
  const platforms = lock.environments.values().next().value?.platforms.values() ?? [];
  const locked = new Map<string, RepoDataRecord[]>();
  for (const { subdir } of platforms) {
    const { conda } = selectLocked(lock, { platform: subdir });
    locked.set(
      subdir,
      conda.map(({ record }) => record),
    );
  }
  checkNames(renewed, [...locked.values()].flat(), file);
  const names = new Set(renewed.map(({ name }) => name));
  return new Map([...locked].map(([subdir, all]) => [subdir, all.filter(({ name }) => !names.has(name))]));
}

/** What this command does not write it would lose. */
function checkWhole({ fileName, format, environments }: LockFile): void {
  const [environment, ...others] = environments.values();
  const platforms = [...(environment?.platforms.values() ?? [])];
  const items = platforms.flatMap(({ conda, pypi }) => [...conda, ...pypi]);
  const more =
    (format === "mambajs" && "is a lock of mambajs") ||
    (others.length > 0 && "has several environments") ||
    (items.some(({ category }) => category !== "main") && "has categories") ||
    (platforms.some(({ condaSources }) => condaSources.length > 0) && "has packages to be built") ||
    (platforms.some(({ name, subdir }) => name !== subdir) && "names its platforms itself");
  if (!more) return;
  throw new ToolError("usage", `\`${fileName}\` cannot be updated in parts: it ${more}`, {
    hint: "lock everything without --update, or use the tool that wrote the file",
  });
}

function checkNames(renewed: readonly MatchSpec[], locked: readonly RepoDataRecord[], file: string): void {
  const names = new Set(locked.map(({ name }) => name));
  const unknown = renewed.find(({ name }) => name === undefined || !names.has(name));
  if (!unknown) return;
  const near = similarNames(unknown.source, [...names]);
  throw new ToolError("package-not-found", `\`${file}\` does not lock \`${unknown.source}\``, {
    hint: near.length > 0 ? `did you mean \`${near[0]}\`?` : "--update takes names of locked packages",
  });
}
