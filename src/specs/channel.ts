import { ToolError } from "../errors.ts";
import { decodePercent } from "../util/percent.ts";
import {
  builtinCustomChannels,
  builtinDefaultChannels,
  type ChannelConfig,
  DEFAULT_CHANNEL_ALIAS,
} from "./channel-config.ts";
import { channelKind, invalidChannel, normalizeUrl, pathToFileUrl, withScheme } from "./channel-location.ts";
import {
  findStoredAuth,
  redactUrl,
  type StoredAuth,
  splitCredentials,
  type UrlAuth,
  withCredentials,
} from "./credentials.ts";
import { isKnownSubdir } from "./platform.ts";
import { trimTrailingSlashes } from "./slashes.ts";

export { type ChannelConfig, DEFAULT_CHANNEL_CONFIG } from "./channel-config.ts";
export { pathToFileUrl } from "./channel-location.ts";
export { redactText, redactUrl, splitCredentials, type UrlAuth, withCredentials } from "./credentials.ts";

/** A place that packages come from. Holds no secret outside `auth` and `mirrorAuth`. */
export interface Channel {
  /** Canonical name: `conda-forge`, `pkgs/main`, or the base URL where there is no shorter name. */
  readonly name: string;
  /** URL without subdir, credentials, query and trailing slash. */
  readonly baseUrl: string;
  /** Subdirs to load instead of the target platform and `noarch` (`conda-forge[linux-64]`, `conda-forge/noarch`). */
  readonly platforms?: readonly string[];
  /** Set when the text named one archive instead of a channel; `baseUrl` is then the archive's URL. */
  readonly packageUrl?: string;
  readonly auth?: UrlAuth;
  /** Base URLs that serve the same content, first choice first. When not empty, `baseUrl` itself is not contacted. */
  readonly mirrors: readonly string[];
  /** Credentials of mirrors, by mirror URL. */
  readonly mirrorAuth?: Readonly<Record<string, UrlAuth>>;
  /** The subdirs to load for a target platform, with their URLs (no credentials), in the order in which they count. */
  urls(platform: string): { subdir: string; url: string }[];
}

export interface ChannelContext {
  /** Target platform. */
  platform: string;
  /** Absolute home directory, for `~/channel`. */
  home: string;
  /** Absolute working directory, for `./channel`. */
  cwd: string;
  /** mamba's authentication store, by host. Credentials in the URL or the configuration win. */
  authentication?: Readonly<Record<string, StoredAuth>>;
  /** Directories that `local` stands for (conda-build's output); `~/conda-bld` when not given. */
  localChannels?: readonly string[];
}

/** CEP 26 asks for at most 256 characters; tokens and signatures come on top. */
const MAX_LENGTH = 4096;
/** Multichannels may name multichannels; a loop in the configuration must end. */
const MAX_EXPANSION = 8;

/**
 * The channels that names, URLs and paths stand for, in order: multichannels expanded, duplicates merged into their
 * first place. Throws `channel-invalid` for malformed text and for archives.
 */
export function resolveChannels(
  names: readonly string[],
  config: ChannelConfig,
  context: ChannelContext,
): Channel[] {
  const byUrl = new Map<string, Channel>();
  for (const channel of names.flatMap((name) => resolveChannel(name, config, context))) {
    if (channel.packageUrl !== undefined) {
      throw new ToolError(
        "channel-invalid",
        `\`${redactUrl(channel.packageUrl)}\` is a package, not a channel`,
        {
          hint: "name it as a spec to install it",
        },
      );
    }
    const first = byUrl.get(channel.baseUrl);
    byUrl.set(channel.baseUrl, first ? mergePlatforms(first, channel) : channel);
  }
  return [...byUrl.values()];
}

/** `conda-forge/linux-64` and `conda-forge/noarch` are one channel with two subdirs. */
function mergePlatforms(first: Channel, second: Channel): Channel {
  const { platforms: _, ...rest } = first;
  const both =
    first.platforms && second.platforms ? [...new Set([...first.platforms, ...second.platforms])] : undefined;
  const auth = first.auth ?? second.auth;
  return makeChannel({ ...rest, ...(both ? { platforms: both } : {}), ...(auth ? { auth } : {}) });
}

/** What one text stands for: several channels for a multichannel, a single one otherwise. */
export function resolveChannel(
  text: string,
  config: ChannelConfig,
  context: ChannelContext,
  depth = 0,
): Channel[] {
  const { location, platforms } = splitFilter(text.trim());
  if (location === "<unknown>" || location.toLowerCase() === "none" || /:\/\/\/<unknown>$/.test(location))
    return [unknownChannel()];
  const members = multichannel(location, config, context);
  if (members) {
    if (depth >= MAX_EXPANSION) {
      throw new ToolError("channel-invalid", `the channel \`${redactUrl(location)}\` contains itself`, {
        hint: "look at custom_multichannels and default_channels",
      });
    }
    return members
      .flatMap((member) => resolveChannel(member, config, context, depth + 1))
      .map((channel) => (platforms ? makeChannel({ ...channel, platforms }) : channel));
  }
  return [resolveSingle(location, platforms, config, context)];
}

