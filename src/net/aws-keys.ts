import { ToolError } from "../errors.ts";
import { type AwsFiles, type AwsKeys, type AwsSource, endpointOf, readAwsFiles } from "./aws-profile.ts";
import { containerKeys, instanceKeys, processKeys, ssoKeys } from "./aws-services.ts";
import { assumeRole } from "./aws-sts.ts";
import type { Transport } from "./transport.ts";
import type { S3Settings } from "./types.ts";

/** Keys are asked for anew when they run out within this time (milliseconds). */
const RENEW_BEFORE = 300_000;
/** Profiles that take the keys of another one, in a row. */
const MAX_CHAIN = 5;

interface Known {
  files: Promise<AwsFiles>;
  keys: Promise<AwsKeys | undefined>;
  /** Of `keys`, once they are there. */
  expires: number;
}

/** One reading of the files for each client, when its first s3:// URL is asked for. */
const known = new WeakMap<S3Settings, Known>();

/**
 * The settings completed with region, endpoint and keys, sought as AWS's own programs do: variables, the profile and what it
 * names, a web identity, the container, the machine; without any, requests are anonymous. Throws `config-invalid` and `auth-error`.
 */
export async function completeS3(settings: S3Settings, transport: Transport): Promise<S3Settings> {
  let found = known.get(settings);
  if (!found || found.expires - RENEW_BEFORE < Date.now()) {
    const files = found?.files ?? readAwsFiles(settings);
    const keys = files.then((loaded) => findKeys({ settings, files: loaded, transport }));
    const next: Known = { files, keys, expires: Number.POSITIVE_INFINITY };
    known.set(settings, next);
    keys.then(
      (loaded) => {
        next.expires = loaded?.expires ?? Number.POSITIVE_INFINITY;
      },
      () => {},
    );
    found = next;
  }
  const [files, keys] = await Promise.all([found.files, found.keys]);
  const name = profileOf(settings);
  return {
    ...settings,
    region: settings.region || files.get(name, "region"),
    endpoint: settings.endpoint || endpointOf("s3", name, files),
    accessKeyId: keys?.accessKeyId,
    secretAccessKey: keys?.secretAccessKey,
    sessionToken: keys?.sessionToken,
  };
}

const profileOf = (settings: S3Settings): string => settings.profile || "default";

async function findKeys(source: AwsSource): Promise<AwsKeys | undefined> {
  const { settings, files } = source;
  const name = profileOf(settings);
  const variables = settings.variables ?? {};
  const own = keysOfVariables(settings);
  if (own) return own;
  if (settings.profile && !files.has(name))
    throw new ToolError("config-invalid", `AWS_PROFILE names \`${name}\`, which is no profile in ~/.aws`);
  const ofProfile = await profileKeys(name, source, 0);
  if (ofProfile) return ofProfile;
  const { AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile, AWS_ROLE_ARN: roleArn } = variables;
  if (tokenFile && roleArn)
    return assumeRole({ roleArn, tokenFile, session: variables["AWS_ROLE_SESSION_NAME"] }, name, source);
  if (variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
    return containerKeys(variables);
  // MinIO and others know nothing of a machine's role at AWS.
  const elsewhere = settings.endpoint || endpointOf("s3", name, files);
  return elsewhere || !settings.variables ? undefined : instanceKeys(variables);
}

function keysOfVariables({ accessKeyId, secretAccessKey, sessionToken }: S3Settings): AwsKeys | undefined {
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined;
}

/** Keys of a profile, however it gets them; undefined when it says nothing of keys. */
async function profileKeys(name: string, source: AwsSource, depth: number): Promise<AwsKeys | undefined> {
  const { files } = source;
  const get = (key: string): string | undefined => files.get(name, key);
  if (depth > MAX_CHAIN)
    throw new ToolError("config-invalid", `\`source_profile\` of the AWS profile \`${name}\` leads nowhere`);
  const roleArn = get("role_arn");
  if (roleArn === undefined) {
    const keys = files.keysOf(name);
    if (keys) return keys;
    if (get("sso_session") ?? get("sso_start_url")) return ssoKeys(name, source);
    const command = get("credential_process");
    return command === undefined ? undefined : processKeys(name, command);
  }
  if (get("mfa_serial") !== undefined) {
    throw new ToolError(
      "auth-error",
      `the AWS profile \`${name}\` takes its role with a code of \`mfa_serial\`, which taipan does not ask for`,
      { hint: `run \`eval "$(aws configure export-credentials --profile ${name} --format env)"\` first` },
    );
  }
  const role = {
    roleArn,
    tokenFile: get("web_identity_token_file"),
    session: get("role_session_name"),
    externalId: get("external_id"),
  };
  if (role.tokenFile !== undefined) return assumeRole(role, name, source);
  const base = await baseKeys(name, source, depth);
  if (!base) {
    const from = get("source_profile") ?? get("credential_source") ?? "";
    throw new ToolError(
      "auth-error",
      `the AWS profile \`${name}\` takes its role with the keys of \`${from}\`, which has none`,
    );
  }
  return assumeRole({ ...role, base }, name, source);
}

/** The keys that a role is taken with. */
async function baseKeys(name: string, source: AwsSource, depth: number): Promise<AwsKeys | undefined> {
  const { files, settings } = source;
  const from = files.get(name, "source_profile");
  // A profile may name itself: then its own keys are meant.
  if (from === name) return files.keysOf(name);
  if (from !== undefined) return profileKeys(from, source, depth + 1);
  switch (files.get(name, "credential_source")) {
    case "Environment":
      return keysOfVariables(settings);
    case "EcsContainer":
      return containerKeys(settings.variables ?? {});
    case "Ec2InstanceMetadata":
      return instanceKeys(settings.variables ?? {});
    default:
      return undefined;
  }
}
