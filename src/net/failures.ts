import { codeOf, ToolError } from "../errors.ts";

/** What went wrong with one try, in words, and whether another try may help. */
export interface NetworkFailure {
  reason: string;
  retryable: boolean;
  hint?: string | undefined;
}

const TLS_CODE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_(SSL|TLS)|ERR_OSSL|EPROTO/;

const REASONS: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the server",
  EPIPE: "connection reset by the server",
  ENOTFOUND: "host not found",
  EAI_AGAIN: "host name lookup failed",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "timed out while connecting",
  UND_ERR_HEADERS_TIMEOUT: "the server did not answer in time",
  UND_ERR_BODY_TIMEOUT: "the download stalled",
  UND_ERR_SOCKET: "the server closed the connection",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the body has another length than announced",
  PROXY_CLOSED: "the proxy closed the connection",
  PROXY_TIMEOUT: "the proxy did not answer in time",
  UND_ERR_DESTROYED: "the connection was closed",
};

/** Undici and Node errors, possibly nested in `cause` or an AggregateError, as one reason. */
export function describeFailure(error: unknown): NetworkFailure {
  let code: string | undefined;
  let message = "";
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 4; depth += 1) {
    const own = codeOf(at);
    if (typeof own === "string" && own !== "UND_ERR_ABORTED") code = own;
    message ||= at.message;
    at = at.cause ?? (at instanceof AggregateError ? at.errors[0] : undefined);
  }
  if (code !== undefined && TLS_CODE.test(code)) {
    return {
      reason: `TLS failed: ${message || code}`,
      retryable: false,
      hint: "if your network inspects TLS, set `ssl_verify` to its CA bundle or to `<system>`",
    };
  }
  const proxy = /Proxy response \((\d+)\)|Proxy Authentication Required \((407)\)/.exec(message);
  if (proxy) {
    const status = proxy[1] ?? proxy[2];
    return {
      reason: `the proxy answered ${status}`,
      retryable: Number(status) >= 500,
      hint: "check `proxy_servers` and the proxy's user name and password",
    };
  }
  // Node's client has one code for a reset and for a close in the middle; its words tell them apart.
  if (code === "ECONNRESET" && (message === "socket hang up" || message === "aborted"))
    return { reason: REASONS["UND_ERR_SOCKET"]!, retryable: true };
  if (code === "ENOTFOUND")
    return {
      reason: REASONS[code]!,
      retryable: false,
      hint: "check the channel's name and your network; --offline uses what is cached",
    };
  if (code?.startsWith("HPE_")) return { reason: `the answer is not HTTP (${code})`, retryable: true };
  if (code === "ERR_INVALID_URL" || code === "UND_ERR_INVALID_ARG")
    return { reason: message, retryable: false };
  return { reason: (code && REASONS[code]) || message || "unknown network failure", retryable: true };
}

/** One try of one URL, for the final error. */
export interface Attempt {
  url: string;
  outcome: string;
}

/** "a: refused (3 times); b: 503": each URL once, its outcomes in order, repeats counted. */
export function describeAttempts(attempts: readonly Attempt[]): string {
  const byUrl = new Map<string, Map<string, number>>();
  for (const { url, outcome } of attempts) {
    const outcomes = byUrl.get(url) ?? new Map<string, number>();
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    byUrl.set(url, outcomes);
  }
  return [...byUrl]
    .map(
      ([url, outcomes]) =>
        `\`${url}\`: ${[...outcomes].map(([what, n]) => (n > 1 ? `${what} (${n} times)` : what)).join(", then ")}`,
    )
    .join("; ");
}

/** The error after the last try of the last mirror. */
export function failedFetch(
  attempts: readonly Attempt[],
  hint: string | undefined,
  sawStatus: boolean,
): ToolError {
  return new ToolError(
    sawStatus ? "http-error" : "channel-unreachable",
    `cannot fetch ${describeAttempts(attempts)}`,
    {
      hint:
        hint ??
        (sawStatus
          ? "the server has a problem; try again later or use a mirror"
          : "check your network and proxy settings; --offline uses what is cached"),
      details: { attempts },
    },
  );
}

/** The error of a response whose status is of no use, for callers that need the body. */
export function statusError(response: { status: number; url: string }, what: string): ToolError {
  const { status, url } = response;
  const details = { status, url };
  if (status === 401 || status === 403) {
    return new ToolError("auth-error", `no access to ${what} at \`${url}\` (HTTP ${status})`, {
      hint: "log in with `taipan auth login HOST`, or check the token of the channel",
      details,
    });
  }
  return new ToolError("http-error", `cannot fetch ${what} from \`${url}\` (HTTP ${status})`, {
    hint:
      status === 404
        ? "the file is gone from the server; `taipan clean --index-cache` forgets stale channel data"
        : undefined,
    details,
  });
}
