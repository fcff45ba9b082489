import type { ConfigValues } from "../config/keys.ts";
import type { HttpOptions } from "../net/http.ts";
import type { CredentialLookup } from "../net/types.ts";
import { VERSION } from "../util/version.ts";

/** The part of the configuration and of the environment that the HTTP client reads. */
export function httpOptions(
  config: ConfigValues,
  { env, home }: { env: Readonly<Record<string, string | undefined>>; home: string },
  credentials: CredentialLookup,
): HttpOptions {
  return {
    retries: config.remoteMaxRetries,
    backoffFactor: config.remoteBackoffFactor,
    connectTimeout: config.remoteConnectTimeoutSecs * 1000,
    headersTimeout: config.remoteReadTimeoutSecs * 1000,
    // conda's limit is for every read: between the bytes of a body, too.
    lowSpeedTime: Math.min(30, config.remoteReadTimeoutSecs) * 1000,
    sslVerify:
      config.cacertPath ||
      (config.sslVerify === true
        ? env["SSL_CERT_FILE"] || env["REQUESTS_CA_BUNDLE"] || env["CURL_CA_BUNDLE"] || true
        : config.sslVerify),
    clientCert: config.clientSslCert || undefined,
    clientKey: config.clientSslCertKey || undefined,
    proxies: { ...proxiesFromVariables(env), ...config.proxyServers },
    noProxy: env["no_proxy"] ?? env["NO_PROXY"],
    offline: config.offline,
    userAgent: `taipan/${VERSION} node/${process.versions.node} ${process.platform}/${process.arch}`,
    credentials,
    s3: {
      accessKeyId: env["AWS_ACCESS_KEY_ID"],
      secretAccessKey: env["AWS_SECRET_ACCESS_KEY"],
      sessionToken: env["AWS_SESSION_TOKEN"],
      region: env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"],
      endpoint: env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"],
      home,
      profile: env["AWS_PROFILE"] ?? env["AWS_DEFAULT_PROFILE"],
      credentialsFile: env["AWS_SHARED_CREDENTIALS_FILE"],
      configFile: env["AWS_CONFIG_FILE"],
      variables: env,
    },
  };
}

/** HTTP_PROXY in capitals is not read: a web server passes a request's `Proxy` header to its children by that name (httpoxy). */
function proxiesFromVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const proxies: Record<string, string> = {};
  const http = env["http_proxy"];
  const https = env["https_proxy"] ?? env["HTTPS_PROXY"];
  const all = env["all_proxy"] ?? env["ALL_PROXY"];
  if (all) proxies["all"] = all;
  if (http) proxies["http"] = http;
  if (https) proxies["https"] = https;
  return proxies;
}
