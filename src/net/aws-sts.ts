import { ToolError } from "../errors.ts";
import { readText } from "../fs/files.ts";
import { type AwsKeys, type AwsSource, endpointOf } from "./aws-profile.ts";
import { askAws } from "./aws-services.ts";
import { awsDomain, signAws } from "./s3.ts";

export interface AwsRole {
  roleArn: string;
  /** With a web identity: the file that holds its token. Else with `base`. */
  tokenFile?: string | undefined;
  base?: AwsKeys | undefined;
  session?: string | undefined;
  externalId?: string | undefined;
}

/** Keys of a role (AWS STS API Reference, AssumeRole and AssumeRoleWithWebIdentity). */
export async function assumeRole(role: AwsRole, profile: string, source: AwsSource): Promise<AwsKeys> {
  const { settings, files, transport } = source;
  const variables = settings.variables ?? {};
  const region = settings.region || files.get(profile, "region") || "us-east-1";
  const endpoint =
    variables["AWS_ENDPOINT_URL_STS"] ||
    variables["AWS_ENDPOINT_URL"] ||
    endpointOf("sts", profile, files) ||
    `https://sts.${region}.${awsDomain(region)}`;
  const url = new URL(endpoint);
  const parameters: Record<string, string | undefined> = {
    Action: role.tokenFile === undefined ? "AssumeRole" : "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: role.roleArn,
    RoleSessionName: role.session || "taipan",
    ExternalId: role.externalId,
    WebIdentityToken: role.tokenFile === undefined ? undefined : await readToken(role.tokenFile),
  };
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value);
  const plain = { method: "GET", url, headers: { accept: "application/xml" } };
  const headers = role.base
    ? signAws(plain, { ...role.base, region }, { now: new Date(), service: "sts" })
    : plain.headers;
  const { status, text } = await askAws(url, { method: "GET", headers }, transport);
  const tag = (name: string): string | undefined =>
    new RegExp(`<${name}>\\s*([^<]+?)\\s*</${name}>`).exec(text)?.[1];
  const [accessKeyId, secretAccessKey] = [tag("AccessKeyId"), tag("SecretAccessKey")];
  if (status !== 200 || !accessKeyId || !secretAccessKey) {
    const code = /^[\w.]{1,80}$/.exec(tag("Code") ?? "")?.[0] ?? "no reason given";
    throw new ToolError(
      "auth-error",
      `the role \`${role.roleArn}\` cannot be taken at \`${url.origin}\`: ${code} (HTTP ${status})`,
    );
  }
  const expires = Date.parse(tag("Expiration") ?? "") || undefined;
  return { accessKeyId, secretAccessKey, sessionToken: tag("SessionToken"), expires };
}

async function readToken(path: string): Promise<string> {
  const token = (await readText(path).catch(() => undefined))?.trim();
  if (token) return token;
  throw new ToolError("auth-error", `there is no web identity token in \`${path}\``);
}
