import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { readText } from "../fs/files.ts";
import type { S3Settings } from "./types.ts";

type Sections = Map<string, Map<string, string>>;

/** What keys of a profile want a program or a service of AWS to be asked for keys. */
const NOT_HERE = [
  "sso_session",
  "sso_start_url",
  "role_arn",
  "credential_process",
  "web_identity_token_file",
];

/** One reading of the files for each client, when its first s3:// URL is asked for. */
const loaded = new WeakMap<S3Settings, Promise<S3Settings>>();

/** The settings completed from `~/.aws/credentials` and `~/.aws/config`; what they hold already goes first. */
export function withProfile(settings: S3Settings): Promise<S3Settings> {
  let loading = loaded.get(settings);
  if (!loading) {
    loading = loadProfile(settings);
    loaded.set(settings, loading);
  }
  return loading;
}

async function loadProfile(settings: S3Settings): Promise<S3Settings> {
  const { home } = settings;
  if (home === undefined) return settings;
  const name = settings.profile || "default";
  const read = async (path: string): Promise<Sections> => parseAwsFile((await readText(path)) ?? "");
  const [credentials, config] = await Promise.all([
    read(settings.credentialsFile || join(home, ".aws", "credentials")),
    read(settings.configFile || join(home, ".aws", "config")),
  ]);
  const own = credentials.get(name);
  const general = config.get(`profile ${name}`) ?? (name === "default" ? config.get(name) : undefined);
  const hasKeys = Boolean(settings.accessKeyId && settings.secretAccessKey);
  if (settings.profile && !own && !general && !hasKeys) {
    throw new ToolError("config-invalid", `AWS_PROFILE names \`${name}\`, which is no profile in ~/.aws`);
  }
  const get = (key: string): string | undefined => own?.get(key) ?? general?.get(key);
  const services = config.get(`services ${general?.get("services") ?? ""}`);
  const found: S3Settings = {
    ...settings,
    region: settings.region || get("region"),
    endpoint: settings.endpoint || services?.get("s3.endpoint_url") || get("endpoint_url"),
  };
  // Never a key of one place with the secret or the token of another.
  if (hasKeys) return found;
  const keys = [own, general].find((section) => section?.has("aws_access_key_id"));
  if (!keys && settings.profile) refuseOthers(name, get);
  return {
    ...found,
    accessKeyId: keys?.get("aws_access_key_id"),
    secretAccessKey: keys?.get("aws_secret_access_key"),
    sessionToken: keys?.get("aws_session_token"),
  };
}

function refuseOthers(name: string, get: (key: string) => string | undefined): void {
  const wanted = NOT_HERE.find((key) => get(key) !== undefined);
  if (wanted === undefined) return;
  throw new ToolError(
    "auth-error",
    `the AWS profile \`${name}\` gets its keys by \`${wanted}\`, which taipan does not do`,
    { hint: `run \`eval "$(aws configure export-credentials --profile ${name} --format env)"\` first` },
  );
}

/**
 * Sections of AWS's INI files ("Configuration and credential file settings", AWS CLI User Guide). Indented lines belong to the key
 * above: `s3 =`, `  endpoint_url = x` is `s3.endpoint_url`. Takes any text.
 */
export function parseAwsFile(text: string): Sections {
  const sections: Sections = new Map();
  let section: Map<string, string> | undefined;
  let above = "";
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const head = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line);
    if (head) {
      const name = head[1]!.replace(/\s+/g, " ");
      section = sections.get(name) ?? new Map<string, string>();
      sections.set(name, section);
      continue;
    }
    const pair = /^(\s*)([^=\s][^=]*?)\s*=\s*(.*?)(?:\s+[#;].*)?\s*$/.exec(line);
    if (!section || !pair) continue;
    const [, indent, key = "", value = ""] = pair;
    if (!indent) above = key.toLowerCase();
    section.set(indent ? `${above}.${key.toLowerCase()}` : above, value);
  }
  return sections;
}
