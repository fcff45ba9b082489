import { dirname, join } from "node:path";
import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { ensureDir, listDir, readText, writeAtomic } from "../fs/files.ts";
import { findStoredAuth, type StoredAuth, type UrlAuth } from "../specs/credentials.ts";
import { trimTrailingSlashes } from "../specs/slashes.ts";
import { isBelow } from "./mirrors.ts";
import { findNetrc, parseNetrc } from "./netrc.ts";

export interface CredentialSources {
  home: string;
  /** `authentication.json`; default `~/.mamba/auth/authentication.json`. */
  authFile?: string | undefined;
  /** Value of NETRC; default `~/.netrc`, or `~/_netrc` where that is missing. */
  netrc?: string | undefined;
  /** Directories of anaconda-client tokens; default `~/.continuum/anaconda-client/tokens`. */
  tokenDirs?: readonly string[] | undefined;
}

export type AuthStore = Record<string, StoredAuth>;

export const defaultAuthFile = (home: string): string => join(home, ".mamba", "auth", "authentication.json");
const authFileOf = ({ authFile, home }: CredentialSources): string => authFile ?? defaultAuthFile(home);
const tokenDirsOf = ({ tokenDirs, home }: CredentialSources): readonly string[] =>
  tokenDirs ?? [join(home, ".continuum", "anaconda-client", "tokens")];

/**
 * Reads every place that may hold secrets, once, and returns the look-up. First found wins: authentication.json,
 * anaconda-client tokens, netrc.
 */
export async function loadCredentials(
  sources: CredentialSources,
  events: EventSink,
): Promise<(url: string) => UrlAuth | undefined> {
  const [store, tokens, netrc] = await Promise.all([
    readAuthStore(authFileOf(sources)).catch((error: unknown) => {
      events({ type: "warning", code: "auth-file", message: (error as Error).message });
      return {};
    }),
    readAnacondaTokens(tokenDirsOf(sources)),
    readNetrc(sources),
  ]);
  // Longest first: a channel below another one has its own secret.
  const ofAnaconda = tokens.sort((a, b) => b.prefix.length - a.prefix.length);
  const findToken = (url: string): UrlAuth | undefined =>
    ofAnaconda.find(({ prefix }) => isBelow(url, trimTrailingSlashes(prefix)))?.auth;
  return (url) => {
    if (!URL.canParse(url)) return undefined;
    return findStoredAuth(url, store) ?? findToken(url) ?? findNetrc(netrc, new URL(url).hostname);
  };
}

export interface StoredCredential {
  /** Host or URL that it is for; `*` for the default of netrc. */
  host: string;
  kind: "token" | "bearer" | "basic";
  source: "authentication.json" | "anaconda-client" | "netrc" | "channel_settings";
}

/** What is stored for which host, first found first, and no secret. Throws `config-invalid` for a broken authentication.json. */
export async function listCredentials(sources: CredentialSources): Promise<StoredCredential[]> {
  const store = await readAuthStore(authFileOf(sources));
  const tokens = await readAnacondaTokens(tokenDirsOf(sources));
  const netrc = await readNetrc(sources);
  return [
    ...Object.entries(store).map(
      ([host, { type }]) => ({ host, kind: KINDS[type], source: "authentication.json" }) as const,
    ),
    ...tokens.map(({ prefix }) => ({ host: prefix, kind: "token", source: "anaconda-client" }) as const),
    ...netrc.map(({ machine = "*" }) => ({ host: machine, kind: "basic", source: "netrc" }) as const),
  ];
}

const KINDS = { CondaToken: "token", BearerToken: "bearer", BasicHTTPAuthentication: "basic" } as const;

interface Prefixed {
  prefix: string;
  auth: UrlAuth;
}

/** mamba's authentication.json. Passwords are base64 in it; entries of unknown shape are skipped. */
export async function readAuthStore(path: string): Promise<AuthStore> {
  const text = await readText(path);
  if (text === undefined || text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ToolError("config-invalid", `\`${path}\` is not valid JSON, so no stored credentials are used`);
  }
  const store: AuthStore = Object.create(null) as AuthStore;
  if (value === null || typeof value !== "object" || Array.isArray(value)) return store;
  for (const [host, entry] of Object.entries(value)) {
    const auth = readEntry(entry);
    if (auth) store[host] = auth;
  }
  return store;
}

function readEntry(entry: unknown): StoredAuth | undefined {
  const { type, token, user, password } = (entry ?? {}) as Record<string, unknown>;
  if ((type === "CondaToken" || type === "BearerToken") && typeof token === "string") return { type, token };
  if (type === "BasicHTTPAuthentication" && typeof user === "string" && typeof password === "string") {
    return { type, user, password: Buffer.from(password, "base64").toString("utf8") };
  }
  return undefined;
}

/** Adds or replaces the login of a host; the file is readable by its owner only. */
export async function storeLogin(path: string, host: string, auth: StoredAuth): Promise<void> {
  const store = await readAuthStore(path);
  store[host] = auth;
  await writeAuthStore(path, store);
}

/** Forgets one host, or all; returns the hosts that were forgotten. */
export async function removeLogin(path: string, host: string | undefined): Promise<string[]> {
  const store = await readAuthStore(path);
  const gone = Object.keys(store).filter((key) => host === undefined || key === host);
  for (const key of gone) delete store[key];
  if (gone.length > 0) await writeAuthStore(path, store);
  return gone;
}

async function writeAuthStore(path: string, store: AuthStore): Promise<void> {
  const plain = Object.fromEntries(
    Object.entries(store).map(([host, auth]) => [
      host,
      auth.type === "BasicHTTPAuthentication"
        ? { ...auth, password: Buffer.from(auth.password).toString("base64") }
        : auth,
    ]),
  );
  await ensureDir(dirname(path));
  await writeAtomic(path, `${JSON.stringify(plain, undefined, 4)}\n`, { mode: 0o600 });
}

/** `<quoted URL>.token` files of anaconda-client; a token of `api.anaconda.org` is for `conda.anaconda.org`. */
async function readAnacondaTokens(directories: readonly string[]): Promise<Prefixed[]> {
  const found: Prefixed[] = [];
  for (const directory of directories) {
    for (const name of await listDir(directory).catch(() => [])) {
      if (!name.endsWith(".token")) continue;
      const url = unquote(name.slice(0, -".token".length));
      const token = (await readText(join(directory, name)).catch(() => undefined))?.trim();
      if (!token || !URL.canParse(url)) continue;
      found.push({
        prefix: url.replace(/([./])api([./]|$)/, "$1conda$2"),
        auth: { token: encodeURIComponent(token) },
      });
    }
  }
  return found;
}

function unquote(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

async function readNetrc(sources: CredentialSources): ReturnType<typeof readNetrcFile> {
  if (sources.netrc) return readNetrcFile(sources.netrc);
  const found = await readNetrcFile(join(sources.home, ".netrc"));
  return found.length > 0 ? found : readNetrcFile(join(sources.home, "_netrc"));
}

async function readNetrcFile(path: string): Promise<ReturnType<typeof parseNetrc>> {
  const text = await readText(path).catch(() => undefined);
  return text === undefined ? [] : parseNetrc(text);
}
