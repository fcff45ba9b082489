import { loadConfig } from "../config/config.ts";
import type { ConfigValues } from "../config/keys.ts";
import { type EventSink, ignoreEvents } from "../events.ts";
import { homeDirectory } from "../host/system.ts";
import { redactText } from "../specs/credentials.ts";
import { hostPlatform } from "../specs/platform.ts";
import type { ChangePlan } from "./change.ts";
import type { CommandContext } from "./context.ts";
import { openResources } from "./resources.ts";
import { resolveTarget } from "./target.ts";

/** What a program that uses the library may decide; everything has a default. */
export interface LibraryOptions {
  /** Configuration by camel-case key, above condarc files and variables. */
  config?: Partial<ConfigValues>;
  /** Read condarc files; default false: a library's result should not depend on them unasked. */
  readRcFiles?: boolean;
  /** Variables of the environment that count, such as `process.env`; default none but what finds programs. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  events?: EventSink;
  signal?: AbortSignal;
  /** Called with the plan before anything changes; default: go on. */
  confirm?: (plan: ChangePlan) => Promise<boolean>;
  /** For conda-meta/history; default `taipan (library)`. */
  commandLine?: readonly string[];
}

/**
 * A context for `create`, `install`, `remove`, `search` and the other commands. Close `context.resources` afterwards:
 * it holds connections and worker threads. Throws `config-invalid`.
 */
export function createContext(options: LibraryOptions = {}): CommandContext {
  const env = options.env ?? {};
  const home = homeDirectory(env);
  const cwd = options.cwd ?? process.cwd();
  const platform = hostPlatform(process.platform, process.arch);
  const events = options.events ?? ignoreEvents;
  const config = loadConfig({
    env,
    home,
    cwd,
    platform,
    overrides: options.config ?? {},
    noRc: options.readRcFiles !== true,
  });
  for (const { code, message, hint } of config.warnings) events({ type: "warning", code, message, hint });
  return {
    config: config.values,
    env,
    cwd,
    home,
    hostPlatform: platform,
    commandLine: (options.commandLine ?? ["taipan (library)"]).map(redactText),
    events,
    signal: options.signal ?? new AbortController().signal,
    resources: openResources(config.values, { env, home, events }),
    channelsAreDefault: config.detail("channels") === undefined,
    confirm: options.confirm ?? (async () => true),
  };
}

/** Absolute path of the environment that a name or path means to `context`. */
export async function prefixOf(
  target: { name?: string; prefix?: string },
  context: CommandContext,
): Promise<string | undefined> {
  const { rootPrefix, envsDirs } = context.config;
  return resolveTarget(target, { rootPrefix, envsDirs, cwd: context.cwd, home: context.home });
}

/** A `readStdin` for intents that read no standard input. */
export const noStdin = async (): Promise<string> => "";
