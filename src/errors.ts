import { constants } from "node:os";

/**
 * Every failure a user may see: a stable code, one sentence that names the object, and a hint where it helps.
 * Anything else that is thrown is a defect of taipan and is reported as `internal`.
 */
export type ErrorCode =
  | "usage"
  | "not-implemented"
  | "parse-error"
  | "env-file-invalid"
  | "config-invalid"
  | "unsafe-name"
  | "package-not-found"
  | "unsatisfiable"
  | "solver-timeout"
  | "channel-invalid"
  | "channel-unreachable"
  | "http-error"
  | "auth-error"
  | "offline-missing"
  | "checksum-mismatch"
  | "signature-invalid"
  | "archive-invalid"
  | "archive-unsafe-path"
  | "repodata-invalid"
  | "environment-not-found"
  | "environment-exists"
  | "environment-frozen"
  | "environment-changed"
  | "environment-corrupt"
  | "not-an-environment"
  | "package-not-installed"
  | "clobber"
  | "script-failed"
  | "pip-failed"
  | "permission-denied"
  | "disk-full"
  | "locked"
  | "io-error"
  | "interrupted"
  | "internal";

export interface ToolErrorOptions {
  /** One short sentence: what the user can do about it. */
  hint?: string | undefined;
  /** Machine-readable facts, printed under `--json`; never secrets. */
  details?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/** What a user can do when the place that failed knows nothing better. */
const DEFAULT_HINTS: Partial<Record<ErrorCode, string>> = {
  "archive-unsafe-path":
    "the package is broken or malicious: nothing of it was installed; tell the maintainers of its channel",
  "archive-invalid":
    "the package is broken: run the command again, and tell the maintainers of its channel if it stays so",
  "checksum-mismatch": "the download was damaged, or the channel is being updated: run the command again",
  "unsafe-name": "the name breaks conda's rules (CEP 26): tell the maintainers of the channel",
  "repodata-invalid":
    "the channel is broken or being updated: try again later, or `taipan clean --index-cache`",
  "channel-unreachable": "check the address, the network and the proxy settings",
  "io-error": "run again with -vv for the system's own words",
  "environment-changed": "run the command again",
  locked: "wait for the other process, or see whether it still runs",
};

/** The only error type that crosses a layer. `message` is one sentence without a final full stop. */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: ToolErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? DEFAULT_HINTS[code];
    this.details = options.details;
  }

  /** A structured-clone-safe form, for worker messages and `--json`. */
  toJSON(): SerializedToolError {
    return { code: this.code, message: this.message, hint: this.hint, details: this.details };
  }

  static fromJSON(value: SerializedToolError): ToolError {
    return new ToolError(value.code, value.message, { hint: value.hint, details: value.details });
  }
}

export interface SerializedToolError {
  code: ErrorCode;
  message: string;
  hint?: string | undefined;
  details?: Record<string, unknown> | undefined;
}

/** A parse failure at `position` (0-based offset in UTF-16 units) of `source`. */
export function parseError(
  what: string,
  source: string,
  position: number,
  reason: string,
  hint?: string,
): ToolError {
  const shown = source.length > 200 ? `${source.slice(0, 200)}…` : source;
  return new ToolError(
    "parse-error",
    `invalid ${what} \`${shown}\`: ${reason} (at position ${position + 1})`,
    {
      hint,
      details: { what, source: shown, position, reason },
    },
  );
}

/** The error of work that was given up on request: the reason of the signal where it is a ToolError. */
export function interruption(signal: AbortSignal | undefined): ToolError {
  return signal?.reason instanceof ToolError ? signal.reason : new ToolError("interrupted", "interrupted");
}

/** Node's code of a failed system call (`ENOENT`), undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  const { code, errno = 0 } = (error as NodeJS.ErrnoException | null) ?? {};
  return code?.startsWith("Unknown system error") ? (NAMELESS.get(-errno) ?? code) : code;
}

/** Numbers that the system has a name for and Node.js has none: a full quota, and a file that an NFS server no longer has. */
const NAMELESS = new Map([
  [constants.errno.EDQUOT, "EDQUOT"],
  [constants.errno.ESTALE, "ESTALE"],
]);

/** Whether a system call failed because there is nothing at the path. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Failures that a wrong path leads to, in words. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is no directory",
  ENAMETOOLONG: "the path is too long",
  ELOOP: "the symbolic links of the path lead in a circle",
};

/** Turns a Node file-system error into a ToolError that names the path; any other value is returned unchanged. */
export function fromSystemError(error: unknown, action: string, path: string): unknown {
  const code = codeOf(error);
  if (error instanceof ToolError || typeof code !== "string") return error;
  const options = { cause: error, details: { path, errno: code } };
  switch (code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new ToolError("permission-denied", `no permission to ${action} \`${path}\``, {
        ...options,
        hint:
          code === "EROFS"
            ? "the file system is mounted read-only"
            : "check the owner and mode of the directory, or choose another with -p or --root-prefix",
      });
    case "ESTALE":
      return new ToolError(
        "io-error",
        `cannot ${action} \`${path}\`: its file server no longer knows it (stale file handle)`,
        { ...options, hint: "another machine removed or replaced it, or the server started anew: try again" },
      );
    case "ENOSPC":
    case "EDQUOT":
      return new ToolError(
        "disk-full",
        `no space left to ${action} \`${path}\`${code === "EDQUOT" ? " (quota)" : ""}`,
        {
          ...options,
          hint: "free some space (`taipan clean --all` empties the package cache) and run the command again",
        },
      );
    default: {
      const words = SYSTEM_WORDS[code];
      const hint = words === undefined ? undefined : "check the spelling of the path";
      const text = `cannot ${action} \`${path}\`: ${words ?? (error as Error).message}`;
      return new ToolError("io-error", text, { ...options, hint });
    }
  }
}
