import { ToolError } from "../errors.ts";
import type { Channel } from "../specs/channel.ts";
import { type MatchSpec, matchSpecMatches, parseMatchSpec } from "../specs/match-spec.ts";
import { filterIndex, type PackageIndex } from "../specs/package-index.ts";
import { channelUrl, type RepoDataRecord } from "../specs/records.ts";
import { trimTrailingSlashes } from "../specs/slashes.ts";
import { type ChannelPlaces, channelsNamed } from "./channel-rules.ts";

/** Throws `channel-invalid` for a channel that `allowlist_channels` leaves out or `denylist_channels` names. */
export function checkChannels(
  channels: readonly Pick<Channel, "name" | "baseUrl">[],
  context: ChannelPlaces,
): void {
  const { allowlistChannels, denylistChannels } = context.config;
  if (allowlistChannels.length === 0 && denylistChannels.length === 0) return;
  const allowed = baseUrls(allowlistChannels, context);
  const denied = baseUrls(denylistChannels, context);
  for (const { name, baseUrl } of channels) {
    const url = trimTrailingSlashes(baseUrl);
    if (denied.has(url)) throw refusal(name, "is denied by `denylist_channels`");
    if (allowed.size > 0 && !allowed.has(url)) throw refusal(name, "is not among `allowlist_channels`");
  }
}

/** Base URLs of channels that are named as the configuration names them. */
export function baseUrls(names: readonly string[], context: ChannelPlaces): Set<string> {
  return new Set(channelsNamed(names, context).map((channel) => trimTrailingSlashes(channel.baseUrl)));
}

function refusal(name: string, reason: string): ToolError {
  return new ToolError("channel-invalid", `channel \`${name}\` ${reason}`, {
    hint: "`config list allowlist_channels denylist_channels -s` says who decided so",
  });
}

/**
 * Throws when a package is disallowed or comes from a refused channel. Asked of everything that is about to be installed, by
 * whatever way it was chosen: a solve, a URL, a lock file.
 */
export function checkRecords(records: readonly RepoDataRecord[], context: ChannelPlaces): void {
  const disallowed = disallowedSpecs(context);
  for (const record of records) {
    const spec = disallowed.find((candidate) => matchSpecMatches(candidate, record));
    if (spec) {
      throw new ToolError(
        "unsatisfiable",
        `\`${record.fn}\` is refused by \`${spec.source}\` of \`disallowed_packages\``,
        {
          hint: "`config list disallowed_packages -s` says who decided so",
        },
      );
    }
  }
  const channels = new Map(records.map((record) => [channelUrl(record), record]));
  checkChannels(
    [...channels].map(([baseUrl, record]) => ({ name: record.channel, baseUrl })),
    context,
  );
}

function disallowedSpecs(context: ChannelPlaces): MatchSpec[] {
  return context.config.disallowedPackages.map((text) => parseMatchSpec(text));
}

/** The indexes without disallowed packages, so that a solve finds others. */
export function allowedIndexes(indexes: PackageIndex[], context: ChannelPlaces): PackageIndex[] {
  const disallowed = disallowedSpecs(context);
  if (disallowed.length === 0) return indexes;
  const allowed = (record: RepoDataRecord): boolean =>
    !disallowed.some((spec) => matchSpecMatches(spec, record));
  return indexes.map((index) => filterIndex(index, allowed));
}
