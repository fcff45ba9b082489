import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, expect, it } from "vitest";
import { completeS3 } from "../../src/net/aws-keys.ts";
import { parseAwsFile } from "../../src/net/aws-profile.ts";
import { createHttpClient } from "../../src/net/http.ts";
import { s3Address, signAws } from "../../src/net/s3.ts";
import { createTransport } from "../../src/net/transport.ts";
import type { S3Settings } from "../../src/net/types.ts";
import { startServer } from "../support/channel-server.ts";

const keys = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

const transport = createTransport({}, () => {});
afterAll(() => transport.close());
const settle = (settings: S3Settings): Promise<S3Settings> => completeS3(settings, transport);

it("signs as the example in the Amazon S3 API Reference", () => {
  const request = {
    method: "GET",
    url: new URL("https://examplebucket.s3.amazonaws.com/test.txt"),
    headers: { range: "bytes=0-9" },
  };
  const { authorization } = signAws(request, keys, {
    now: new Date("2013-05-24T00:00:00Z"),
    service: "s3",
  });
  expect(authorization).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
});

it("addresses buckets by host at AWS and by path elsewhere", () => {
  expect(s3Address("s3://chan/noarch/x.conda", { region: "eu-west-1" })).toBe(
    "https://chan.s3.eu-west-1.amazonaws.com/noarch/x.conda",
  );
  expect(s3Address("s3://my.chan/x", {})).toBe("https://s3.us-east-1.amazonaws.com/my.chan/x");
  expect(s3Address("s3://chan/x", { endpoint: "http://h:9000/" })).toBe("http://h:9000/chan/x");
  for (const bad of ["s3://chan", "s3://../x", "s3://c@d/x", "s3://chan/x?y=1"])
    expect(() => s3Address(bad, {})).toThrow(/S3 address/);
});

it("fetches from an endpoint, signed or not, and keeps the signature from redirects", async () => {
  const server = await startServer({ files: { "/chan/a b.txt": "hello", "/chan/a%20b.txt": "hello" } });
  const other = await startServer({ files: { "/x": "moved" } });
  open.push(server, other);
  const client = (s3: object): ReturnType<typeof createHttpClient> => {
    const http = createHttpClient({ retries: 0, s3: { endpoint: server.url, ...s3 } }, { events: () => {} });
    open.push(http);
    return http;
  };
  const text = async (http: ReturnType<typeof createHttpClient>, url: string): Promise<string> =>
    Buffer.from(await (await http.fetch(url)).bytes()).toString();
  expect(await text(client(keys), "s3://chan/a%20b.txt")).toBe("hello");
  expect(server.requests[0]!.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\//,
  );
  expect(await text(client({}), "s3://chan/a%20b.txt")).toBe("hello");
  expect(server.requests[1]!.headers.authorization).toBeUndefined();
  server.faults.push({ redirect: `${other.url}/x` });
  const logins: unknown[] = [];
  const moved = await client({ ...keys, sessionToken: "st" }).fetch("s3://chan/x", {
    onSend: ({ login }) => logins.push(login),
  });
  expect(Buffer.from(await moved.bytes()).toString()).toBe("moved");
  expect(logins).toEqual(["aws", undefined]);
  expect(server.requests[2]!.headers["x-amz-security-token"]).toBe("st");
  expect(other.requests[0]!.headers.authorization).toBeUndefined();
  expect(other.requests[0]!.headers["x-amz-security-token"]).toBeUndefined();
});

it("takes keys, region and endpoint from AWS's files, by profile", async () => {
  const home = mkdtempSync(join(tmpdir(), "taipan-aws-"));
  open.push({ close: async () => rmSync(home, { recursive: true }) });
  const server = await startServer({ files: { "/chan/x": "hello" } });
  open.push(server);
  mkdirSync(join(home, ".aws"));
  writeFileSync(
    join(home, ".aws", "credentials"),
    "[default]\naws_access_key_id = DEF\naws_secret_access_key = s # mine\n[work]\naws_access_key_id=WORK\naws_secret_access_key=w=/+\naws_session_token=tok\n",
  );
  writeFileSync(
    join(home, ".aws", "config"),
    `[default]\nregion = eu-west-1\n[profile work]\nregion=us-west-2\nservices = lab\n[services lab]\ns3 =\n  endpoint_url = ${server.url}\n[profile mfa]\nrole_arn = x\nmfa_serial = y\n`,
  );
  expect(await settle({ home })).toMatchObject({
    accessKeyId: "DEF",
    secretAccessKey: "s",
    region: "eu-west-1",
  });
  expect(await settle({ home, profile: "work", region: "here" })).toMatchObject({
    accessKeyId: "WORK",
    secretAccessKey: "w=/+",
    sessionToken: "tok",
    region: "here",
    endpoint: server.url,
  });
  // Variables hold whole keys: a session token of the file would not belong to them.
  const mixed = await settle({ home, profile: "work", ...keys });
  expect(mixed).toMatchObject({ ...keys, region: "us-west-2" });
  expect(mixed.sessionToken).toBeUndefined();
  await expect(settle({ home, profile: "none" })).rejects.toMatchObject({ code: "config-invalid" });
  await expect(settle({ home, profile: "mfa" })).rejects.toMatchObject({ code: "auth-error" });
  expect(await settle({ home: join(home, "nobody") })).toMatchObject({ accessKeyId: undefined });

  const http = createHttpClient({ retries: 0, s3: { home, profile: "work" } }, { events: () => {} });
  open.push(http);
  expect(Buffer.from(await (await http.fetch("s3://chan/x")).bytes()).toString()).toBe("hello");
  expect(server.requests[0]!.headers.authorization).toContain("Credential=WORK/");
  expect(server.requests[0]!.headers["x-amz-security-token"]).toBe("tok");
});

it("reads any text as AWS's files", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseAwsFile(text)));
  expect(parseAwsFile("a=1\n[ x  y ]\nk = v\n; c = 2\n[z]\n").get("x y")?.get("k")).toBe("v");
});
