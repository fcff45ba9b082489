import { isKnownSubdir } from "../platform.ts";
import { trimTrailingSlashes } from "../slashes.ts";
import { emptyPlatform } from "./conda-lock.ts";
import { lockedPackage } from "./locked-record.ts";
import { LockReader } from "./read-values.ts";
import {
  DEFAULT_ENVIRONMENT,
  type LockedPlatform,
  type LockFile,
  type LockFileOptions,
  MAIN_CATEGORY,
} from "./types.ts";

/** Reads the JSON lock of mambajs, versions 1.0.x. Throws `parse-error` or `unsafe-name`. */
export function parseMambajsLock(text: string, options: LockFileOptions): LockFile {
  const reader = new LockReader(options.fileName);
  const data = reader.map(parseJson(text, reader), "the file");
  const version = reader.required(data, "lockVersion", "the file");
  if (!/^1\.0\./.test(version))
    throw reader.error(`version ${version} of this lock file is not supported, only 1.0 is`);
  const platformName = reader.required(data, "platform", "the file");
  if (!isKnownSubdir(platformName)) throw reader.error(`\`${platformName}\` is not a known platform`);
  const { channels, urls } = readChannels(data, reader);
  const platform = emptyPlatform(platformName);
  readConda(data, platform, urls, reader, options);
  readPip(data, platform, reader);
  const environment = { channels, indexes: [], platforms: new Map([[platformName, platform]]) };
  return {
    format: "mambajs",
    version,
    fileName: options.fileName,
    environments: new Map([[DEFAULT_ENVIRONMENT, environment]]),
  };
}

function parseJson(text: string, reader: LockReader): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw reader.error(`this is not JSON: ${(error as Error).message}`);
  }
}

/** `channels` names them in order, `channelInfo` has the mirrors of each; both must agree. */
function readChannels(
  data: Record<string, unknown>,
  reader: LockReader,
): { channels: string[]; urls: Map<string, string> } {
  const channels = reader.texts(data["channels"], "`channels`");
  const info = reader.map(data["channelInfo"], "`channelInfo`");
  const urls = new Map<string, string>();
  for (const name of channels) {
    const mirrors = reader.list(reader.get(info, name), `\`channelInfo.${name}\``);
    if (mirrors.length === 0) throw reader.error(`the channel \`${name}\` has no URL in \`channelInfo\``);
    const url = reader.required(
      reader.map(mirrors[0], `a mirror of \`${name}\``),
      "url",
      `a mirror of \`${name}\``,
    );
    urls.set(name, trimTrailingSlashes(url));
  }
  const extra = Object.keys(info).find((name) => !urls.has(name));
  if (extra !== undefined)
    throw reader.error(`\`channelInfo\` has \`${extra}\`, which \`channels\` does not list`);
  return { channels, urls };
}

function readConda(
  data: Record<string, unknown>,
  platform: LockedPlatform,
  urls: ReadonlyMap<string, string>,
  reader: LockReader,
  options: LockFileOptions,
): void {
  const packages = reader.map(data["packages"], "`packages`");
  for (const fn of Object.keys(packages)) {
    const what = `the package \`${fn}\``;
    const entry = reader.map(packages[fn], what);
    const channel = reader.required(entry, "channel", what);
    const base =
      urls.get(channel) ?? (/^[a-z]+:\/\//i.test(channel) ? trimTrailingSlashes(channel) : undefined);
    if (base === undefined)
      throw reader.error(`${what} is from the channel \`${channel}\`, which \`channels\` does not list`);
    const subdir = reader.text(entry, "subdir", what) ?? platform.subdir;
    const fields = {
      fn,
      name: reader.required(entry, "name", what),
      version: reader.required(entry, "version", what),
      build: reader.required(entry, "build", what),
      subdir,
      channel: base,
      ...hashesOf(entry, reader, what),
    };
    platform.conda.push(
      lockedPackage(`${base}/${subdir}/${encodeURIComponent(fn)}`, fields, reader, options),
    );
  }
}

function readPip(data: Record<string, unknown>, platform: LockedPlatform, reader: LockReader): void {
  const packages = reader.map(data["pipPackages"], "`pipPackages`");
  for (const key of Object.keys(packages)) {
    const what = `the pip package \`${key}\``;
    const entry = reader.map(packages[key], what);
    const name = reader.required(entry, "name", what);
    const version = reader.required(entry, "version", what);
    const location = reader.required(entry, "url", what);
    platform.pypi.push({
      name,
      version,
      location,
      ...hashesOf(entry, reader, what),
      requiresDist: [],
      category: MAIN_CATEGORY,
    });
  }
}

/** A `hash` must hold at least one digest when it is there. */
function hashesOf(
  entry: Record<string, unknown>,
  reader: LockReader,
  what: string,
): { md5?: string; sha256?: string } {
  if (reader.get(entry, "hash") === undefined) return {};
  const hash = reader.map(entry["hash"], `\`hash\` of ${what}`);
  const md5 = reader.digest(hash, "md5", what);
  const sha256 = reader.digest(hash, "sha256", what);
  if (!md5 && !sha256) throw reader.error(`\`hash\` of ${what} has neither \`md5\` nor \`sha256\``);
  return { ...(md5 ? { md5 } : {}), ...(sha256 ? { sha256 } : {}) };
}
