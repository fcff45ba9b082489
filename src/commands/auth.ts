import { ToolError } from "../errors.ts";
import {
  defaultAuthFile,
  listCredentials,
  removeLogin,
  type StoredCredential,
  storeLogin,
} from "../net/credentials.ts";
import { kindOfLogin } from "../net/send.ts";
import { redactUrl, type StoredAuth } from "../specs/credentials.ts";
import { trimTrailingSlashes } from "../specs/slashes.ts";
import { channelSettingLogins } from "./channel-settings.ts";
import type { CommandContext } from "./context.ts";
import { credentialSources } from "./credentials.ts";

/** The secrets that were given: a token, a bearer token, or a user and a password. */
export interface LoginIntent {
  host: string;
  username?: string | undefined;
  password?: string | undefined;
  token?: string | undefined;
  bearer?: string | undefined;
}

type AuthContext = Pick<CommandContext, "home">;

/** Stores a login for a host in mamba's authentication.json, readable by its owner only. Resolves to the host's key. */
export async function login(intent: LoginIntent, context: AuthContext): Promise<string> {
  const key = hostKey(intent.host);
  await storeLogin(defaultAuthFile(context.home), key, storedAuth(intent));
  return key;
}

/** Forgets the login of a host, or all of them; resolves to the hosts that were forgotten. */
export async function logout(host: string | undefined, context: AuthContext): Promise<string[]> {
  return removeLogin(defaultAuthFile(context.home), host === undefined ? undefined : hostKey(host));
}

/** Logins that requests would use, whoever stored them, without what is secret of them. */
export async function logins(
  context: Pick<CommandContext, "config" | "home" | "env" | "events">,
): Promise<StoredCredential[]> {
  const { config, home, env } = context;
  const ofSettings = (await channelSettingLogins(config, context)).map(
    ({ channel, auth }): StoredCredential => ({
      host: channel,
      kind: kindOfLogin(auth) ?? "token",
      source: "channel_settings",
    }),
  );
  const stored = await listCredentials(credentialSources(config, home, env));
  return [...ofSettings, ...stored].map((each) => ({ ...each, host: redactUrl(each.host) }));
}

function storedAuth({ username, password, token, bearer }: LoginIntent): StoredAuth {
  const basic = username !== undefined || password !== undefined;
  if ([basic, token !== undefined, bearer !== undefined].filter(Boolean).length !== 1) {
    throw new ToolError("usage", "a login is either a token, a bearer token, or a user with a password", {
      hint: "give one of --token, --bearer, or --username with --password; each has a form that reads standard input, such as --token-stdin",
    });
  }
  if (token !== undefined) return { type: "CondaToken", token: secret("token", token) };
  if (bearer !== undefined) return { type: "BearerToken", token: secret("bearer token", bearer) };
  if (username === undefined) throw new ToolError("usage", "a password needs --username");
  if (password === undefined) {
    throw new ToolError("usage", `there is no password for the user \`${username}\``, {
      hint: "pipe it in with --password-stdin",
    });
  }
  return { type: "BasicHTTPAuthentication", user: username, password: secret("password", password) };
}

/** The message must not repeat what is wrong: it is a secret. */
function secret(what: string, value: string): string {
  if (value === "") throw new ToolError("usage", `the ${what} is empty`);
  if (/[\r\n\0]/.test(value)) throw new ToolError("usage", `the ${what} has a line break in it`);
  return value;
}

/** `https://Host:8080/path/` → `host:8080/path`, the key that mamba uses. */
function hostKey(host: string): string {
  const bare = trimTrailingSlashes(host.trim().replace(/^[a-z][a-z0-9+.-]*:\/\//i, ""));
  const [name = "", ...path] = bare.split("/");
  if (bare.includes("@")) {
    throw new ToolError("usage", "the host has a user or password in it", {
      hint: "give them with --username and --password-stdin",
    });
  }
  if (!/^(\[[0-9a-f:]+\]|[\w.-]+)(:\d+)?$/i.test(name)) {
    throw new ToolError("usage", `\`${host}\` is no host`, {
      hint: "such as `repo.example.com` or `https://repo.example.com:8080/channel`",
    });
  }
  return [name.toLowerCase(), ...path].join("/");
}
