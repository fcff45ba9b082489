import type { Dialect } from "../config/assemble.ts";
import type { ConfigValues } from "../config/keys.ts";
import type { EventSink } from "../events.ts";
import type { HttpClient } from "../net/http.ts";
import type { Channel } from "../specs/channel.ts";
import type { Platform } from "../specs/platform.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import type { ChangePlan } from "./change.ts";

/** What every command is given besides its intent. Made by the CLI, or by a program that uses the library. */
export interface CommandContext {
  config: ConfigValues;
  /** The environment of the calling process, for programs that are started and for virtual packages. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  home: string;
  hostPlatform: Platform;
  /** What is written to conda-meta/history as the command. */
  commandLine: readonly string[];
  events: EventSink;
  signal: AbortSignal;
  resources: Resources;
  /** The name that the program is run by: where the peers' rules differ, it decides. Default: `taipan`. */
  dialect?: Dialect;
  /** No source names channels: the built-in default counts only where the request names none either. */
  channelsAreDefault?: boolean;
  /** Asked before anything changes; true means go on. */
  confirm(plan: ChangePlan): Promise<boolean>;
}

/** Things with a lifetime, opened when first used and closed with the command. */
export interface Resources {
  http(): HttpClient;
  pool(): WorkerPool;
  /** Damaged entries of package caches, which are told of once. */
  brokenEntries: Set<string>;
  /** Makes the channels' credentials known to the HTTP client. */
  useChannels(channels: readonly Channel[]): void;
  /** A directory that lives as long as the command, for what no package cache can keep. */
  temporaryDir(): Promise<string>;
  close(): Promise<void>;
}

/** Run by a name of mamba's: where its rules are narrower than ours they hold, as scripts written for it expect. */
export function asMicromamba({ dialect }: Pick<CommandContext, "dialect">): boolean {
  return dialect === "micromamba" || dialect === "mamba";
}

/** The platform that is installed for. */
export function platformOf(context: Pick<CommandContext, "config" | "hostPlatform">): string {
  return context.config.platform || context.hostPlatform;
}
