import type { Channel, ChannelContext } from "./channel.ts";
import { resolveChannel } from "./channel.ts";
import { type ChannelConfig, DEFAULT_CHANNEL_CONFIG } from "./channel-config.ts";
import { splitCredentials } from "./credentials.ts";
import { trimTrailingSlashes } from "./slashes.ts";

export type Containment = "full" | "in_other_platform" | "no";

/** Whether a package URL lies in the channel, and in one of the subdirs that are loaded for it. */
export function channelContains(channel: Channel, packageUrl: string, platform: string): Containment {
  const url = splitCredentials(packageUrl).url.replace(/#.*$/, "");
  if (channel.packageUrl !== undefined) return url === channel.packageUrl ? "full" : "no";
  if (channel.baseUrl === "" || !url.startsWith(`${channel.baseUrl.replace(/\/$/, "")}/`)) return "no";
  return channel.urls(platform).some((subdir) => url.startsWith(`${subdir.url}/`))
    ? "full"
    : "in_other_platform";
}

/**
 * Whether a channel named in a MatchSpec (`conda-forge::`, a URL, a multichannel) is the channel of a record, given as
 * its canonical name or base URL. A bare name also stands for a URL that ends in it, as in conda.
 */
export function isSameChannel(
  specChannel: string,
  recordChannel: string,
  config: ChannelConfig = DEFAULT_CHANNEL_CONFIG,
  context: ChannelContext = { platform: "linux-64", home: "/", cwd: "/" },
): boolean {
  if (specChannel === recordChannel) return true;
  const wanted = tryResolve(specChannel, config, context);
  const actual = tryResolve(recordChannel, config, context);
  const bare =
    /^[^:\\~.]*$/.test(specChannel) && !specChannel.startsWith("/")
      ? trimTrailingSlashes(specChannel)
      : undefined;
  return actual.some((channel) =>
    wanted.some(
      (other) =>
        other.baseUrl === channel.baseUrl ||
        (bare !== undefined && channel.name === channel.baseUrl && channel.baseUrl.endsWith(`/${bare}`)),
    ),
  );
}

function tryResolve(text: string, config: ChannelConfig, context: ChannelContext): Channel[] {
  try {
    return resolveChannel(text, config, context);
  } catch {
    return [];
  }
}
