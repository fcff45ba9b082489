import { nameOfDist, type PathsEntry, type PrefixPathsEntry } from "../specs/records.ts";
import { type EntryPoint, entryPointFiles, type GeneratedFile, parseEntryPoint } from "./entry-points.ts";
import { checkPrefixPath } from "./prefix-path.ts";
import { noarchTarget, pycPath } from "./python.ts";
import type { PythonInfo } from "./transaction.ts";

/** What linking needs to know of an extracted package (from its info/ directory). */
export interface ExtractedInfo {
  paths: readonly PathsEntry[];
  noarch?: "python" | "generic" | undefined;
  /** `command = module:function` lines of link.json. */
  entryPoints: readonly string[];
}

export interface PlanContext {
  /** Shown in errors: the dist string. */
  owner: string;
  platform: string;
  /** Final path of the prefix: what placeholders become. */
  prefix: string;
  python?: PythonInfo | undefined;
  compilePyc: boolean;
}

/** One file of a package and where it goes. `source` is relative to the extracted package, `target` to the prefix. */
export interface LinkFile {
  source: string;
  target: string;
  entry: PathsEntry;
}

export interface PycFile {
  /** Source file, relative to the prefix. */
  source: string;
  /** Byte code, relative to the prefix. */
  target: string;
}

/** Every path that linking one package makes. */
export interface PackageLinks {
  files: LinkFile[];
  directories: string[];
  generated: GeneratedFile[];
  pyc: PycFile[];
  scripts: { preLink?: string; postLink?: string; preUnlink?: string };
  menus: string[];
  /** Bytes of files that cannot be hard links because their text changes. */
  patchedBytes: number;
  bytes: number;
}

export type LinkScript = "pre-link" | "post-link" | "pre-unlink";

/** Path of a package's script relative to the prefix (CEP 32). */
export function scriptPath(name: string, action: LinkScript, platform: string): string {
  return platform.startsWith("win-") ? `Scripts/.${name}-${action}.bat` : `bin/.${name}-${action}.sh`;
}

const COMPILED = /^site-packages\/[^\t\n\r\f\v]+\.py$/;

/** Plans one package without touching anything. Throws when a path or entry point is not acceptable. */
export function planPackage(info: ExtractedInfo, context: PlanContext): PackageLinks {
  const { owner, platform } = context;
  const noarchPython = info.noarch === "python";
  const python = noarchPython ? context.python : undefined;
  const links: PackageLinks = {
    files: [],
    directories: [],
    generated: [],
    pyc: [],
    scripts: {},
    menus: [],
    patchedBytes: 0,
    bytes: 0,
  };
  const name = nameOfDist(owner);
  const preLink = scriptPath(name, "pre-link", platform);
  const postLink = scriptPath(name, "post-link", platform);
  const preUnlink = scriptPath(name, "pre-unlink", platform);
  for (const entry of info.paths) {
    checkPrefixPath(entry._path, owner);
    const target = python ? noarchTarget(entry._path, python, platform) : entry._path;
    if (python && target !== entry._path) checkPrefixPath(target, owner);
    if (entry.path_type === "directory") {
      links.directories.push(target);
      continue;
    }
    links.files.push({ source: entry._path, target, entry });
    links.bytes += entry.size_in_bytes ?? 0;
    if (entry.prefix_placeholder) links.patchedBytes += entry.size_in_bytes ?? 0;
    if (target === preLink) links.scripts.preLink = target;
    else if (target === postLink) links.scripts.postLink = target;
    else if (target === preUnlink) links.scripts.preUnlink = target;
    else if (target.startsWith("Menu/") && target.toLowerCase().endsWith(".json") && !target.includes("/", 5))
      links.menus.push(target);
    if (python && context.compilePyc && COMPILED.test(entry._path) && entry.path_type === "hardlink") {
      links.pyc.push({ source: target, target: pycPath(target, python.minor) });
    }
  }
  // Byte code that a package brings itself wins over what would be compiled.
  if (links.pyc.length > 0) {
    const own = new Set(links.files.map((file) => file.target));
    links.pyc = links.pyc.filter((file) => !own.has(file.target));
  }
  if (python) {
    for (const text of info.entryPoints) {
      const entry: EntryPoint = parseEntryPoint(text, owner);
      links.generated.push(...entryPointFiles(entry, python, context.prefix, platform));
    }
    // An entry point and a file of the same name: the entry point is what conda leaves there.
    const made = new Set(links.generated.map((file) => file.path));
    if (made.size > 0) links.files = links.files.filter((file) => !made.has(file.target));
  }
  return links;
}

/** All targets of a plan, for clobber detection and for unlinking. */
export function plannedPaths(links: PackageLinks): string[] {
  return [
    ...links.files.map((file) => file.target),
    ...links.pyc.map((file) => file.target),
    ...links.generated.map((file) => file.path),
  ];
}

/** `paths_data` entries of a planned file: as in paths.json, with the path as installed. Offsets are of the packaged file and stay out. */
export function prefixPathsEntry(file: LinkFile, sha256InPrefix: string | undefined): PrefixPathsEntry {
  const { _path: _, offsets: __, ...rest } = file.entry;
  const entry: PrefixPathsEntry = { _path: file.target, ...rest };
  if (sha256InPrefix) entry.sha256_in_prefix = sha256InPrefix;
  return entry;
}
