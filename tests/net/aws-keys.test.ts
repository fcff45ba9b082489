/** Where keys for s3:// come from, with stand-ins on loopback for the services of AWS. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { completeS3 } from "../../src/net/aws-keys.ts";
import { createHttpClient, type HttpClient } from "../../src/net/http.ts";
import { createTransport } from "../../src/net/transport.ts";
import type { S3Settings } from "../../src/net/types.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";

const HOUR = 3_600_000;
const open: { close(): Promise<void> }[] = [];
let home: string;
let bucket: ChannelServer;
let service: ChannelServer;
/** What the stand-in answers, by path. */
let answers: Record<string, string>;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "taipan-aws-"));
  mkdirSync(join(home, ".aws", "sso", "cache"), { recursive: true });
  answers = {};
  bucket = await startServer({ files: { "/chan/x": "hello" } });
  service = await startServer({
    handler: (request, response) => {
      const text = answers[(request.url ?? "").split("?")[0]!];
      response.writeHead(text === undefined ? 404 : 200).end(text ?? "none");
      return true;
    },
  });
  open.push(bucket, service);
});
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
  rmSync(home, { recursive: true, force: true });
});

const config = (text: string): void => writeFileSync(join(home, ".aws", "config"), text);

function client(variables: Record<string, string> = {}, settings: S3Settings = {}): HttpClient {
  const s3 = { home, endpoint: bucket.url, variables, ...settings };
  const http = createHttpClient({ retries: 0, s3 }, { events: () => {} });
  open.push(http);
  return http;
}

/** The access key and session token that the bucket was asked with. */
async function usedKeys(http: HttpClient): Promise<(string | undefined)[]> {
  bucket.requests.length = 0;
  expect(Buffer.from(await (await http.fetch("s3://chan/x")).bytes()).toString()).toBe("hello");
  const { headers } = bucket.requests[0]!;
  return [/Credential=([^/]+)/.exec(headers["authorization"] ?? "")?.[1], headers["x-amz-security-token"]];
}

const failure = async (http: HttpClient): Promise<string> => {
  const error = await http.fetch("s3://chan/x").then(
    () => expect.fail("no error"),
    (reason: unknown) => reason as { code: string; message: string; hint?: string },
  );
  expect(error.code).toMatch(/auth-error|config-invalid/);
  return `${error.message} ${error.hint ?? ""}`;
};

const sts = (name: string, lifetime = HOUR): string =>
  `<R><Credentials><AccessKeyId>${name}</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey><SessionToken>tok-${name}</SessionToken>` +
  `<Expiration>${new Date(Date.now() + lifetime).toISOString()}</Expiration></Credentials></R>`;
const json = (name: string): string =>
  JSON.stringify({
    AccessKeyId: name,
    SecretAccessKey: "s",
    Token: `tok-${name}`,
    Expiration: new Date(Date.now() + HOUR).toISOString(),
  });

