/** The paths of a package: paths.json, or in old packages info/files, has_prefix and no_link (CEP 34). */
import { ToolError } from "../errors.ts";
import { listMembers, memberKind, readInfoFile } from "../fs/archive-files.ts";
import type { PathsEntry } from "../specs/records.ts";
import { isJsonObject } from "../util/json.ts";
import { type JsonObject, parseInfoJson } from "./info-json.ts";
import { parseOffsets } from "./info-offsets.ts";
import { checkMemberPath } from "./member-path.ts";

/** What has_prefix means by a line without a placeholder. */
const DEFAULT_PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3";
const RULES = { windows: false };

/** Entries of a paths.json text, each path judged. Throws `archive-invalid` or `archive-unsafe-path`. */
export function parsePathsJson(text: string): PathsEntry[] {
  const raw = parseInfoJson(text, "info/paths.json");
  if (raw["paths_version"] !== 1) {
    throw invalidPaths(`version \`${String(raw["paths_version"])}\` of info/paths.json is not supported`);
  }
  const list = raw["paths"];
  if (!Array.isArray(list)) throw invalidPaths("its info/paths.json has no list of paths");
  const seen = new Set<string>();
  return list.map((item) => {
    if (!isJsonObject(item)) throw invalidPaths("an entry of its info/paths.json is no object");
    const entry = pathsEntry(item);
    if (seen.has(entry._path)) throw invalidPaths(`its info/paths.json lists \`${entry._path}\` twice`);
    seen.add(entry._path);
    return entry;
  });
}

function pathsEntry(item: JsonObject): PathsEntry {
  const path = item["_path"];
  if (typeof path !== "string") throw invalidPaths("an entry of its info/paths.json has no path");
  const type = item["path_type"];
  if (type !== "hardlink" && type !== "softlink" && type !== "directory") {
    throw invalidPaths(`\`${path}\` has the unknown path type \`${String(type)}\``);
  }
  const entry: PathsEntry = { _path: plainPath(path), path_type: type };
  const { sha256, size_in_bytes: size, prefix_placeholder: placeholder, file_mode: mode } = item;
  if (present(sha256)) {
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/i.test(sha256))
      throw invalidPaths(`\`${path}\` has a malformed sha256`);
    entry.sha256 = sha256.toLowerCase();
  }
  if (present(size)) {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
      throw invalidPaths(`\`${path}\` has a malformed size`);
    entry.size_in_bytes = size;
  }
  if (present(placeholder) && placeholder !== "") {
    if (typeof placeholder !== "string") throw invalidPaths(`\`${path}\` has a malformed placeholder`);
    if (present(mode) && mode !== "text" && mode !== "binary")
      throw invalidPaths(`\`${path}\` has the unknown mode \`${String(mode)}\``);
    entry.prefix_placeholder = placeholder;
    entry.file_mode = mode === "binary" ? "binary" : "text";
    const { offsets, shebang_length: shebang } = item;
    if (present(offsets)) entry.offsets = parseOffsets(offsets, shebang, entry.file_mode);
  }
  if (item["no_link"] === true) entry.no_link = true;
  return entry;
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Entries of a package that has no paths.json. What a path is comes from the extracted tree; sizes and hashes are unknown. */
export function legacyPaths(directory: string): PathsEntry[] {
  const prefixed = parseHasPrefix(readInfoFile(directory, "info/has_prefix") ?? "");
  const noLink = new Set(lines(readInfoFile(directory, "info/no_link") ?? "").map(plainPath));
  const entries: PathsEntry[] = [];
  const list = readInfoFile(directory, "info/files");
  // Without any list, what the package has is what it was meant to have.
  for (const path of new Set((list === undefined ? listMembers(directory) : lines(list)).map(plainPath))) {
    const kind = memberKind(directory, path);
    const type = kind === "symlink" ? "softlink" : kind === "directory" ? "directory" : "hardlink";
    entries.push({
      _path: path,
      path_type: type,
      ...prefixed.get(path),
      ...(noLink.has(path) ? { no_link: true } : {}),
    });
  }
  return entries;
}

type PrefixUse = Pick<PathsEntry, "prefix_placeholder" | "file_mode">;

/** Lines are `path`, or `placeholder mode path`; a part with blanks is in double quotes. */
export function parseHasPrefix(text: string): Map<string, PrefixUse> {
  const found = new Map<string, PrefixUse>();
  for (const line of lines(text)) {
    const parts = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
    const [placeholder, mode, path] = parts;
    if (parts.length === 3 && (mode === "text" || mode === "binary")) {
      found.set(plainPath(path!), { prefix_placeholder: placeholder!, file_mode: mode });
    } else {
      const only = parts.length === 1 ? parts[0]! : line;
      found.set(plainPath(only), { prefix_placeholder: DEFAULT_PLACEHOLDER, file_mode: "text" });
    }
  }
  return found;
}

function plainPath(path: string): string {
  const checked = checkMemberPath(path, RULES);
  if (checked === "")
    throw new ToolError("archive-unsafe-path", `invalid package: \`${path}\` names the prefix itself`);
  return checked;
}

function lines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

function invalidPaths(reason: string): ToolError {
  return new ToolError("archive-invalid", `invalid package: ${reason}`);
}
