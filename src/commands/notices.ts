import { join } from "node:path";
import { type ChannelNotice, fetchNotices } from "../repodata/notices.ts";
import { chooseChannels, writablePkgsDir } from "./channels.ts";
import type { CommandContext } from "./context.ts";

/** Messages of the channels' owners (CEP 6), newest first: all that have not expired, seen before or not. */
export async function notices(
  channels: readonly string[],
  context: CommandContext,
): Promise<ChannelNotice[]> {
  const chosen = chooseChannels({ channels, fileChannels: [], nodefaults: false }, context);
  context.resources.useChannels(chosen);
  const cacheDir = join(await writablePkgsDir(context.config.pkgsDirs), "cache");
  return fetchNotices(
    chosen,
    { limit: 1000, unseenOnly: false, interval: 0 },
    { http: context.resources.http(), cacheDir, signal: context.signal },
  );
}
