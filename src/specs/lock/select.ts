import { ToolError } from "../../errors.ts";
import { specFileKind } from "../spec-file.ts";
import { parseCondaLock } from "./conda-lock.ts";
import { parseMambajsLock } from "./mambajs-lock.ts";
import { parsePixiLock } from "./pixi-lock.ts";
import {
  DEFAULT_ENVIRONMENT,
  type LockedCondaPackage,
  type LockedPypiPackage,
  type LockFile,
  type LockFileOptions,
  MAIN_CATEGORY,
} from "./types.ts";

/** Reads a lock file of any known format, told by its name and, for pixi.lock under another name, by its content. */
export function parseLockFile(text: string, options: LockFileOptions): LockFile {
  const kind = specFileKind(options.fileName);
  if (kind === "mambajs-lock" || /^\s*\{/.test(text)) return parseMambajsLock(text, options);
  if (kind === "pixi-lock" || looksLikePixiLock(text)) return parsePixiLock(text, options);
  return parseCondaLock(text, options);
}

/** pixi.lock has `environments` at the first column and a version of 4 or more. */
function looksLikePixiLock(text: string): boolean {
  return /^environments:/m.test(text) && /^version:\s*["']?\d+/m.test(text);
}

export interface LockSelector {
  /** Subdir, or the name the lock file gives to a platform. */
  platform: string;
  /** pixi: `default` when not given. */
  environment?: string | undefined;
  /** conda-lock: `["main"]` when not given. */
  categories?: readonly string[] | undefined;
}

/** What is to be installed for one platform. */
export interface LockSelection {
  platform: string;
  channels: string[];
  indexes: string[];
  conda: LockedCondaPackage[];
  /** Packages that would have to be built: an installer must refuse them by name, not skip them. */
  condaSources: string[];
  pypi: LockedPypiPackage[];
}

/**
 * The packages of one environment for one platform; a package of several selected categories counts once. Throws
 * `package-not-found` with what there is instead.
 */
export function selectLocked(lock: LockFile, selector: LockSelector): LockSelection {
  const wanted = selector.environment ?? DEFAULT_ENVIRONMENT;
  const environment = lock.environments.get(wanted);
  if (!environment)
    throw absent(lock, `no environment \`${wanted}\``, "environments", lock.environments.keys());
  const platform =
    environment.platforms.get(selector.platform) ??
    [...environment.platforms.values()].find(({ subdir }) => subdir === selector.platform);
  if (!platform) {
    throw absent(
      lock,
      `nothing for the platform \`${selector.platform}\``,
      "platforms",
      environment.platforms.keys(),
    );
  }
  const categories = new Set(selector.categories ?? [MAIN_CATEGORY]);
  return {
    platform: platform.subdir,
    channels: environment.channels,
    indexes: environment.indexes,
    conda: once(
      lock,
      platform.conda,
      categories,
      ({ record }) => record.name,
      ({ record }) => record.url,
    ),
    condaSources: platform.condaSources,
    pypi: once(
      lock,
      platform.pypi,
      categories,
      ({ name }) => name,
      ({ location }) => location,
    ),
  };
}

function absent(lock: LockFile, what: string, noun: string, known: Iterable<string>): ToolError {
  const list = [...known].map((name) => `\`${name}\``).join(", ");
  return new ToolError("package-not-found", `\`${lock.fileName}\` has ${what}`, {
    hint: `its ${noun} are ${list || "none"}`,
  });
}

function once<T extends { category: string }>(
  lock: LockFile,
  packages: readonly T[],
  categories: ReadonlySet<string>,
  nameOf: (item: T) => string,
  urlOf: (item: T) => string,
): T[] {
  const byName = new Map<string, T>();
  for (const item of packages) {
    if (!categories.has(item.category)) continue;
    const other = byName.get(nameOf(item));
    if (other && urlOf(other) !== urlOf(item)) {
      throw new ToolError(
        "parse-error",
        `\`${lock.fileName}\` locks \`${nameOf(item)}\` twice, differently`,
        {
          hint: `the categories are \`${other.category}\` and \`${item.category}\``,
        },
      );
    }
    if (!other) byName.set(nameOf(item), item);
  }
  return [...byName.values()];
}
