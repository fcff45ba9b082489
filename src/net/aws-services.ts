import { createHash } from "node:crypto";
import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { readText } from "../fs/files.ts";
import { exec } from "../host/exec.ts";
import type { AwsKeys, AwsSource } from "./aws-profile.ts";
import { describeFailure } from "./failures.ts";
import { createHttp1 } from "./http1.ts";
import type { RawRequest, RawResponse } from "./raw.ts";
import { makeResponse } from "./response.ts";
import { isRetryable, pause } from "./retry.ts";
import { awsDomain } from "./s3.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Answers with keys are a few kB. */
const MAX_ANSWER = 64 * 1024;
const TRIES = 3;
/** Milliseconds that the container's and the machine's own services are given: where there are none, nobody says so. */
const LOCAL_TIMEOUT = 1000;
/** Milliseconds for a program that fetches keys; it may want a browser. */
const PROCESS_TIMEOUT = 60_000;
/** Where containers of ECS and EKS may send their token without TLS (AWS SDKs and Tools Reference Guide). */
const CONTAINER_HOST =
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|169\.254\.170\.2|169\.254\.170\.23|\[fd00:ec2::23\])$/;

interface Answer {
  status: number;
  text: string;
}

interface Sender {
  send(url: URL, request: RawRequest): Promise<RawResponse>;
}

/** Asks a service that gives keys; failures name its origin alone, for the address and headers hold secrets. */
export async function askAws(
  url: URL,
  request: RawRequest,
  sender: Sender,
  tries: number = TRIES,
): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    let reason = "";
    try {
      const { status, headers, body } = await sender.send(url, request);
      const response = makeResponse(
        { status, headers, url: url.origin },
        { chunks: body, discard: () => {} },
      );
      const text = Buffer.from(await response.bytes(MAX_ANSWER)).toString("utf8");
      if (!isRetryable(status) || attempt >= tries) return { status, text };
    } catch (error) {
      if (error instanceof ToolError) throw error;
      reason = describeFailure(error).reason;
    }
    if (attempt >= tries)
      throw new ToolError("auth-error", `\`${url.origin}\` gives no keys for S3: ${reason}`);
    await pause(200 * attempt, undefined);
  }
}

/** Asks a service of this machine: never through a proxy, and not for long. */
async function askLocal(url: URL, request: RawRequest): Promise<Answer> {
  const local = createHttp1({ connectTimeout: LOCAL_TIMEOUT, headersTimeout: LOCAL_TIMEOUT });
  try {
    return await askAws(url, request, local, 1);
  } finally {
    local.close();
  }
}

/** Keys of an ECS or EKS container ("Container credential provider"). */
export async function containerKeys(variables: Variables): Promise<AwsKeys> {
  const relative = variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  const full = variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "";
  const address = relative ? `http://169.254.170.2${relative}` : full;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "http:" || !CONTAINER_HOST.test(url.hostname))
    throw new ToolError(
      "config-invalid",
      `AWS_CONTAINER_CREDENTIALS_FULL_URI names \`${url?.origin ?? "no address"}\`, which is no service of this machine`,
    );
  const file = variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
  const token = file
    ? (await readText(file).catch(() => undefined))?.trim()
    : variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"];
  const headers: Record<string, string> = token ? { authorization: token } : {};
  return readKeys(await askLocal(url, { method: "GET", headers }), url.origin);
}

/** Keys of the role of an EC2 machine (IMDSv2); undefined where there is no such service, or no role. */
export async function instanceKeys(variables: Variables): Promise<AwsKeys | undefined> {
  if (/^true$/i.test(variables["AWS_EC2_METADATA_DISABLED"] ?? "")) return undefined;
  const base = variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] || "http://169.254.169.254";
  const at = (path: string): URL => new URL(path, base);
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "300" };
  const token = await askLocal(at("/latest/api/token"), { method: "PUT", headers: ttl }).catch(
    () => undefined,
  );
  if (token?.status !== 200 || !/^[\x21-\x7e]+$/.test(token.text)) return undefined;
  const headers = { "x-aws-ec2-metadata-token": token.text };
  const roles = at("/latest/meta-data/iam/security-credentials/");
  const role = await askLocal(roles, { method: "GET", headers });
  const [name = ""] = role.text.trim().split("\n");
  if (role.status !== 200 || name === "") return undefined;
  const url = new URL(encodeURIComponent(name), roles);
  return readKeys(await askLocal(url, { method: "GET", headers }), url.origin);
}

