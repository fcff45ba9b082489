import { join } from "node:path";
import { readText } from "../fs/files.ts";
import type { Transport } from "./transport.ts";
import type { S3Settings } from "./types.ts";

type Sections = Map<string, Map<string, string>>;

/** `~/.aws/credentials` and `~/.aws/config`, by profile. */
export interface AwsFiles {
  /** A value of a profile; the credentials file goes first. */
  get(profile: string, key: string): string | undefined;
  has(profile: string): boolean;
  /** Keys that one of the files holds whole: never a key of one with the secret or the token of the other. */
  keysOf(profile: string): AwsKeys | undefined;
  /** A value of another section of the configuration file, such as `sso-session x` or `services x`. */
  section(name: string, key: string): string | undefined;
}

export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
  /** Milliseconds since the epoch; undefined for keys that do not run out. */
  expires?: number | undefined;
}

/** What keys are sought with. */
export interface AwsSource {
  settings: S3Settings;
  files: AwsFiles;
  transport: Transport;
}

/** `endpoint_url` of a service in a profile: its own, else that of all services. */
export function endpointOf(service: string, profile: string, files: AwsFiles): string | undefined {
  const services = `services ${files.get(profile, "services") ?? ""}`;
  return files.section(services, `${service}.endpoint_url`) || files.get(profile, "endpoint_url");
}

/** Reads the files where there is a home to find them in; missing ones are empty. */
export async function readAwsFiles({ home, credentialsFile, configFile }: S3Settings): Promise<AwsFiles> {
  const read = async (path: string): Promise<Sections> =>
    home === undefined ? new Map() : parseAwsFile((await readText(path)) ?? "");
  const [credentials, config] = await Promise.all([
    read(credentialsFile || join(home ?? "", ".aws", "credentials")),
    read(configFile || join(home ?? "", ".aws", "config")),
  ]);
  const sectionsOf = (profile: string): Map<string, string>[] =>
    [
      credentials.get(profile),
      config.get(`profile ${profile}`) ?? (profile === "default" ? config.get(profile) : undefined),
    ].filter((section) => section !== undefined);
  return {
    get: (profile, key) =>
      sectionsOf(profile)
        .find((section) => section.has(key))
        ?.get(key),
    has: (profile) => sectionsOf(profile).length > 0,
    keysOf: (profile) => {
      const section = sectionsOf(profile).find((candidate) => candidate.has("aws_access_key_id"));
      const accessKeyId = section?.get("aws_access_key_id");
      const secretAccessKey = section?.get("aws_secret_access_key");
      return accessKeyId && secretAccessKey
        ? { accessKeyId, secretAccessKey, sessionToken: section?.get("aws_session_token") }
        : undefined;
    },
    section: (name, key) => config.get(name)?.get(key),
  };
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
