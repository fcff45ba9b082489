import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ToolError } from "../errors.ts";
import { redactUrl } from "../specs/credentials.ts";
import {
  type LockedCondaPackage,
  type LockedPypiPackage,
  type LockFile,
  type LockSelection,
  parseLockFile,
  selectLocked,
} from "../specs/lock/index.ts";
import { isLockFileName } from "../specs/spec-file.ts";
import { type CommandContext, platformOf } from "./context.ts";

/** Which part of a lock file is meant: --category and --environment. */
export interface LockChoice {
  /** conda-lock; `main` when there are none. */
  categories?: readonly string[] | undefined;
  /** pixi; `default` when absent. */
  environment?: string | undefined;
}

/** A conda package that a lock file names. */
export interface LockedPackage extends LockedCondaPackage {
  /** The lock file has the record's dependencies as the channel has them, so that they count more than the archive's. */
  complete: boolean;
}

export interface LockedFiles {
  conda: LockedPackage[];
  /** Requirement lines for pip, each with its hash. */
  pip: string[];
}

/** By name as mamba has it (`*-lock.yml`, `*-lock.json`, `pixi.lock`), or by what only lock files say at the first column. */
export function isLockFile(file: string, text: string): boolean {
  if (isLockFileName(file.replace(/[?#].*$/, ""))) return true;
  if (/^\s*\{/.test(text)) return /"lockVersion"\s*:/.test(text);
  if (/^version:\s*["']?\d+["']?\s*$/m.test(text) && /^environments:/m.test(text)) return true;
  return /^metadata:/m.test(text) && /^package:/m.test(text);
}

/** What a lock file has for the platform in effect. Throws `package-not-found` with what it has instead. */
export function readLockFile(
  text: string,
  file: string,
  choice: LockChoice,
  context: Pick<CommandContext, "config" | "hostPlatform" | "cwd">,
): LockedFiles {
  const shown = file === "-" ? "standard input" : redactUrl(file);
  const lock = parseLockFile(text, { fileName: shown, directoryUrl: directoryOf(file, context.cwd) });
  checkChoice(lock, choice);
  const categories = choice.categories?.length ? choice.categories : undefined;
  const selection = selectLocked(lock, {
    platform: platformOf(context),
    environment: choice.environment,
    categories,
  });
  refuseSources(selection, shown);
  return {
    conda: selection.conda.map((locked) => ({ ...locked, complete: lock.format === "pixi" })),
    pip: selection.pypi.map((item) => pipRequirement(item, shown)),
  };
}

function checkChoice(lock: LockFile, choice: LockChoice): void {
  if (choice.categories?.length && lock.format !== "conda-lock") {
    throw new ToolError("usage", `\`${lock.fileName}\` has no categories`, {
      hint: "--category is for conda-lock files",
    });
  }
  if (choice.environment !== undefined && lock.format !== "pixi") {
    throw new ToolError("usage", `\`${lock.fileName}\` has no environments to choose from`, {
      hint: "--environment is for pixi.lock files",
    });
  }
}

function refuseSources(selection: LockSelection, file: string): void {
  const [source] = selection.condaSources;
  if (source === undefined) return;
  throw new ToolError(
    "not-implemented",
    `\`${file}\` has a package that must be built from source: \`${redactUrl(source)}\``,
    {
      hint: "build it with the tool that wrote the file, and lock the built package",
    },
  );
}

/** `name @ url#sha256=...`: pip refuses a download with another hash. Local paths stand alone. */
function pipRequirement(item: LockedPypiPackage, file: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(item.name) || /[\s\0]/.test(item.location)) {
    throw new ToolError(
      "parse-error",
      `\`${file}\` has a pip package that cannot be asked for: \`${item.name}\``,
    );
  }
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(item.location))
    return item.editable ? `-e ${item.location}` : item.location;
  const hash = item.sha256 ? `#sha256=${item.sha256}` : item.md5 ? `#md5=${item.md5}` : "";
  return `${item.name} @ ${item.location}${item.location.includes("#") ? "" : hash}`;
}

function directoryOf(file: string, cwd: string): string {
  if (file === "-") return pathToFileURL(cwd).href;
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(file)) return file.replace(/[?#].*$/, "").replace(/\/[^/]*$/, "");
  return pathToFileURL(resolve(cwd, file, "..")).href;
}