/** Keys for a login that `aws sso login` made ("IAM Identity Center credential provider"). */
export async function ssoKeys(profile: string, { settings, files, transport }: AwsSource): Promise<AwsKeys> {
  const get = (key: string): string | undefined => files.get(profile, key);
  const session = get("sso_session");
  const region =
    (session === undefined ? undefined : files.section(`sso-session ${session}`, "sso_region")) ??
    get("sso_region");
  const name = createHash("sha1")
    .update(session ?? get("sso_start_url") ?? "")
    .digest("hex");
  const cached = parse(
    await readText(join(settings.home ?? "", ".aws", "sso", "cache", `${name}.json`)).catch(() => undefined),
  );
  const { accessToken, expiresAt } = cached;
  if (typeof accessToken !== "string" || !(Date.parse(String(expiresAt)) > Date.now()) || !region)
    throw new ToolError("auth-error", `there is no valid login for the AWS profile \`${profile}\``, {
      hint: `run \`aws sso login --profile ${profile}\``,
    });
  const url = new URL(
    "/federation/credentials",
    settings.variables?.["AWS_ENDPOINT_URL_SSO"] || `https://portal.sso.${region}.${awsDomain(region)}`,
  );
  url.searchParams.set("account_id", get("sso_account_id") ?? "");
  url.searchParams.set("role_name", get("sso_role_name") ?? "");
  const headers = { "x-amz-sso_bearer_token": accessToken };
  const answer = await askAws(url, { method: "GET", headers }, transport);
  const { roleCredentials } = parse(answer.text);
  return readKeys({ status: answer.status, text: JSON.stringify(roleCredentials ?? {}) }, url.origin);
}

/** Keys that a program prints, which the profile's owner wrote there ("Process credential provider"). No shell is involved. */
export async function processKeys(profile: string, command: string): Promise<AwsKeys> {
  const [file = "", ...args] = [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? "",
  );
  const done = await exec(file, args, { timeout: PROCESS_TIMEOUT, stderr: "ignore", maxBuffer: MAX_ANSWER });
  const what = `\`credential_process\` of the AWS profile \`${profile}\``;
  if (done.code !== 0)
    throw new ToolError(
      "auth-error",
      `${what} ${done.timedOut ? "took too long" : `ended with ${done.code ?? done.signal}`}`,
    );
  return readKeys({ status: 200, text: done.stdout }, what);
}

/** Keys in JSON, by the names that one or the other service has for them. */
function readKeys({ status, text }: Answer, from: string): AwsKeys {
  const answer = Object.fromEntries(
    Object.entries(parse(text)).map(([key, value]) => [key.toLowerCase(), value]),
  );
  const { accesskeyid, secretaccesskey } = answer;
  const token = answer["sessiontoken"] ?? answer["token"];
  if (status !== 200 || typeof accesskeyid !== "string" || typeof secretaccesskey !== "string")
    throw new ToolError(
      "auth-error",
      `${from.startsWith("`") ? from : `\`${from}\``} gives no keys for S3${status === 200 ? "" : ` (HTTP ${status})`}`,
    );
  const { expiration } = answer;
  return {
    accessKeyId: accesskeyid,
    secretAccessKey: secretaccesskey,
    sessionToken: typeof token === "string" ? token : undefined,
    expires: typeof expiration === "number" ? expiration : Date.parse(String(expiration)) || undefined,
  };
}

function parse(text: string | undefined): Record<string, unknown> {
  try {
    const value = JSON.parse(text ?? "") as unknown;
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
