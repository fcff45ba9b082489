import { join } from "node:path";
import type { LinkOptions } from "../prefix/options.ts";
import { asMicromamba, type CommandContext, platformOf } from "./context.ts";

/** The part of the configuration that linking reads. */
export function linkOptions(context: CommandContext): LinkOptions {
  const { config } = context;
  return {
    platform: platformOf(context),
    compilePyc: config.compilePyc,
    alwaysCopy: config.alwaysCopy,
    alwaysSoftlink: config.alwaysSoftlink,
    allowSoftlinks: config.allowSoftlinks,
    linkScripts: config.skipRunLinkScripts ? "skip" : config.linkScripts,
    pathConflict: config.pathConflict,
    shortcuts: config.shortcuts,
    extraSafetyChecks: config.extraSafetyChecks,
    overrideFrozen: !config.protectFrozenEnvs,
    lockTimeout: config.lockTimeout,
    rootPrefix: config.rootPrefix,
    relocatePrefix: config.relocatePrefix || undefined,
    environmentsTxt: config.registerEnvs ? join(context.home, ".conda", "environments.txt") : undefined,
    env: context.env,
    historyUrls: asMicromamba(context),
  };
}
