import { ToolError } from "../errors.ts";
import { pathToFileUrl } from "./channel.ts";
import { redactText, redactUrl } from "./credentials.ts";
import { type ExpandContext, expandPath } from "./expand.ts";
import { fileError } from "./file-error.ts";

/** One line of an explicit file: an archive and what it must hash to. */
export interface ExplicitEntry {
  /** URL of the archive; a path of this machine as `file:` URL when the working directory was given, else as written. */
  url: string;
  /** Lower-case hexadecimal. */
  md5?: string;
  sha256?: string;
  /** The line without surrounding white space. */
  source: string;
  /** 1-based. */
  line: number;
  /** Why this line names no archive; `checkExplicit` throws it. */
  problem?: string;
}

/** A text spec file (CEP 23): specs for the solver, or archives to install as they stand. */
export type SpecFile =
  | { kind: "specs"; specs: string[]; positions: ReadonlyMap<string, number>; platform?: string }
  | { kind: "explicit"; entries: ExplicitEntry[]; platform?: string };

export interface SpecFileOptions extends ExpandContext {
  fileName: string;
  /** Absolute working directory: relative paths start there (not at the file), as CEP 23 says. */
  cwd?: string | undefined;
}

const EXPLICIT = "@EXPLICIT";
const ARCHIVE_END = /[^/\\]\.(?:conda|tar\.bz2)$/i;
const MD5 = /^(?:md5[:=])?([0-9a-f]{32})$/i;
const SHA256 = /^(?:sha256[:=])?([0-9a-f]{64})$/i;

/** CEP 23: a location with a package extension, then optionally `#md5`, `#sha256` or `#sha256:...`. */
function splitArchiveLine(line: string): { location: string; md5?: string; sha256?: string } | undefined {
  const mark = line.indexOf("#");
  const location = mark < 0 ? line : line.slice(0, mark);
  if (!ARCHIVE_END.test(location)) return undefined;
  if (mark < 0) return { location };
  const anchor = line.slice(mark + 1);
  const md5 = MD5.exec(anchor)?.[1];
  const sha256 = SHA256.exec(anchor)?.[1];
  if (md5) return { location, md5: md5.toLowerCase() };
  return sha256 ? { location, sha256: sha256.toLowerCase() } : undefined;
}

/** Reads a text spec file. Total: a wrong line of an explicit file is reported by `checkExplicit`. */
export function parseSpecFile(text: string, options: SpecFileOptions): SpecFile {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  const platform = lines
    .map((line) => /^\s*#\s*platform:\s*([a-z0-9]+-[a-z0-9]+)\s*$/.exec(line)?.[1])
    .find(Boolean);
  const shared = platform === undefined ? {} : { platform };
  const marker = lines.findIndex((line) => line.trim() === EXPLICIT);
  const content = lines
    .map((line, index) => ({ source: line.trim(), line: index + 1 }))
    .filter(({ source }) => source !== "" && !source.startsWith("#"))
    // No spec starts with `@`: a misspelt marker is skipped, as in mamba.
    .filter(({ source }) => !source.startsWith("@"));
  if (marker < 0) {
    const positions = new Map(content.map(({ source, line }) => [source, line]));
    return { kind: "specs", specs: content.map(({ source }) => source), positions, ...shared };
  }
  const entries = content
    // What stands before the marker counts only when it is an archive: mamba reads specs there as nothing.
    .filter(({ source, line }) => line > marker || splitArchiveLine(source))
    .map(({ source, line }) => parseExplicitLine(source, line, options));
  return { kind: "explicit", entries, ...shared };
}

function parseExplicitLine(source: string, line: number, options: SpecFileOptions): ExplicitEntry {
  const expanded = expandPath(source, options);
  const parts = splitArchiveLine(expanded);
  if (!parts) {
    return {
      url: expanded,
      source,
      line,
      problem: "this is no URL or path of a `.conda` or `.tar.bz2` archive",
    };
  }
  const { location, ...hashes } = parts;
  return { url: toUrl(location, options), ...hashes, source, line };
}

function toUrl(location: string, { cwd, home }: SpecFileOptions): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(location) || cwd === undefined) return location;
  return pathToFileUrl(location, { cwd, home: home ?? cwd });
}

/** Throws `parse-error` with file and line for the first line that names no archive. */
export function checkExplicit(entries: readonly ExplicitEntry[], fileName: string): void {
  const wrong = entries.find((entry) => entry.problem !== undefined);
  if (!wrong) return;
  const reason = `\`${redactUrl(wrong.source)}\`: ${wrong.problem}`;
  throw fileError(
    "parse-error",
    fileName,
    { line: wrong.line, column: 1 },
    reason,
    "a hash is written as `#md5` or `#sha256:hash`",
  );
}

/** Parses every spec with `parse`, naming file and line in its complaint. */
export function checkSpecs<T>(
  file: SpecFile & { kind: "specs" },
  fileName: string,
  parse: (spec: string) => T,
): T[] {
  return file.specs.map((spec) => {
    try {
      return parse(spec);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      const line = file.positions.get(spec);
      const position = line === undefined ? undefined : { line, column: 1 };
      throw fileError("parse-error", fileName, position, redactText(error.message), error.hint, error);
    }
  });
}

export type SpecFileKind = "environment" | "conda-lock" | "mambajs-lock" | "pixi-lock" | "text";

/** conda-lock files are told from environment files by name alone, as mamba does: `*-lock.yml`, `*-lock.yaml`. */
export function isCondaLockFileName(fileName: string): boolean {
  return /-lock\.ya?ml$/.test(fileName);
}

/** Any of the lock formats that can be installed: the above, mambajs' `*-lock.json`, and `pixi.lock`. */
export function isLockFileName(fileName: string): boolean {
  return /-lock\.(?:ya?ml|json)$/.test(fileName) || /(?:^|[/\\.])pixi\.lock$/.test(fileName);
}

/** What a file given to `--file` is, by its name (query and fragment of a URL ignored). */
export function specFileKind(fileName: string): SpecFileKind {
  const name = fileName.replace(/^([a-z][a-z0-9+.-]+:\/\/[^?#]*)[?#].*$/i, "$1");
  if (isCondaLockFileName(name)) return "conda-lock";
  if (/-lock\.json$/.test(name)) return "mambajs-lock";
  if (/\.lock$/.test(name)) return "pixi-lock";
  return /\.ya?ml$/.test(name) ? "environment" : "text";
}
