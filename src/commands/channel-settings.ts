import { join } from "node:path";
import type { ConfigValues } from "../config/keys.ts";
import type { EventSink } from "../events.ts";
import { readText } from "../fs/files.ts";
import { exec } from "../host/exec.ts";
import { redactText, type UrlAuth } from "../specs/credentials.ts";
import type { Platform } from "../specs/platform.ts";
import { parseStringMatcher, stringMatches } from "../specs/string-matcher.ts";
import { objectOf, parseJson } from "../util/json.ts";
import { channelsNamed } from "./channel-rules.ts";

interface Context {
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  events: EventSink;
}

/** One map of conda's `channel_settings`. */
interface Entry {
  settings: Readonly<Record<string, string>>;
  /** Names that the channel has in a keyring. */
  names: readonly string[];
  covers(url: string): boolean;
  /** A URL, or pattern of URLs, that it is for. */
  example: string;
  /** Its user has been told that it does not help. */
  warned?: boolean;
}

/** Where secrets lie outside of the settings. Undefined for one that is not there. */
interface Vault {
  keyring(service: string, user: string): Promise<string | undefined>;
  /** anaconda-auth's own file, in which secrets are as in a keyring. */
  anacondaAuth(): Promise<Record<string, unknown> | undefined>;
}

/**
 * The secret of a URL by `channel_settings`, from where conda's plug-ins conda-auth and anaconda-auth have put it: the settings
 * themselves, the keyring of the system, which the program `keyring` is asked for (as pip does), and anaconda-auth's own file.
 * Of several settings that cover a URL the last counts (conda/gateways/connection/session.py). Each place is asked once for what it has;
 * what is sent is chosen for each URL, since the settings of a pattern cover hosts that have secrets of their own.
 */
export function channelSettings(
  config: ConfigValues,
  context: Context,
): (url: string) => Promise<UrlAuth | undefined> {
  let entries: Entry[] | undefined;
  const vault = openVault(context);
  return async (url) => {
    entries ??= entriesOf(config, context);
    const found = entries.findLast(({ covers }) => covers(url));
    return found && secretOf(found, url, { vault, events: context.events });
  };
}

/** The settings that lead to a secret, by the channel or pattern that they are for. Those that lead to none are told of. */
export async function channelSettingLogins(
  config: ConfigValues,
  context: Context,
): Promise<{ channel: string; auth: UrlAuth }[]> {
  const vault = openVault(context);
  const found: { channel: string; auth: UrlAuth }[] = [];
  for (const item of entriesOf(config, context)) {
    const auth = await secretOf(item, item.example, { vault, events: context.events });
    if (auth) found.push({ channel: item.settings["channel"] ?? "", auth });
  }
  return found;
}

function entriesOf(config: ConfigValues, context: Context): Entry[] {
  return config.channelSettings.filter(({ auth }) => auth).flatMap((item) => entry(item, config, context));
}

function entry(settings: Entry["settings"], config: ConfigValues, context: Context): Entry[] {
  const { channel = "" } = settings;
  try {
    const matches = patternOf(channel);
    if (matches) return [{ settings, names: [channel], covers: matches, example: channel }];
    const { home } = context;
    const places = { config, home, cwd: home, hostPlatform: config.platform as Platform };
    const channels = channelsNamed([channel], places);
    const prefixes = channels.map(({ baseUrl }) => `${baseUrl}/`);
    const names = [...new Set([...channels.map(({ name }) => name), channel])];
    const covers = (url: string): boolean => prefixes.some((prefix) => url.startsWith(prefix));
    return [{ settings, names, covers, example: prefixes[0] ?? channel }];
  } catch (error) {
    const message = `an entry of \`channel_settings\` is left out: ${redactText((error as Error).message)}`;
    context.events({ type: "warning", code: "channel-settings", message });
    return [];
  }
}

/**
 * `https://host/*`. The host is compared for itself and the scheme as it is: else `https://*.lab/*` would send the secret to
 * `https://evil.example/x.lab/`, and `http:` would send it in the clear.
 */
function patternOf(text: string): Entry["covers"] | undefined {
  const [, scheme, host, path] = /^([a-z][a-z0-9+]*:\/\/)([^/]+)(\/.*)?$/i.exec(text) ?? [];
  if (!text.includes("*") || scheme === undefined || host === undefined) return undefined;
  const hosts = parseStringMatcher(host);
  const paths = parseStringMatcher(path ?? "*");
  return (url) => {
    const parts = URL.canParse(url) ? new URL(url) : undefined;
    return (
      parts !== undefined &&
      `${parts.protocol}//` === scheme.toLowerCase() &&
      stringMatches(hosts, parts.host) &&
      stringMatches(paths, parts.pathname)
    );
  };
}

type Finder = (entry: Entry, url: string, vault: Vault) => Promise<UrlAuth | undefined>;

