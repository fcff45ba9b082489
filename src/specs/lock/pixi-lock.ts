import { looksLikeArchive } from "../package-url.ts";
import { isKnownSubdir } from "../platform.ts";
import { emptyPlatform, readLocked } from "./conda-lock.ts";
import { type LockedFields, lockedPackage } from "./locked-record.ts";
import { LockReader, lockYaml } from "./read-values.ts";
import {
  type LockedEnvironment,
  type LockedPlatform,
  type LockedPypiPackage,
  type LockFile,
  type LockFileOptions,
  MAIN_CATEGORY,
} from "./types.ts";

/** Newest version of the format that is understood. */
const NEWEST = 7;

interface Context {
  readonly reader: LockReader;
  readonly options: LockFileOptions;
  readonly version: number;
  /** Package entries by `kind` and location. */
  readonly packages: ReadonlyMap<string, Record<string, unknown>>;
  /** Author's platform names (version 7). */
  readonly platforms: ReadonlyMap<string, LockedPlatform>;
}

/** Reads a `pixi.lock` of version 4 to 7, and 1 to 3, which were conda-lock's format. Throws `parse-error` or `unsafe-name`. */
export function parsePixiLock(text: string, options: LockFileOptions): LockFile {
  const reader = new LockReader(options.fileName);
  const data = lockYaml(text, reader);
  const version = reader.count(data, "version", "the file");
  if (version === undefined) throw reader.error("there is no `version`: this is no pixi.lock");
  if (version > NEWEST) {
    throw reader.error(
      `version ${version} of pixi.lock is newer than supported (${NEWEST})`,
      "upgrade this program",
    );
  }
  if (version < 4) return readLocked(data, reader, options, "pixi", String(version));
  const context: Context = {
    reader,
    options,
    version,
    packages: indexPackages(data["packages"], reader),
    platforms: version >= 7 ? readPlatforms(data["platforms"], reader) : new Map(),
  };
  const environments = new Map<string, LockedEnvironment>();
  const named = reader.map(data["environments"], "`environments`");
  for (const name of Object.keys(named)) {
    environments.set(
      name,
      readEnvironment(name, reader.map(named[name], `the environment \`${name}\``), context),
    );
  }
  return { format: "pixi", version: String(version), fileName: options.fileName, environments };
}

/** Versions 4 and 5 say `kind: conda` and `url:` or `path:`; later ones have the location under the kind's name. */
function indexPackages(value: unknown, reader: LockReader): Map<string, Record<string, unknown>> {
  const packages = new Map<string, Record<string, unknown>>();
  for (const item of reader.list(value, "`packages`")) {
    const entry = reader.map(item, "a package");
    const kind =
      reader.text(entry, "kind", "a package") ??
      ["conda", "conda_source", "pypi"].find((key) => Object.hasOwn(entry, key));
    if (kind === undefined) throw reader.error("a package is neither `conda`, `conda_source` nor `pypi`");
    const location =
      reader.text(entry, kind, "a package") ??
      reader.text(entry, "url", "a package") ??
      reader.text(entry, "path", "a package");
    if (location === undefined) throw reader.error(`a ${kind} package has no location`);
    const key = `${kind} ${location}`;
    // The same source directory may be locked for several variants (version 6); any of them is a source package.
    if (!packages.has(key)) packages.set(key, entry);
  }
  return packages;
}

function readPlatforms(value: unknown, reader: LockReader): Map<string, LockedPlatform> {
  const platforms = new Map<string, LockedPlatform>();
  for (const item of reader.list(value, "`platforms`")) {
    const entry = reader.map(item, "a platform");
    const name = reader.required(entry, "name", "a platform");
    const subdir = reader.text(entry, "subdir", `the platform \`${name}\``) ?? name;
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
      throw reader.error(`\`${name}\` is not possible as the name of a platform`);
    if (!isKnownSubdir(subdir)) throw reader.error(`\`${subdir}\` is not a known platform`);
    if (platforms.has(name)) throw reader.error(`the platform \`${name}\` is defined twice`);
    const virtual = reader.texts(
      reader.get(entry, "virtual-packages"),
      `\`virtual-packages\` of \`${name}\``,
    );
    platforms.set(name, { ...emptyPlatform(name, subdir), virtualPackages: virtual });
  }
  return platforms;
}

function readEnvironment(name: string, entry: Record<string, unknown>, context: Context): LockedEnvironment {
  const { reader } = context;
  const what = `the environment \`${name}\``;
  const channels = reader.list(entry["channels"], `\`channels\` of ${what}`).map((channel) => {
    return typeof channel === "string"
      ? channel
      : reader.required(reader.map(channel, "a channel"), "url", "a channel");
  });
  const perPlatform = reader.map(entry["packages"], `\`packages\` of ${what}`);
  const platforms = new Map<string, LockedPlatform>();
  for (const platform of Object.keys(perPlatform)) {
    platforms.set(platform, readPlatform(platform, perPlatform[platform], context));
  }
  const options = Object.hasOwn(entry, "options")
    ? reader.map(entry["options"], `\`options\` of ${what}`)
    : undefined;
  const indexes = reader.texts(entry["indexes"], `\`indexes\` of ${what}`);
  return { channels, indexes, ...(options && Object.keys(options).length > 0 ? { options } : {}), platforms };
}

