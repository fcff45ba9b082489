import { all, expectEqual, failed, passed } from "./support.mjs";

/** Channel names, URLs and paths; credentials; which channel a record belongs to. */
export function run(item, { library }) {
  const check = CHECKS[item.kind];
  return check ? check(item, library) : failed(`unknown kind \`${item.kind}\``);
}

const CHECKS = {
  resolve: checkResolve,
  resolve_with_auth: checkAuth,
  redact: checkRedact,
  contains_package: checkContains,
  channel_match: ({ spec_channel, record_channel, expect, ...item }, { isSameChannel }) =>
    expectEqual(isSameChannel(spec_channel, record_channel, configOf(item), contextOf(item)), expect),
  prioritize_channels: (item, { resolveChannels }) =>
    expectEqual(
      resolveChannels(item.channels, configOf(item), contextOf(item)).map((channel) => channel.name),
      item.expect_order,
    ),
};

function configOf({ config = {} }) {
  return {
    channelAlias: config.channel_alias ?? "https://conda.anaconda.org",
    customChannels: config.custom_channels ?? {},
    customMultichannels: config.custom_multichannels ?? {},
    defaultChannels: config.default_channels ?? [],
    mirroredChannels: config.mirrored_channels ?? {},
  };
}

function contextOf({ env = {}, auth }) {
  return {
    platform: env.subdir ?? "linux-64",
    home: env.home ?? "/home/user",
    cwd: env.cwd ?? "/cwd",
    ...(auth ? { authentication: auth } : {}),
  };
}

/** The order of a channel's subdirs means nothing, that of channels does. */
function checkResolve(item, library) {
  const actual = resolved(item, library);
  const wanted = item.expect ? [item.expect] : item.expect_any_of;
  const results = wanted.map((expect) => compareResolved(actual, expect));
  return (
    results.find(({ status }) => status === "passed") ?? results[0] ?? failed("the case expects nothing")
  );
}

function resolved(item, { resolveChannel, withCredentials }) {
  const context = contextOf(item);
  try {
    const channels = resolveChannel(item.channel, configOf(item), context);
    const urls = channels.map((channel) =>
      channel
        .urls(context.platform)
        .map(({ url }) => withCredentials(url, channel.auth))
        .sort(),
    );
    return {
      status: "ok",
      platform_urls: urls.flat(),
      base_urls: channels.map((channel) => channel.baseUrl),
      names: channels.map((channel) => channel.name),
    };
  } catch (error) {
    if (error?.name !== "ToolError") throw error;
    return { status: "error", message: error.message };
  }
}

function compareResolved(actual, expect) {
  if (actual.status !== expect.status) return failed(`status ${actual.status}: ${actual.message ?? "ok"}`);
  const keys = ["base_urls", "names"].filter((key) => expect[key]);
  return all([
    ...(expect.platform_urls
      ? [expectEqual([...actual.platform_urls].sort(), [...expect.platform_urls].sort(), "platform_urls")]
      : []),
    ...keys.map((key) => expectEqual(actual[key], expect[key], key)),
  ]);
}

function checkAuth(item, { resolveChannel, withCredentials }) {
  const [channel] = resolveChannel(item.channel, configOf(item), contextOf(item));
  const actual = {
    url_with_credentials: withCredentials(channel.baseUrl, channel.auth),
    display_name: channel.name,
    base_url: channel.baseUrl,
  };
  return all(Object.entries(item.expect).map(([key, value]) => expectEqual(actual[key], value, key)));
}

/** The mask is ours to choose; what the peers hide must be hidden. */
function checkRedact({ url, expect }, { redactUrl, splitCredentials }) {
  const { auth = {} } = splitCredentials(url);
  const secrets = [auth.password, auth.token, auth.query, auth.password ? undefined : auth.user].filter(
    Boolean,
  );
  if (/\*{3}/.test(expect) && secrets.length === 0) return failed("no secret was found in the URL");
  const shown = redactUrl(url);
  const leaked = secrets.find((secret) => shown.includes(secret));
  return leaked ? failed(`\`${shown}\` shows a secret`) : passed;
}

function checkContains(item, { resolveChannel, channelContains }) {
  const filter = item.platforms.length > 0 ? `[${item.platforms.join(",")}]` : "";
  const [channel] = resolveChannel(item.channel_url + filter, configOf(item), contextOf(item));
  return expectEqual(channelContains(channel, item.package_url, "linux-64"), item.expect);
}
