import { basename } from "node:path";
import { ToolError } from "../../errors.ts";

/** conda's exception names, which scripts look for in text and under `--json`. */
const EXCEPTION_NAMES: Partial<Record<ToolError["code"], string>> = {
  usage: "ArgumentError",
  "package-not-found": "PackagesNotFoundError",
  unsatisfiable: "UnsatisfiableError",
  "channel-unreachable": "CondaHTTPError",
  "channel-invalid": "UnavailableInvalidChannel",
  "http-error": "CondaHTTPError",
  "checksum-mismatch": "ChecksumMismatchError",
  "signature-invalid": "SignatureError",
  "environment-not-found": "EnvironmentLocationNotFound",
  "not-an-environment": "EnvironmentLocationNotFound",
  "environment-corrupt": "CorruptedEnvironmentError",
  "environment-exists": "CondaValueError",
  "environment-frozen": "EnvironmentIsFrozenError",
  "package-not-installed": "PackagesNotFoundError",
  "parse-error": "InvalidSpec",
  "env-file-invalid": "EnvironmentFileInvalid",
  "permission-denied": "NotWritableError",
  "disk-full": "NoSpaceLeftError",
  "pip-failed": "CondaEnvException",
  clobber: "ClobberError",
  locked: "LockError",
  interrupted: "CondaSystemExit",
};

/** Where one code stands for several of conda's exceptions, the place that failed says which. */
export function exceptionName(error: ToolError): string {
  const told = error.details?.["exception_name"];
  return typeof told === "string" ? told : (EXCEPTION_NAMES[error.code] ?? "CondaError");
}

/** The failure in the sentence that conda has for it (conda/exceptions.py), as scripts look for those words; hint and facts stay. */
export function inWordsOfConda(error: ToolError): ToolError {
  const message = WORDS[exceptionName(error)]?.(error);
  if (message === undefined) return error;
  const { code, hint, details, cause } = error;
  return new ToolError(code, message, { hint, details, cause });
}

/** What the parser of options says, in the words of conda and of its parser, which ends conda by SystemExit. `near`: what may have been meant. */
export function condaUsageError(text: string, near: string | undefined): ToolError {
  const [, command] = /^unknown command '(.*)'$/.exec(text) ?? [];
  const [first] = near?.split(", ") ?? [];
  if (command !== undefined)
    return new ToolError(
      "usage",
      `No command 'conda ${command}'.${first ? `\nDid you mean 'conda ${first}'?` : ""}`,
      { details: { exception_name: "CommandNotFoundError", command } },
    );
  const [, option] = /^unknown option '(.*)'$/.exec(text) ?? [];
  const [, flags] = /^option '(.*?)( <.*)?' argument missing$/.exec(text) ?? [];
  const message =
    option !== undefined && GENERAL.has(option)
      ? // The parser only asks for the option's own meaning where no command follows.
        "the following arguments are required: COMMAND"
      : option !== undefined
        ? `unrecognized arguments: ${option}`
        : flags !== undefined
          ? `argument ${flags.replaceAll(", ", "/")}: expected one argument`
          : text.replaceAll("'", "`");
  return new ToolError("usage", message, {
    hint: first ? `did you mean \`${first}\`?` : "`conda COMMAND --help` lists the options of a command",
    details: { exception_name: "SystemExit" },
  });
}

/** Options of every command. */
const GENERAL: ReadonlySet<string> = new Set([
  "-v",
  "--verbose",
  "--json",
  "--debug",
  "--trace",
  "-q",
  "--quiet",
]);

