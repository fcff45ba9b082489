import { lockedPackage } from "./locked-record.ts";
import { LockReader, lockYaml } from "./read-values.ts";
import {
  DEFAULT_ENVIRONMENT,
  type LockedPlatform,
  type LockFile,
  type LockFileOptions,
  MAIN_CATEGORY,
} from "./types.ts";

const METADATA_KEYS = new Set([
  "content_hash",
  "channels",
  "platforms",
  "sources",
  "time_metadata",
  "git_metadata",
  "inputs_metadata",
  "custom_metadata",
]);

/** Reads a `conda-lock.yml` of version 1 (CEP 37). Throws `parse-error` or `unsafe-name`. */
export function parseCondaLock(text: string, options: LockFileOptions): LockFile {
  const reader = new LockReader(options.fileName);
  const data = lockYaml(text, reader);
  const version = reader.text(data, "version", "the file") ?? "1";
  if (version !== "1") throw reader.error(`version ${version} of conda-lock.yml is not supported, only 1 is`);
  if (!Object.hasOwn(data, "metadata"))
    throw reader.error("there is no `metadata`: this is no conda-lock file");
  const metadata = reader.map(data["metadata"], "`metadata`");
  const unknown = Object.keys(metadata).find((key) => !METADATA_KEYS.has(key));
  if (unknown !== undefined)
    throw reader.error(`\`metadata\` has the unknown key \`${unknown}\` (CEP 37 forbids it)`);
  return readLocked(data, reader, options, "conda-lock", version);
}

/** The body that conda-lock files and pixi.lock up to version 3 share. */
export function readLocked(
  data: Record<string, unknown>,
  reader: LockReader,
  options: LockFileOptions,
  format: LockFile["format"],
  version: string,
): LockFile {
  const metadata = reader.map(data["metadata"], "`metadata`");
  const channels = reader.list(metadata["channels"], "`metadata.channels`").map((channel) => {
    if (typeof channel === "string") return channel;
    return reader.required(reader.map(channel, "a channel"), "url", "a channel");
  });
  const names = reader.texts(metadata["platforms"], "`metadata.platforms`");
  const platforms = new Map(names.map((name) => [name, emptyPlatform(name)]));
  const seen = new Set<string>();
  for (const item of reader.list(data["package"], "`package`")) {
    readPackage(reader.map(item, "a package"), platforms, seen, reader, options);
  }
  const environment = { channels, indexes: [], platforms };
  return {
    format,
    version,
    fileName: options.fileName,
    environments: new Map([[DEFAULT_ENVIRONMENT, environment]]),
  };
}

export function emptyPlatform(name: string, subdir = name): LockedPlatform {
  return { name, subdir, conda: [], condaSources: [], pypi: [], virtualPackages: [] };
}

function readPackage(
  item: Record<string, unknown>,
  platforms: ReadonlyMap<string, LockedPlatform>,
  seen: Set<string>,
  reader: LockReader,
  options: LockFileOptions,
): void {
  const name = reader.required(item, "name", "a package");
  const what = `the package \`${name}\``;
  const manager = reader.required(item, "manager", what);
  const version = reader.required(item, "version", what);
  const url = reader.required(item, "url", what);
  const category = reader.text(item, "category", what) || MAIN_CATEGORY;
  const platformName = reader.required(item, "platform", what);
  const platform = platforms.get(platformName);
  if (!platform)
    throw reader.error(`${what} is for \`${platformName}\`, which \`metadata.platforms\` does not list`);
  const key = JSON.stringify([name, manager, platformName, category]);
  if (seen.has(key))
    throw reader.error(`${what} is locked twice for \`${platformName}\` in the category \`${category}\``);
  seen.add(key);
  if (!Object.hasOwn(item, "hash")) throw reader.error(`${what} has no \`hash\``);
  const hash = reader.map(item["hash"], `\`hash\` of ${what}`);
  const md5 = reader.digest(hash, "md5", what);
  const sha256 = reader.digest(hash, "sha256", what);
  const hashes = { ...(md5 ? { md5 } : {}), ...(sha256 ? { sha256 } : {}) };
  const depends = dependencies(item["dependencies"], reader, what);
  if (manager === "conda") {
    const build = reader.text(item, "build", what);
    const fields = { name, version, ...(build ? { build } : {}), depends, ...hashes };
    platform.conda.push(lockedPackage(url, fields, reader, { ...options, subdir: platformName, category }));
  } else if (manager === "pip" || manager === "pypi") {
    platform.pypi.push({ name, version, location: url, ...hashes, requiresDist: depends, category });
  } else throw reader.error(`${what} has the unknown manager \`${manager}\``, "known are `conda` and `pip`");
}

/** `{python: ">=3.8"}` → `python >=3.8`; the lists of old files are taken as they are. */
function dependencies(value: unknown, reader: LockReader, what: string): string[] {
  if (Array.isArray(value)) return reader.texts(value, `\`dependencies\` of ${what}`);
  const map = reader.map(value, `\`dependencies\` of ${what}`);
  return Object.keys(map).map((name) => `${name} ${reader.text(map, name, what) ?? ""}`.trim());
}
