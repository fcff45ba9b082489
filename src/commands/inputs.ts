import { isAbsolute, join, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { listDir, pathKind, readText } from "../fs/files.ts";
import { fileUrlPath } from "../net/file.ts";
import type { EnvironmentFile } from "../specs/environment-file.ts";
import { parseMatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import { checkExplicit, checkSpecs, type ExplicitEntry, parseSpecFile } from "../specs/spec-file.ts";
import { asMicromamba, type CommandContext, platformOf } from "./context.ts";
import type { LockChoice, LockedPackage } from "./locked.ts";
import { refuseByName, refuseRequirements } from "./other-files.ts";

/** Everything that files and arguments ask for, merged in order. */
export interface Inputs {
  specs: string[];
  /** Packages named by URL or path: no solve decides about them. */
  explicit: ExplicitEntry[];
  /** Packages of lock files. */
  locked: LockedPackage[];
  channels: string[];
  /** `platforms:` of environment files, which `lock` solves for. */
  platforms: string[];
  /** A file said `nodefaults`: channels of configuration files do not count. */
  nodefaults: boolean;
  pip: string[];
  /** Requirement lines of lock files: complete, so pip adds no dependencies. */
  lockedPip: string[];
  variables: Record<string, string>;
  name?: string | undefined;
  prefix?: string | undefined;
  /** Directory that relative pip requirements (`-r`, `-e .`) count from. */
  pipDirectory?: string | undefined;
}

export interface InputSources extends LockChoice {
  specs?: readonly string[];
  files?: readonly string[];
  /** Text of standard input, read once when a file is `-`; empty by default. */
  readStdin?: () => Promise<string>;
}

type InputContext = Pick<
  CommandContext,
  "cwd" | "home" | "env" | "config" | "resources" | "events" | "signal" | "hostPlatform" | "dialect"
>;

export async function gatherInputs(sources: InputSources, context: InputContext): Promise<Inputs> {
  const inputs: Inputs = {
    specs: [],
    explicit: [],
    locked: [],
    channels: [],
    platforms: [],
    nodefaults: false,
    pip: [],
    lockedPip: [],
    variables: {},
  };
  for (const argument of sources.specs ?? []) {
    const explicit = asPackageFile(await withFolder(argument, context), context);
    if (explicit) inputs.explicit.push(explicit);
    else inputs.specs.push(argument);
  }
  const kinds = new Set<FileKind>();
  for (const file of sources.files ?? []) kinds.add(await readInput(file, sources, inputs, context));
  if (asMicromamba(context)) applyRulesOfMicromamba(kinds, inputs, context);
  if (!kinds.has("lock") && (sources.categories?.length || sources.environment !== undefined)) {
    throw new ToolError(
      "usage",
      `${sources.categories?.length ? "--category" : "--environment"} chooses a part of a lock file, but none is given`,
      { hint: "name the lock file with -f" },
    );
  }
  return inputs;
}

/** An environment file says for which platforms it is; another one is installed for all the same. */
export function warnOfPlatform({ platforms }: Inputs, context: InputContext): void {
  const platform = platformOf(context);
  if (platforms.length === 0 || platforms.includes(platform)) return;
  context.events({
    type: "warning",
    code: "env-file",
    message: `the environment file is for ${platforms.join(", ")}, not for ${platform}`,
    hint: "--platform chooses another one",
  });
}

type FileKind = "lock" | "yaml" | "explicit" | "specs";

/** micromamba's files are of one kind, and specs beside an @EXPLICIT file do not count. */
function applyRulesOfMicromamba(kinds: ReadonlySet<FileKind>, inputs: Inputs, context: InputContext): void {
  if (kinds.size > 1) {
    throw new ToolError("usage", `found multiple spec file types: ${[...kinds].join(", ")}`, {
      hint: "give files of one kind; run as `taipan`, kinds can be mixed",
    });
  }
  if (!kinds.has("explicit") || inputs.specs.length === 0) return;
  context.events({
    type: "warning",
    code: "specs-ignored",
    message: `beside an @EXPLICIT file, specs do not count: ${inputs.specs.map((spec) => `\`${spec}\``).join(", ")}`,
    hint: "`install` them afterwards",
  });
  inputs.specs = [];
}

/** `x-1.0-0.conda` is a file of the working directory where there is one, as for conda and micromamba. */
async function withFolder(argument: string, { cwd }: Pick<InputContext, "cwd">): Promise<string> {
  if (!/^[^/\\[\]]+\.(conda|tar\.bz2)$/.test(argument)) return argument;
  return (await pathKind(resolve(cwd, argument))) === undefined ? argument : `./${argument}`;
}

/** A package URL or an existing-looking path to an archive, given where a spec is expected. */
function asPackageFile(
  argument: string,
  context: Pick<InputContext, "cwd" | "home">,
): ExplicitEntry | undefined {
  if (!/\.(conda|tar\.bz2)(#|$)/.test(argument) || /[[\]]/.test(argument)) return undefined;
  if (!/[/\\]/.test(argument)) return undefined;
  const parsed = parseSpecFile(`@EXPLICIT\n${argument}\n`, {
    fileName: "command line",
    cwd: context.cwd,
    home: context.home,
  });
  if (parsed.kind !== "explicit") return undefined;
  checkExplicit(parsed.entries, "command line");
  return parsed.entries[0];
}

async function readInput(
  file: string,
  sources: InputSources,
  inputs: Inputs,
  context: InputContext,
): Promise<FileKind> {
  refuseByName(file);
  const text = await readSource(file, sources, context);
  const shown = file === "-" ? "standard input" : file;
  // The readers of YAML load where a file is given: a request without one starts 30 ms sooner.
  const { isLockFile, readLockFile } = await import("./locked.ts");
  if (isLockFile(file, text)) {
    const { conda, pip } = readLockFile(text, file, sources, context);
    inputs.locked.push(...conda);
    inputs.lockedPip.push(...pip);
    if (pip.length > 0) inputs.pipDirectory ??= directoryOf(file, context);
    return "lock";
  }
  if (isEnvironmentFile(file, text)) {
    if (context.dialect === "conda" && text.trim() === "")
      throw new ToolError("env-file-invalid", `\`${shown}\` is empty`, {
        details: { exception_name: "EnvironmentFileEmpty", filename: shown },
      });
    const { checkDependencies, parseEnvironmentFile } = await import("../specs/environment-file.ts");
    const parsed = parseEnvironmentFile(text, {
      fileName: shown,
      platform: context.config.platform || context.hostPlatform,
      home: context.home,
      env: context.env,
    });
    mergeEnvironment(parsed, file, inputs, context);
    checkDependencies(parsed, parseMatchSpec);
    return "yaml";
  }
  refuseRequirements(text, shown);
  const parsed = parseSpecFile(text, { fileName: shown, cwd: context.cwd, home: context.home });
  if (parsed.kind === "explicit") {
    checkExplicit(parsed.entries, shown);
    inputs.explicit.push(...parsed.entries);
  } else {
    checkSpecs(parsed, shown, parseMatchSpec);
    inputs.specs.push(...parsed.specs);
  }
  return parsed.kind;
}

