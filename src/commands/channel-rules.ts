import type { ChannelConfig } from "../specs/channel-config.ts";
import type { CommandContext } from "./context.ts";

/** The part of the configuration that says what a channel's name means. */
export function channelRules(config: CommandContext["config"]): ChannelConfig {
  return {
    channelAlias: config.channelAlias,
    customChannels: config.customChannels,
    customMultichannels: config.customMultichannels,
    defaultChannels: config.defaultChannels,
    mirroredChannels: config.mirroredChannels,
  };
}
