import type { UrlAuth } from "../specs/credentials.ts";

/** A failed try that will be repeated. `url` holds no secrets; `delay` is in milliseconds. */
export interface RetryInfo {
  url: string;
  attempt: number;
  reason: string;
  delay: number;
}

/** One request as it went out, without secrets: a redirect, or a registry's token, is a request of its own. */
export interface SentRequest {
  url: string;
  /** The proxy that it goes through. */
  proxy: string | undefined;
  login: LoginKind | undefined;
}

/** How a request says who asks; `aws` is a signature. */
export type LoginKind = "token" | "bearer" | "basic" | "aws";

export interface FetchOptions {
  /** Names in lower case. Kept on redirects, except `authorization` and `cookie` to another origin. */
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
  onRetry?: ((retry: RetryInfo) => void) | undefined;
  /** Told of each request before it goes out. Not for files. */
  onSend?: ((sent: SentRequest) => void) | undefined;
  /** Ask for gzip and decode it. For text only: archives are compressed already, and their hash is of the bytes sent. */
  compressed?: boolean | undefined;
  /**
   * The first bytes are at hand: the body begins after this many, whether the server sends the rest alone (206) or everything
   * (200). Not for files; what has no more bytes is 416.
   */
  offset?: number | undefined;
  /** Use exactly this URL: the caller goes through `mirrorsOf` itself. */
  noMirrors?: boolean | undefined;
}

export interface HttpResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Final URL without secrets. */
  url: string;
  /**
   * To be read once. A connection that breaks is resumed where it stopped when the server has validators and ranges.
   * Where it cannot (the file changed meanwhile), it throws `http-error` with `details.restart === true`: fetch again.
   * Leaving the loop early frees the connection.
   */
  body: AsyncIterable<Uint8Array>;
  /** The whole body; more than `limit` bytes is an `http-error`. */
  bytes(limit?: number): Promise<Uint8Array>;
  /** Frees the connection of a body that is not read. */
  discard(): void;
}

export interface HttpClient {
  /**
   * http, https, file, s3 and oci URLs. Any status but 429 and 5xx is returned (304 and 404 too);
   * those are retried, then thrown as `http-error`. No answer at all is `channel-unreachable`, with every try in the message.
   */
  fetch(url: string, options?: FetchOptions): Promise<HttpResponse>;
  /** URLs to try for this one, in order: its mirrors that have not failed, or itself. */
  mirrorsOf(url: string): string[];
  /** Leaves the mirror of this URL out for the rest of the run, when it has one to take its place. */
  reportBad(url: string): void;
  readonly offline: boolean;
  close(): Promise<void>;
}

/** What belongs to a URL without secrets, or undefined. */
export type CredentialLookup = (url: string) => UrlAuth | undefined | Promise<UrlAuth | undefined>;

export interface HttpOptions {
  /** Tries after the first; default 3 (remote_max_retries). */
  retries?: number | undefined;
  /** Each wait is this many times the one before; default 3 (remote_backoff_factor). */
  backoffFactor?: number | undefined;
  /** First wait in milliseconds; default 500. Each wait is shortened by up to half at random. */
  retryDelay?: number | undefined;
  /** Milliseconds until a connection stands; default 10 000 (remote_connect_timeout_secs). */
  connectTimeout?: number | undefined;
  /** Milliseconds until the response headers; default 60 000 (remote_read_timeout_secs). */
  headersTimeout?: number | undefined;
  /** A body below `lowSpeedLimit` bytes a second (default 1000) for `lowSpeedTime` milliseconds (default 30 000) is broken off and resumed. */
  lowSpeedLimit?: number | undefined;
  lowSpeedTime?: number | undefined;
  /** `true`: Mozilla's roots; `<system>` or `truststore`: the system's; a path: PEM file or directory; `false`: no check, with a warning. */
  sslVerify?: boolean | string | undefined;
  /** Paths of PEM files. */
  clientCert?: string | undefined;
  clientKey?: string | undefined;
  /** As conda's proxy_servers: keys `http`, `https`, `all`, or these with `://host`. */
  proxies?: Readonly<Record<string, string>> | undefined;
  /** NO_PROXY: comma-separated hosts, domains, address ranges, `*`. */
  noProxy?: string | undefined;
  credentials?: CredentialLookup | undefined;
  /** Nothing but file URLs: no socket is opened. */
  offline?: boolean | undefined;
  userAgent?: string | undefined;
  /** Channel base URL to the ordered bases that stand for it. */
  mirrors?: Readonly<Record<string, readonly string[]>> | undefined;
  /** HTTP/1.1 connections to one origin at most; default 32. */
  connections?: number | undefined;
  /** Use HTTP/2 where the server speaks it; default true. */
  http2?: boolean | undefined;
  /** Values for s3:// URLs; without keys from anywhere requests are anonymous. */
  s3?: S3Settings | undefined;
}

export interface S3Settings {
  accessKeyId?: string | undefined;
  secretAccessKey?: string | undefined;
  sessionToken?: string | undefined;
  /** Default `us-east-1`. */
  region?: string | undefined;
  /** Such as `http://127.0.0.1:9000` (MinIO); buckets are then path components. */
  endpoint?: string | undefined;
  /** Where `.aws` is; without it no files are read. */
  home?: string | undefined;
  /** AWS_PROFILE; default `default`. */
  profile?: string | undefined;
  /** AWS_SHARED_CREDENTIALS_FILE; default `~/.aws/credentials`. */
  credentialsFile?: string | undefined;
  /** AWS_CONFIG_FILE; default `~/.aws/config`. */
  configFile?: string | undefined;
  /** The environment's `AWS_*`, for roles, containers and the machine. */
  variables?: Readonly<Record<string, string | undefined>> | undefined;
}