/** Where relative paths of a file count from. */
function directoryOf(file: string, context: Pick<InputContext, "cwd">): string {
  return file === "-" || isUrl(file) ? context.cwd : resolve(context.cwd, file, "..");
}

function mergeEnvironment(
  parsed: EnvironmentFile,
  file: string,
  inputs: Inputs,
  context: InputContext,
): void {
  const lost = parsed.warnings.find((warning) => warning.losesDependencies);
  if (lost !== undefined && parsed.dependencies.length === 0)
    throw new ToolError("env-file-invalid", `${lost.message}, and nothing else is asked for`, {
      hint: lost.hint,
    });
  for (const warning of parsed.warnings) {
    context.events({ type: "warning", code: "env-file", message: warning.message, hint: warning.hint });
  }
  if (parsed.category !== undefined)
    context.events({
      type: "warning",
      code: "env-file",
      message: `\`category: ${parsed.category}\` has no effect: all dependencies of the file are taken`,
    });
  inputs.specs.push(...parsed.dependencies);
  for (const channel of parsed.channels)
    if (!inputs.channels.includes(channel)) inputs.channels.push(channel);
  for (const platform of parsed.platforms ?? [])
    if (!inputs.platforms.includes(platform)) inputs.platforms.push(platform);
  inputs.nodefaults ||= parsed.nodefaults;
  if (parsed.pip?.length) {
    inputs.pip.push(...parsed.pip);
    inputs.pipDirectory ??= directoryOf(file, context);
  }
  Object.assign(inputs.variables, parsed.variables);
  inputs.name ??= parsed.name;
  inputs.prefix ??= parsed.prefix;
}

function isUrl(file: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(file);
}

/** YAML by its ending; text without one (standard input, URLs) by a key in the first column. */
function isEnvironmentFile(file: string, text: string): boolean {
  if (/\.ya?ml([?#].*)?$/i.test(file)) return true;
  if (/\.txt([?#].*)?$/i.test(file) || /^\s*@EXPLICIT\s*$/m.test(text)) return false;
  return /^(dependencies|channels|name|prefix|variables)\s*:/m.test(text);
}

async function readSource(file: string, sources: InputSources, context: InputContext): Promise<string> {
  if (file === "-") return (await sources.readStdin?.()) ?? "";
  return readTextSource(file, context);
}

/** The text of a file of this machine or of a URL, at most 16 MiB. Throws `env-file-invalid` and `http-error`. */
export async function readTextSource(file: string, context: InputContext): Promise<string> {
  if (isUrl(file) && !file.startsWith("file://")) {
    const response = await context.resources.http().fetch(file, { signal: context.signal });
    const bytes = await response.bytes(16 * 1024 * 1024);
    if (response.status !== 200)
      throw new ToolError(
        "http-error",
        `cannot read \`${response.url}\`: the server answered ${response.status}`,
      );
    return new TextDecoder().decode(bytes);
  }
  const path = file.startsWith("file://")
    ? fileUrlPath(file, "env-file-invalid")
    : file.startsWith("~/")
      ? join(context.home, file.slice(2))
      : file;
  const absolute = isAbsolute(path) ? path : resolve(context.cwd, path);
  const text = await readText(absolute);
  if (text === undefined) {
    const near = similarNames(absolute.split(/[/\\]/).at(-1)!, await listDir(resolve(absolute, "..")));
    throw new ToolError("env-file-invalid", `there is no file \`${file}\``, {
      hint: near.length ? `did you mean \`${near[0]}\`?` : `paths count from ${context.cwd}`,
      details: { exception_name: "EnvironmentFileNotFound", filename: file },
    });
  }
  return text;
}
