import { createHash, createHmac } from "node:crypto";
import { ToolError } from "../errors.ts";
import { redactUrl } from "../specs/credentials.ts";
import { trimTrailingSlashes } from "../specs/slashes.ts";
import { decodePercent } from "../util/percent.ts";
import type { S3Settings } from "./types.ts";

/** Of no bytes. Written out: node:crypto takes milliseconds to load. */
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** The HTTP address of `s3://bucket/key`: the bucket's own host at AWS, a path component at other endpoints (MinIO, Ceph). */
export function s3Address(url: string, settings: S3Settings): string {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,62})\/([^?#]+)$/i.exec(url);
  if (!match)
    throw new ToolError("channel-invalid", `\`${redactUrl(url)}\` is no S3 address`, {
      hint: "S3 channels look like `s3://bucket/path`",
    });
  const [, bucket, key] = match as unknown as [string, string, string];
  if (settings.endpoint) return `${trimTrailingSlashes(settings.endpoint)}/${bucket}/${key}`;
  const region = settings.region ?? "us-east-1";
  const host = `s3.${region}.${awsDomain(region)}`;
  // The certificate of AWS covers one label below its host.
  return bucket.includes(".") ? `https://${host}/${bucket}/${key}` : `https://${bucket}.${host}/${key}`;
}

export const awsDomain = (region: string): string =>
  region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";

/**
 * Adds the headers of AWS Signature Version 4 for a request without a body ("Authenticating Requests: Using the
 * Authorization Header", Amazon S3 API Reference). Without keys the request stays anonymous, for public buckets.
 */
export function signAws(
  request: { method: string; url: URL; headers: Record<string, string> },
  settings: Pick<S3Settings, "accessKeyId" | "secretAccessKey" | "sessionToken" | "region">,
  { now, service }: { now: Date; service: "s3" | "sts" },
): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken, region = "us-east-1" } = settings;
  if (!accessKeyId || !secretAccessKey) return request.headers;
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = time.slice(0, 8);
  const own: Record<string, string> = {
    "x-amz-content-sha256": EMPTY_SHA256,
    "x-amz-date": time,
    ...(sessionToken ? { "x-amz-security-token": sessionToken } : {}),
  };
  const signed: Record<string, string> = { host: request.url.host, ...own };
  if (request.headers.range !== undefined) signed.range = request.headers.range;
  const names = Object.keys(signed).sort();
  const canonical = [
    request.method,
    request.url.pathname
      .split("/")
      .map((part) => encode(decodePercent(part)))
      .join("/"),
    canonicalQuery(request.url),
    ...names.map((name) => `${name}:${signed[name]!.trim()}`),
    "",
    names.join(";"),
    EMPTY_SHA256,
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${createHash("sha256").update(canonical).digest("hex")}`;
  const key = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    (last, part) => hmac(last, part),
    `AWS4${secretAccessKey}`,
  );
  const signature = hmac(key, toSign).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names.join(";")},Signature=${signature}`;
  return { ...request.headers, ...own, authorization };
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Percent-encoding of RFC 3986: nothing but unreserved characters stays. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalQuery(url: URL): string {
  const pairs = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.sort().join("&");
}