describe("roles", () => {
  it("are taken with the keys of another profile, in a chain, with a signed request", async () => {
    config(
      "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = b\n" +
        "[profile mid]\nrole_arn = arn:aws:iam::1:role/mid\nsource_profile = base\n" +
        "[profile top]\nrole_arn = arn:aws:iam::1:role/top\nsource_profile = mid\nexternal_id = e\nregion = eu-west-1\n",
    );
    answers["/"] = sts("ROLE");
    const http = client({ AWS_ENDPOINT_URL_STS: service.url }, { profile: "top" });
    expect(await usedKeys(http)).toEqual(["ROLE", "tok-ROLE"]);
    expect(await usedKeys(http)).toEqual(["ROLE", "tok-ROLE"]);
    const [mid, top, ...more] = service.requests.map(({ path, headers }) => ({
      query: new URL(path, service.url).searchParams,
      authorization: headers["authorization"] ?? "",
      token: headers["x-amz-security-token"],
    }));
    expect(more).toEqual([]);
    expect(mid!.query.get("RoleArn")).toBe("arn:aws:iam::1:role/mid");
    expect(mid!.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=BASE\/\d{8}\/us-east-1\/sts\//);
    expect(top!.query.get("ExternalId")).toBe("e");
    expect(top!.authorization).toMatch(/Credential=ROLE\/\d{8}\/eu-west-1\/sts\//);
    expect(top!.token).toBe("tok-ROLE");
  });

  it("are taken with a web identity, unsigned, as in GitHub Actions and EKS", async () => {
    const file = join(home, "token");
    writeFileSync(file, "ey.J.x\n");
    answers["/"] = sts("WEB");
    const variables = {
      AWS_ENDPOINT_URL_STS: service.url,
      AWS_ROLE_ARN: "arn:aws:iam::1:role/ci",
      AWS_WEB_IDENTITY_TOKEN_FILE: file,
    };
    expect(await usedKeys(client(variables))).toEqual(["WEB", "tok-WEB"]);
    const query = new URL(service.requests[0]!.path, service.url).searchParams;
    expect(query.get("WebIdentityToken")).toBe("ey.J.x");
    expect(service.requests[0]!.headers["authorization"]).toBeUndefined();
    expect(await usedKeys(client(variables, { accessKeyId: "OWN", secretAccessKey: "o" }))).toEqual([
      "OWN",
      undefined,
    ]);
    rmSync(file);
    expect(await failure(client(variables))).toContain(`no web identity token in \`${file}\``);
  });

  it("that are refused are named, the token is not", async () => {
    const file = join(home, "token");
    writeFileSync(file, "s3cret-token");
    answers["/"] = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
    const variables = {
      AWS_ENDPOINT_URL_STS: service.url,
      AWS_ROLE_ARN: "arn:aws:iam::1:role/ci",
      AWS_WEB_IDENTITY_TOKEN_FILE: file,
    };
    const message = await failure(client(variables));
    expect(message).toContain("`arn:aws:iam::1:role/ci` cannot be taken");
    expect(message).toContain("AccessDenied");
    expect(message).not.toContain("s3cret-token");
    const { port } = service;
    await service.close();
    const down = await failure(client({ ...variables, AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${port}` }));
    expect(down).toMatch(/127\.0\.0\.1:\d+` gives no keys for S3: connection refused/);
    expect(down).not.toContain("s3cret-token");
  });

  it("whose keys run out are taken again", async () => {
    config(
      "[default]\naws_access_key_id = B\naws_secret_access_key = b\nrole_arn = r\nsource_profile = default\n",
    );
    answers["/"] = sts("SHORT", 60_000);
    const http = client({ AWS_ENDPOINT_URL_STS: service.url });
    await usedKeys(http);
    answers["/"] = sts("LONG");
    expect(await usedKeys(http)).toEqual(["LONG", "tok-LONG"]);
    await usedKeys(http);
    expect(service.requests).toHaveLength(2);
  });

  it.each([
    ["role_arn = r\nsource_profile = x", /leads nowhere/],
    ["role_arn = r\nsource_profile = y", /with the keys of `y`, which has none/],
    ["role_arn = r\ncredential_source = Environment", /with the keys of `Environment`/],
    [
      "role_arn = r\nmfa_serial = m\nsource_profile = x",
      /`x` .*`mfa_serial`.*export-credentials --profile x/,
    ],
    ["sso_session = s\nsso_account_id = 1\nsso_role_name = r", /no valid login .*aws sso login --profile x/],
    ["credential_process = false", /`credential_process` of the AWS profile `x` ended with 1/],
    ["credential_process = echo {}", /`credential_process` of the AWS profile `x` gives no keys/],
  ])("say why not: %j", async (lines, message) => {
    config(
      `[profile x]\n${lines.includes("= x") ? lines.replace("= x", "= loop") : lines}\n[profile loop]\nrole_arn = r\nsource_profile = x\n`,
    );
    expect(await failure(client({}, { profile: "x" }))).toMatch(message);
    expect(bucket.requests).toEqual([]);
  });
});

it("single sign-on uses the login that is there, and no other", async () => {
  config(
    "[profile dev]\nsso_session = corp\nsso_account_id = 42\nsso_role_name = Reader\n[sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp\n",
  );
  const file = join(home, ".aws/sso/cache", `${createHash("sha1").update("corp").digest("hex")}.json`);
  const login = (lifetime: number): void =>
    writeFileSync(
      file,
      JSON.stringify({
        accessToken: "acc-t0ken",
        expiresAt: new Date(Date.now() + lifetime).toISOString(),
      }),
    );
  login(HOUR);
  answers["/federation/credentials"] = JSON.stringify({
    roleCredentials: {
      accessKeyId: "SSO",
      secretAccessKey: "s",
      sessionToken: "tok",
      expiration: Date.now() + HOUR,
    },
  });
  const variables = { AWS_ENDPOINT_URL_SSO: service.url };
  expect(await usedKeys(client(variables, { profile: "dev" }))).toEqual(["SSO", "tok"]);
  expect(service.requests[0]).toMatchObject({
    path: "/federation/credentials?account_id=42&role_name=Reader",
    headers: { "x-amz-sso_bearer_token": "acc-t0ken" },
  });
  login(-1);
  expect(await failure(client(variables, { profile: "dev" }))).toContain("aws sso login --profile dev");
});

it("a program of the profile gives keys, without a shell", async () => {
  const script = join(home, "give keys.mjs");
  writeFileSync(
    script,
    `console.log(JSON.stringify({ Version: 1, AccessKeyId: process.argv[2], SecretAccessKey: "s" }))`,
  );
  config(`[default]\ncredential_process = "${process.execPath}" "${script}" 'A$(id);B'\n`);
  expect(await usedKeys(client())).toEqual(["A$(id);B", undefined]);
});

describe("containers and machines", () => {
  it("a container's service is asked with its token, and only on this machine", async () => {
    answers["/keys"] = json("BOX");
    const variables = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.url}/keys`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "t",
    };
    expect(await usedKeys(client(variables))).toEqual(["BOX", "tok-BOX"]);
    expect(service.requests[0]!.headers["authorization"]).toBe("t");
    const file = join(home, "token");
    writeFileSync(file, "from-file\n");
    await usedKeys(client({ ...variables, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file }));
    expect(service.requests[1]!.headers["authorization"]).toBe("from-file");
    for (const uri of ["http://169.254.170.2.evil.org/", "http://127.evil.org/", "nonsense"])
      expect(await failure(client({ AWS_CONTAINER_CREDENTIALS_FULL_URI: uri }))).toContain(
        "no service of this machine",
      );
    expect(await failure(client({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "@evil.org/" }))).toContain(
      "`http://evil.org`, which is no service of this machine",
    );
    expect(
      await failure(client({ ...variables, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.url}/x` })),
    ).toContain("gives no keys for S3 (HTTP 404)");
  });

  it("the machine's role is asked for last, by IMDSv2, and not for other endpoints", async () => {
    const role = "/latest/meta-data/iam/security-credentials/";
    Object.assign(answers, {
      "/latest/api/token": "imds-token",
      [role]: "my-role",
      [`${role}my-role`]: json("EC2"),
    });
    config("[default]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n");
    answers["/"] = sts("ROLE");
    const variables = { AWS_EC2_METADATA_SERVICE_ENDPOINT: service.url, AWS_ENDPOINT_URL_STS: service.url };
    expect(await usedKeys(client(variables))).toEqual(["ROLE", "tok-ROLE"]);
    expect(
      service.requests.map(({ method, headers }) => [method, headers["x-aws-ec2-metadata-token"]]),
    ).toEqual([
      ["PUT", undefined],
      ["GET", "imds-token"],
      ["GET", "imds-token"],
      ["GET", undefined],
    ]);
    service.requests.length = 0;
    config("");
    const transport = createTransport({}, () => {});
    open.push(transport);
    expect(await completeS3({ home, variables }, transport)).toMatchObject({ accessKeyId: "EC2" });
    const off = { ...variables, AWS_EC2_METADATA_DISABLED: "true" };
    expect((await completeS3({ home, variables: off }, transport)).accessKeyId).toBeUndefined();
    expect((await completeS3({ home }, transport)).accessKeyId).toBeUndefined();
    expect(service.requests).toHaveLength(3);
    service.requests.length = 0;
    expect(await usedKeys(client(variables))).toEqual([undefined, undefined]);
    expect(service.requests).toEqual([]);
  });
});
