import { type Channel, resolveChannels } from "../specs/channel.ts";
import type { ChannelConfig } from "../specs/channel-config.ts";
import { type CommandContext, platformOf } from "./context.ts";

/** What a channel's name depends on. */
export type ChannelPlaces = Pick<CommandContext, "config" | "cwd" | "home" | "hostPlatform">;

/** The channels that names mean in the configuration. Throws `channel-invalid`. */
export function channelsNamed(names: readonly string[], context: ChannelPlaces): Channel[] {
  const { config, home, cwd } = context;
  return resolveChannels([...names], channelRules(config), { platform: platformOf(context), home, cwd });
}

/** The part of the configuration that says what a channel's name means. */
function channelRules(config: CommandContext["config"]): ChannelConfig {
  return {
    channelAlias: config.channelAlias,
    customChannels: config.customChannels,
    customMultichannels: config.customMultichannels,
    defaultChannels: config.defaultChannels,
    mirroredChannels: config.mirroredChannels,
  };
}