function multichannel(
  name: string,
  config: ChannelConfig,
  context: ChannelContext,
): readonly string[] | undefined {
  if (Object.hasOwn(config.customMultichannels, name)) return config.customMultichannels[name];
  if (name === "defaults") {
    return config.defaultChannels.length > 0
      ? config.defaultChannels
      : builtinDefaultChannels(context.platform);
  }
  if (name === "local") return context.localChannels ?? [`${context.home}/conda-bld`];
  return undefined;
}

/** Splits `conda-forge[linux-64, noarch]`, in which libmamba takes `|` and `;` as well as `,`. An IPv6 host has brackets too, but never at the end of a channel. */
function splitFilter(text: string): { location: string; platforms?: string[] } {
  if (text === "") throw invalidChannel(text, "it is empty");
  if (text.length > MAX_LENGTH) throw invalidChannel(`${text.slice(0, 100)}…`, "it is too long");
  // Control characters would be dropped silently by URL parsers; in names they only ever hide something.
  if (/[\u0000-\u001f\u007f]/.test(text)) throw invalidChannel(text, "it contains a control character");
  if (!text.endsWith("]")) return { location: text };
  const open = text.lastIndexOf("[");
  if (open < 0) throw invalidChannel(text, "it has a closing bracket without an opening one");
  const inside = text.slice(open + 1, -1);
  if (/^[0-9a-f:.]+$/i.test(inside) && inside.includes(":")) return { location: text };
  const platforms = inside.split(/[,|;]/).map((part) => part.trim());
  const wrong = platforms.find((part) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(part));
  if (wrong !== undefined) throw invalidChannel(text, `\`${wrong}\` is no platform`);
  return { location: text.slice(0, open).trim(), platforms: [...new Set(platforms)] };
}

function unknownChannel(): Channel {
  return makeChannel({ name: "<unknown>", baseUrl: "", platforms: [], mirrors: [] });
}

type ChannelFields = Omit<Channel, "urls">;

function makeChannel(fields: ChannelFields): Channel {
  return {
    ...fields,
    urls(platform) {
      if (this.packageUrl !== undefined) return [{ subdir: "", url: this.packageUrl }];
      const subdirs = this.platforms ?? [...new Set([platform, "noarch"])];
      return subdirs.map((subdir) => ({ subdir, url: `${this.baseUrl.replace(/\/$/, "")}/${subdir}` }));
    },
  };
}

const ARCHIVE = /\.(?:conda|tar\.bz2)$/i;
const INDEX_FILE = /\/(?:current_)?repodata(?:_shards|_from_packages)?\.(?:json|msgpack)(?:\.zst|\.bz2)?$/;

function resolveSingle(
  location: string,
  filter: readonly string[] | undefined,
  config: ChannelConfig,
  context: ChannelContext,
): Channel {
  const kind = channelKind(location);
  const written = kind === "name" ? nameToUrl(location, config, context) : locate(location, kind, context);
  const { url, auth: ownAuth } = splitCredentials(written);
  const auth = ownAuth ?? (context.authentication ? findStoredAuth(url, context.authentication) : undefined);
  const base = { mirrors: [], ...(auth ? { auth } : {}) };
  if (ARCHIVE.test(url)) return makeChannel({ ...base, name: url, baseUrl: url, packageUrl: url });
  const { base: baseUrl, subdir } = splitSubdir(url.replace(INDEX_FILE, ""));
  const platforms = filter ?? (subdir === undefined ? undefined : [subdir]);
  const name =
    kind === "name"
      ? splitSubdir(trimTrailingSlashes(location)).base
      : canonicalName(baseUrl, config, context);
  return makeChannel({
    ...base,
    ...mirrorsOf(name, config),
    name,
    baseUrl,
    ...(platforms ? { platforms } : {}),
  });
}

function locate(text: string, kind: "url" | "path", context: ChannelContext): string {
  return kind === "path" ? pathToFileUrl(text, context) : normalizeUrl(text);
}

function nameToUrl(name: string, config: ChannelConfig, context: ChannelContext): string {
  const clean = trimTrailingSlashes(name);
  const scheme = /^(?:https?|ftp|file|oci|s3):/i.exec(clean)?.[0];
  if (scheme) throw invalidChannel(name, `\`${scheme}\` is followed by two slashes`);
  if (clean.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw invalidChannel(name, "a part of the name is empty or consists of dots");
  }
  const prefix = customPrefix(clean, config, context);
  const parent = prefix ?? (config.channelAlias || DEFAULT_CHANNEL_ALIAS);
  const parentUrl =
    channelKind(parent) === "path" ? pathToFileUrl(parent, context) : normalizeUrl(withScheme(parent));
  const tail = clean.split("/").map(encodeURIComponent).join("/");
  return appendPath(parentUrl, tail);
}

