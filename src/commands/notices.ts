import {
  type ChannelNotice,
  fetchNotices,
  type PendingNotices,
  requestNotices,
} from "../repodata/notices.ts";
import type { Channel } from "../specs/channel.ts";
import { chooseChannels, writableMetadataDir } from "./channels.ts";
import type { CommandContext } from "./context.ts";

/** Messages of the channels' owners (CEP 6), newest first: all that have not expired, seen before or not. */
export async function notices(
  channels: readonly string[],
  context: CommandContext,
): Promise<ChannelNotice[]> {
  const chosen = chooseChannels({ channels, fileChannels: [], nodefaults: false }, context);
  context.resources.useChannels(chosen);
  const cacheDir = await writableMetadataDir(context);
  return fetchNotices(
    chosen,
    { limit: 1000, unseenOnly: false, interval: 0 },
    {
      http: context.resources.http(),
      cacheDir,
      signal: context.signal,
      onUnanswered: (channel) =>
        context.events({
          type: "warning",
          code: "channel-notice",
          message: `the channel \`${channel}\` did not answer: what is shown of it is what it said before`,
        }),
    },
  );
}

/**
 * Asks the channels of a command for notices that were not shown yet, while it goes on. None with --json, --quiet and --offline, and
 * with `number_channel_notices: 0`.
 */
async function startNotices(
  channels: readonly Channel[],
  context: CommandContext,
): Promise<PendingNotices | undefined> {
  const { config, resources, signal } = context;
  const { numberChannelNotices: limit, json, quiet, offline } = config;
  if (limit <= 0 || json || quiet || offline || channels.length === 0) return undefined;
  // The plan does so only later, and what a URL of a channel says of its user counts for its notices, too.
  resources.useChannels(channels);
  const cacheDir = await writableMetadataDir(context);
  return requestNotices(channels, { limit }, { http: resources.http(), cacheDir, signal });
}

/** Tells of the notices that have arrived, as conda does: once each. */
export async function showNotices(
  pending: PendingNotices,
  { events }: Pick<CommandContext, "events">,
): Promise<void> {
  const { notices, more } = await pending.take();
  for (const { channel, level, message } of notices) {
    const text = `the channel \`${channel}\` says: ${message}`;
    if (level === "info") events({ type: "note", message: text });
    else events({ type: "warning", code: "channel-notice", message: text });
  }
  if (more > 0)
    events({
      type: "note",
      message: `there are ${more} more messages of channels: \`taipan notices\` shows them`,
    });
}

/** Makes a plan while the channels are asked for notices, which then wait in it. */
export async function withNotices<P extends object>(
  channels: readonly Channel[],
  context: CommandContext,
  plan: () => Promise<P>,
): Promise<P & { notices?: PendingNotices | undefined }> {
  const notices = await startNotices(channels, context);
  try {
    return { ...(await plan()), notices };
  } catch (error) {
    notices?.cancel();
    throw error;
  }
}
