import { join } from "node:path";
import { isWritable } from "../fs/files.ts";
import { detectVirtualPackages } from "../host/virtual-packages.ts";
import { readEnvironmentsTxt } from "../prefix/environments-txt.ts";
import { redactUrl } from "../specs/credentials.ts";
import { chooseChannels } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { platformOf } from "./solve-change.ts";
import { displayName, listEnvironments } from "./target.ts";

export interface InfoResult {
  platform: string;
  rootPrefix: string;
  rootWritable: boolean;
  activePrefix: string | undefined;
  environment: string | undefined;
  envsDirs: readonly string[];
  pkgsDirs: readonly string[];
  channels: readonly string[];
  configFiles: readonly string[];
  virtualPackages: readonly { name: string; version: string; build: string }[];
  environments: readonly string[];
  nodeVersion: string;
  offline: boolean;
}

export async function info(configFiles: readonly string[], context: CommandContext): Promise<InfoResult> {
  const { config } = context;
  const platform = platformOf(context);
  const activePrefix = context.env["CONDA_PREFIX"] || undefined;
  const channels = config.channels.length
    ? chooseChannels({ channels: [], fileChannels: [], nodefaults: false }, context)
    : [];
  return {
    platform,
    rootPrefix: config.rootPrefix,
    rootWritable: await isWritable(config.rootPrefix),
    activePrefix,
    environment: activePrefix && displayName(activePrefix, config),
    envsDirs: config.envsDirs,
    pkgsDirs: config.pkgsDirs,
    channels: channels.flatMap((channel) => channel.urls(platform).map((entry) => redactUrl(entry.url))),
    configFiles,
    virtualPackages: detectVirtualPackages({
      env: context.env,
      platform,
      hostPlatform: context.hostPlatform,
    }),
    environments: await knownEnvironments(context),
    nodeVersion: process.versions.node,
    offline: config.offline,
  };
}

/** Every environment that taipan can find: below the envs_dirs and in ~/.conda/environments.txt. */
export async function knownEnvironments(context: Pick<CommandContext, "config" | "home">): Promise<string[]> {
  const registered = await readEnvironmentsTxt(join(context.home, ".conda", "environments.txt"));
  return listEnvironments(registered, context.config);
}
