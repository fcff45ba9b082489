import { basename, join } from "node:path";
import { isWritable, pathKind } from "../fs/files.ts";
import { systemFacts } from "../host/system.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { redactUrl } from "../specs/credentials.ts";
import { chooseChannels } from "./channels.ts";
import { asMicromamba, type CommandContext, platformOf } from "./context.ts";
import { targetContext } from "./environment.ts";
import { knownEnvironments } from "./environments.ts";
import { relevantVariables } from "./relevant-variables.ts";
import { displayName, resolveTarget, type TargetOptions } from "./target.ts";
import { virtualPackages } from "./virtual-packages.ts";

export interface InfoResult {
  platform: string;
  rootPrefix: string;
  rootWritable: boolean;
  activePrefix: string | undefined;
  /** Its name, or the path of one that has none. */
  activeName: string | undefined;
  /** The environment that -n or -p names, else the active one, else the root prefix. */
  target: { prefix: string; name: string; state: "active" | "not env" | "not found" | "" };
  envsDirs: readonly string[];
  pkgsDirs: readonly string[];
  channels: readonly string[];
  configFiles: readonly string[];
  /** Where the user's own configuration would be, whether it is there or not. */
  userConfigFiles: readonly string[];
  virtualPackages: readonly { name: string; version: string; build: string }[];
  environments: readonly string[];
  nodeVersion: string;
  /** Numbers of the user and the group; there are none on Windows. */
  userIds: readonly [uid: number, gid: number] | undefined;
  /** CONDA_SHLVL; -1 outside an activated shell, as conda says. */
  shellLevel: number;
  offline: boolean;
  /** Variables that a conda-like program may heed, without secrets. */
  variables: Readonly<Record<string, string>>;
}

export async function info(
  request: { target: TargetOptions; configFiles: readonly string[] },
  context: CommandContext,
): Promise<InfoResult> {
  const { config } = context;
  const platform = platformOf(context);
  const { uid, gid } = systemFacts();
  const activePrefix = context.env["CONDA_PREFIX"] || undefined;
  const channels = config.channels.length
    ? chooseChannels({ channels: [], fileChannels: [], nodefaults: false }, context)
    : [];
  return {
    platform,
    rootPrefix: config.rootPrefix,
    rootWritable: await isWritable(config.rootPrefix),
    activePrefix,
    activeName: activePrefix && displayName(activePrefix, config),
    target: await describeTarget(request.target, context),
    envsDirs: config.envsDirs,
    pkgsDirs: config.pkgsDirs,
    channels: channels.flatMap((channel) => channel.urls(platform).map((entry) => redactUrl(entry.url))),
    configFiles: request.configFiles,
    userConfigFiles: (asMicromamba(context) ? [".mambarc"] : [".condarc", ".mambarc"]).map((name) =>
      join(context.home, name),
    ),
    virtualPackages: virtualPackages(context),
    environments: await knownEnvironments(context),
    nodeVersion: process.versions.node,
    userIds: uid === undefined || gid === undefined ? undefined : [uid, gid],
    shellLevel: Number.parseInt(context.env["CONDA_SHLVL"] ?? "", 10) || -1,
    offline: config.offline,
    variables: relevantVariables(context.env),
  };
}

async function describeTarget(target: TargetOptions, context: CommandContext): Promise<InfoResult["target"]> {
  const prefix = (await resolveTarget(target, targetContext(context))) ?? context.config.rootPrefix;
  const known = displayName(prefix, context.config);
  const name = known === prefix ? basename(prefix) : known;
  if (prefix === context.env["CONDA_PREFIX"]) return { prefix, name, state: "active" };
  if (await isEnvironment(prefix)) return { prefix, name, state: "" };
  return { prefix, name, state: (await pathKind(prefix)) === undefined ? "not found" : "not env" };
}