/** By exception; undefined where the facts that the sentence needs are missing. */
const WORDS: Readonly<Record<string, (error: ToolError) => string | undefined>> = {
  EnvironmentLocationNotFound: (error) => {
    const location = text(error, "location");
    return location === undefined ? undefined : `Not a conda environment: ${location}`;
  },
  CorruptedEnvironmentError: (error) => {
    const path = text(error, "path");
    return path && `The target environment has been corrupted.\n  corrupted file: ${path}\n${error.message}`;
  },
  DirectoryNotACondaEnvironmentError: (error) =>
    [
      "The target directory exists, but it is not a conda environment.",
      "Use 'conda create' to convert the directory to a conda environment.",
      `  target directory: ${text(error, "location")}`,
    ].join("\n"),
  EnvironmentNameNotFound: (error) =>
    `Could not find conda environment: ${text(error, "environment_name")}\nYou can list all discoverable environments with \`conda info --envs\`.`,
  CondaEnvException: (error) => {
    const path = text(error, "path");
    if (path !== undefined) return `The environment '${basename(path)}' already exists. Override with --yes.`;
    return text(error, "location") && "The environment you have specified does not exist.";
  },
  CondaEnvironmentError: () => "cannot remove root environment, add -n NAME or -p PREFIX option",
  CondaIndexError: (error) => `no such revision: ${error.details?.["revision"]}`,
  CondaValueError: (error) => {
    const [path, name, pattern] = ["path", "environment_name", "pattern"].map((key) => text(error, key));
    if (path !== undefined) return `prefix already exists: ${path}`;
    if (pattern !== undefined) return `No packages match '${pattern}'.`;
    return name === undefined ? undefined : invalidName(name);
  },
  EnvironmentExporterNotDetected: (error) =>
    `No environment exporter plugin found for filename '${text(error, "filename")}': ${error.message}`,
  EnvironmentFileEmpty: (error) => `'${text(error, "filename")}' is empty`,
  CondaKeyError: (error) => {
    const [key, problem] = [text(error, "key"), text(error, "problem")];
    return key && problem && `'${key}': ${problem} parameter`;
  },
  EnvironmentFileNotFound: (error) => `'${text(error, "filename")}' file not found`,
  PackagesNotFoundError: (error) => {
    const packages = texts(error, "packages");
    // Of packages that are not installed the sentence is conda's already.
    if (packages.length === 0 || error.code !== "package-not-found") return undefined;
    const urls = texts(error, "channel_urls");
    return [
      `The following packages are not available from current channels:\n\n${dashed(packages)}`,
      ...(urls.length > 0 ? [`Current channels:\n\n${dashed(urls)}`] : []),
      error.message,
    ].join("\n\n");
  },
  PackageNotInstalledError: (error) =>
    `Package is not installed in prefix.\n  prefix: ${text(error, "prefix")}\n  package name: ${text(error, "package_name")}`,
  UnavailableInvalidChannel: (error) => {
    const [url] = texts(error, "urls");
    if (url === undefined) return undefined;
    const answer = url.startsWith("file:") ? "404 UNAVAILABLE OR INVALID" : statusText(404);
    const channel = `${text(error, "channel")} <${url.replace(/\/[^/]*\/?$/, "")}>`;
    return `HTTP ${answer} for channel ${channel}\n\nThe channel is not accessible or is invalid: ${error.message}`;
  },
  CondaHTTPError: (error) => {
    const failed = lastAnswer(error);
    return failed && `HTTP ${statusText(failed.status)} for url <${failed.url}>\n\n${error.message}`;
  },
  EnvironmentNotWritableError: (error) =>
    `The current user does not have write permissions to the target environment.\n  environment location: ${text(error, "location")}`,
  NotWritableError: (error) => {
    const path = text(error, "path");
    return path && `The current user does not have write permissions to a required path.\n  path: ${path}`;
  },
  NoSpaceLeftError: (error) => `No space left on devices: ${error.message}`,
};

function invalidName(name: string): string {
  return [
    `Invalid environment name: '${name}'`,
    "  Characters not allowed: ('/', ' ', ':', '#')",
    "If you are specifying a path to an environment, the `-p`",
    "flag should be used instead.",
  ].join("\n");
}

/** Of a transfer that failed, the last URL that was asked, and what the server said if it said anything. */
function lastAnswer({ details }: ToolError): { url: string; status: number | undefined } | undefined {
  const attempts = details?.["attempts"] as readonly { url: string; outcome: string }[] | undefined;
  const last = attempts?.at(-1);
  if (last) {
    const status = /^HTTP (\d{3})/.exec(last.outcome)?.[1];
    return { url: last.url, status: status === undefined ? undefined : Number(status) };
  }
  const { url, status } = details ?? {};
  return typeof url === "string" && typeof status === "number" ? { url, status } : undefined;
}

/** As conda writes an answer; 000 is none. */
function statusText(status: number | undefined): string {
  if (status === undefined) return "000 CONNECTION FAILED";
  return `${status} ${STATUS_WORDS[status] ?? ""}`.trimEnd();
}

const STATUS_WORDS: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "NOT FOUND",
  429: "TOO MANY REQUESTS",
  500: "INTERNAL SERVER ERROR",
  502: "BAD GATEWAY",
  503: "SERVICE UNAVAILABLE",
  504: "GATEWAY TIMEOUT",
};

function text({ details }: ToolError, key: string): string | undefined {
  const value = details?.[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function texts({ details }: ToolError, key: string): string[] {
  const value = details?.[key];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function dashed(items: readonly string[]): string {
  return items.map((item) => `  - ${item}`).join("\n");
}