/** By the value of `auth`. The first three are conda-auth's. */
const FINDERS: Readonly<Record<string, Finder>> = {
  "http-basic": async ({ settings, names }, _, vault) => {
    const said = settings["username"] !== undefined && settings["password"] !== undefined;
    const stored = said ? {} : await ofCondaAuth(names, "http-basic", settings["username"], vault);
    const user = settings["username"] ?? stored?.["username"];
    const password = settings["password"] ?? stored?.["password"];
    if (typeof user !== "string" || typeof password !== "string") return undefined;
    return { user: encodeURIComponent(user), password: encodeURIComponent(password) };
  },
  token: async ({ settings, names }, url, vault) => {
    const token = settings["token"] ?? (await ofCondaAuth(names, "token", "token", vault))?.["token"];
    if (typeof token !== "string") return undefined;
    // anaconda.org takes it in the path.
    return /(^|\.)anaconda\.org$/.test(new URL(url).hostname)
      ? { token: encodeURIComponent(token) }
      : { bearer: token };
  },
  oauth2: async ({ names }, _, vault) => {
    const stored = await ofCondaAuth(names, "oauth2", undefined, vault);
    const token = stored?.["access_token"];
    const expires = stored?.["expires_at"];
    if (typeof token !== "string" || (typeof expires === "number" && expires * 1000 < Date.now()))
      return undefined;
    return { bearer: token };
  },
  "anaconda-auth": ofAnacondaAuth,
  "anaconda-cloud-auth": ofAnacondaAuth,
};

async function secretOf(
  entry: Entry,
  url: string,
  { vault, events }: Pick<Context, "events"> & { vault: Vault },
): Promise<UrlAuth | undefined> {
  const { auth = "", channel = "" } = entry.settings;
  const finder = Object.hasOwn(FINDERS, auth) ? FINDERS[auth] : undefined;
  const found = await finder?.(entry, url, vault);
  // Who has no account of Anaconda's has the setting all the same: its installers write it.
  if (found || finder === ofAnacondaAuth || entry.warned) return found;
  entry.warned = true;
  const what = `\`auth: ${auth}\` of \`${redactText(channel)}\` in \`channel_settings\``;
  events({
    type: "warning",
    code: "channel-settings",
    message: finder ? `nothing was found for ${what}` : `${what} is not known`,
    hint: finder
      ? "the program `keyring` is asked for what `conda auth login` has stored; `auth login` stores a login without it"
      : `known are ${Object.keys(FINDERS).join(", ")}`,
  });
  return undefined;
}

/** What conda-auth has stored: a record of all, or, in versions before 0.3, the password of a user. */
async function ofCondaAuth(
  names: readonly string[],
  type: string,
  user: string | undefined,
  vault: Vault,
): Promise<Record<string, unknown> | undefined> {
  for (const name of names) {
    const text = await vault.keyring(`conda-auth::credential::${name}`, "credential");
    const record = objectOf(parseJson(text ?? ""));
    if (record?.["auth_type"] === type) return record;
    const secret = user && (await vault.keyring(`conda-auth::${type}::${name}`, user));
    if (secret) return { password: secret, token: secret };
  }
  return undefined;
}

const OF_ANACONDA = new Set(["repo.anaconda.cloud", "repo.anaconda.com", "repo.continuum.io"]);

/**
 * anaconda-auth keeps a key for each site, which all of Anaconda's own hosts share, and, of old, tokens of organisations:
 * the first directory of the path, behind `/repo/`, names one.
 */
async function ofAnacondaAuth({ settings }: Entry, url: string, vault: Vault): Promise<UrlAuth | undefined> {
  const { host, pathname } = new URL(url);
  const domain = settings["auth_domain"] ?? (OF_ANACONDA.has(host) ? "anaconda.com" : host);
  const own = objectOf((await vault.anacondaAuth())?.["Anaconda Cloud"]);
  const stored = own?.[domain] ?? (await vault.keyring("Anaconda Cloud", domain));
  const info =
    typeof stored === "string" ? objectOf(parseJson(Buffer.from(stored, "base64").toString())) : undefined;
  const key = info?.["api_key"];
  if (typeof key === "string" && settings["credential_type"] !== "repo-token") return { bearer: key };
  const tokens = Array.isArray(info?.["repo_tokens"]) ? info["repo_tokens"].map(objectOf) : [];
  const organisation = pathname.replace(/^\/repo\//, "/").split("/")[1];
  const token = (tokens.find((item) => item?.["org_name"] === organisation) ?? tokens[0])?.["token"];
  return typeof token === "string" ? { token: encodeURIComponent(token) } : undefined;
}

function openVault({ env, home }: Context): Vault {
  const answers = new Map<string, Promise<string | undefined>>();
  let file: Promise<Record<string, unknown> | undefined> | undefined;
  return {
    keyring: (service, user) => {
      const key = `${service}\n${user}`;
      const answer = answers.get(key) ?? askKeyring(service, user, { env, home });
      answers.set(key, answer);
      return answer;
    },
    anacondaAuth: () =>
      (file ??= readText(join(home, ".anaconda", "keyring")).then(
        (text = "") => objectOf(parseJson(text)),
        () => undefined,
      )),
  };
}

/** Undefined where the keyring has none, or there is no such program. */
async function askKeyring(
  service: string,
  user: string,
  { env, home }: Pick<Context, "env" | "home">,
): Promise<string | undefined> {
  // One that waits for somebody to unlock it must not keep the command for ever. Windows, and a PATH with `.`, look for programs
  // in the working directory, which may be anybody's: a fresh clone, a folder of downloads.
  const options = { env, cwd: home, timeout: 60_000 };
  const result = await exec("keyring", ["get", service, user], options).catch(() => undefined);
  return result?.code === 0 ? result.stdout.replace(/\r?\n$/, "") : undefined;
}