function appendPath(url: string, tail: string): string {
  const mark = url.indexOf("?");
  const [before, query] = mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark)];
  return `${trimTrailingSlashes(before)}/${tail}${query}`;
}

function customChannels(config: ChannelConfig, context: ChannelContext): Record<string, string> {
  return { ...builtinCustomChannels(context.platform), ...config.customChannels };
}

/** The directory of the longest custom channel name that is `name` or its beginning. */
function customPrefix(name: string, config: ChannelConfig, context: ChannelContext): string | undefined {
  const custom = customChannels(config, context);
  for (let end = name.length; end > 0; end = name.lastIndexOf("/", end - 1)) {
    const found = Object.hasOwn(custom, name.slice(0, end)) ? custom[name.slice(0, end)] : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Splits the subdir off a location: of a path of this machine only at the end, elsewhere wherever it stands, as the peers do. */
function splitSubdir(location: string): { base: string; subdir?: string } {
  const parts = location.split("/");
  const local = /^file:/.test(location);
  const from = /^[a-z][a-z0-9+.-]*:\/\//i.test(location) ? 3 : 1;
  for (let i = parts.length - 1; i >= (local ? parts.length - 1 : from); i--) {
    const part = parts[i];
    if (part !== undefined && i >= from && isKnownSubdir(part)) {
      return { base: [...parts.slice(0, i), ...parts.slice(i + 1)].join("/"), subdir: part };
    }
  }
  return { base: location };
}

/** `https://conda.anaconda.org/conda-forge` → `conda-forge`; a URL that no rule covers is its own name. */
function canonicalName(baseUrl: string, config: ChannelConfig, context: ChannelContext): string {
  for (const [name, parent] of Object.entries(customChannels(config, context))) {
    const url = nameToUrlOrNothing(name, parent, context);
    if (url === undefined) continue;
    if (baseUrl === url) return name;
    if (baseUrl.startsWith(`${url}/`)) return name + decodePercent(baseUrl.slice(url.length));
  }
  const alias = nameToUrlOrNothing("", config.channelAlias || DEFAULT_CHANNEL_ALIAS, context);
  if (alias !== undefined && baseUrl.startsWith(`${alias}/`))
    return decodePercent(baseUrl.slice(alias.length + 1));
  return baseUrl;
}

function nameToUrlOrNothing(name: string, parent: string, context: ChannelContext): string | undefined {
  try {
    const url =
      channelKind(parent) === "path" ? pathToFileUrl(parent, context) : normalizeUrl(withScheme(parent));
    const whole = name === "" ? url : appendPath(url, name.split("/").map(encodeURIComponent).join("/"));
    return trimTrailingSlashes(splitCredentials(whole).url);
  } catch {
    // A malformed entry for another channel must not break this one.
    return undefined;
  }
}

function mirrorsOf(name: string, config: ChannelConfig): Pick<Channel, "mirrors" | "mirrorAuth"> {
  const listed = Object.hasOwn(config.mirroredChannels, name) ? config.mirroredChannels[name] : undefined;
  if (!listed || listed.length === 0) return { mirrors: [] };
  const split = listed.map((mirror) => splitCredentials(normalizeUrl(mirror)));
  const withAuth = split.filter((mirror) => mirror.auth);
  const mirrorAuth = Object.fromEntries(withAuth.map((mirror) => [mirror.url, mirror.auth as UrlAuth]));
  return {
    mirrors: [...new Set(split.map((mirror) => mirror.url))],
    ...(withAuth.length > 0 ? { mirrorAuth } : {}),
  };
}

/** Every URL prefix that has credentials: what an HTTP client needs to know. Longest prefix first. */
export function channelCredentials(channels: readonly Channel[]): { prefix: string; auth: UrlAuth }[] {
  const pairs = channels.flatMap((channel) => [
    ...(channel.auth ? [{ prefix: channel.baseUrl, auth: channel.auth }] : []),
    ...Object.entries(channel.mirrorAuth ?? {}).map(([prefix, auth]) => ({ prefix, auth })),
  ]);
  return pairs.sort((a, b) => b.prefix.length - a.prefix.length);
}

/** The URL with the credentials of the channel it belongs to; whole path components decide. */
export function authorizeUrl(url: string, credentials: readonly { prefix: string; auth: UrlAuth }[]): string {
  const found = credentials.find(
    ({ prefix }) => url === prefix || url.startsWith(`${prefix.replace(/\/$/, "")}/`),
  );
  return found ? withCredentials(url, found.auth) : url;
}