function readPlatform(name: string, value: unknown, context: Context): LockedPlatform {
  const { reader } = context;
  const defined = context.platforms.get(name);
  if (!defined && context.version >= 7)
    throw reader.error(`the platform \`${name}\` is not defined under \`platforms\``);
  if (!defined && !isKnownSubdir(name)) throw reader.error(`\`${name}\` is not a known platform`);
  const platform = {
    ...emptyPlatform(name, defined?.subdir),
    virtualPackages: defined?.virtualPackages ?? [],
  };
  for (const item of reader.list(value, `the packages for \`${name}\``)) {
    readReference(reader.map(item, "a package reference"), platform, context);
  }
  return platform;
}

function readReference(reference: Record<string, unknown>, platform: LockedPlatform, context: Context): void {
  const { reader } = context;
  const kind = ["conda", "conda_source", "pypi"].find((key) => Object.hasOwn(reference, key));
  if (kind === undefined) throw reader.error(`a package for \`${platform.name}\` is neither conda nor pypi`);
  const location = reader.required(reference, kind, "a package reference");
  const entry = context.packages.get(`${kind} ${location}`);
  if (!entry)
    throw reader.error(
      `\`${location}\` is used for \`${platform.name}\` but not described under \`packages\``,
    );
  if (kind === "pypi") platform.pypi.push(pypiPackage(location, entry, reader));
  else if (kind === "conda_source" || !looksLikeArchive(location)) platform.condaSources.push(location);
  else {
    const fields = condaFields(entry, reader, `\`${location}\``);
    platform.conda.push(
      lockedPackage(location, fields, reader, { ...context.options, subdir: platform.subdir }),
    );
  }
}

const TEXT_FIELDS = [
  "name",
  "version",
  "build",
  "subdir",
  "license",
  "license_family",
  "features",
  "python_site_packages_path",
] as const;
const DIGEST_FIELDS = ["md5", "sha256", "legacy_bz2_md5"] as const;
const COUNT_FIELDS = ["build_number", "size", "timestamp", "legacy_bz2_size"] as const;

function condaFields(entry: Record<string, unknown>, reader: LockReader, what: string): LockedFields {
  const fields: Record<string, unknown> = {};
  const put = (key: string, value: unknown) => {
    if (value !== undefined) fields[key] = value;
  };
  for (const key of TEXT_FIELDS) put(key, reader.text(entry, key, what));
  for (const key of DIGEST_FIELDS) put(key, reader.digest(entry, key, what));
  for (const key of COUNT_FIELDS) put(key, reader.count(entry, key, what));
  const noarch = reader.text(entry, "noarch", what);
  if (noarch === "python" || noarch === "generic") fields["noarch"] = noarch;
  fields["depends"] = reader.texts(entry["depends"], `\`depends\` of ${what}`);
  for (const key of ["constrains", "flags"]) {
    const list = reader.texts(reader.get(entry, key), `\`${key}\` of ${what}`);
    if (list.length > 0) fields[key] = list;
  }
  const features = reader.get(entry, "track_features");
  if (features !== undefined) {
    const list =
      typeof features === "string" ? [features] : reader.texts(features, `\`track_features\` of ${what}`);
    fields["track_features"] = list.join(" ");
  }
  const extras = reader.map(reader.get(entry, "extra_depends"), `\`extra_depends\` of ${what}`);
  const groups = Object.keys(extras).map(
    (key) => [key, reader.texts(extras[key], `\`extra_depends\` of ${what}`)] as const,
  );
  if (groups.length > 0) fields["extra_depends"] = Object.fromEntries(groups);
  return fields as LockedFields;
}

function pypiPackage(
  location: string,
  entry: Record<string, unknown>,
  reader: LockReader,
): LockedPypiPackage {
  const what = `\`${location}\``;
  const version = reader.text(entry, "version", what);
  const md5 = reader.digest(entry, "md5", what);
  const sha256 = reader.digest(entry, "sha256", what);
  const requiresPython = reader.text(entry, "requires_python", what);
  const index = reader.text(entry, "index", what);
  return {
    name: reader.required(entry, "name", what),
    ...(version !== undefined ? { version } : {}),
    location,
    ...(md5 ? { md5 } : {}),
    ...(sha256 ? { sha256 } : {}),
    requiresDist: reader.texts(entry["requires_dist"], `\`requires_dist\` of ${what}`),
    ...(requiresPython ? { requiresPython } : {}),
    ...(index ? { index } : {}),
    ...(reader.get(entry, "editable") === true ? { editable: true } : {}),
    category: MAIN_CATEGORY,
  };
}
