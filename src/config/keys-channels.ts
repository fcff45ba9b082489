import {
  boolean,
  integer,
  list,
  listMap,
  map,
  named,
  number,
  oneOf,
  settings,
  sslVerify,
  string,
} from "./key-types.ts";

/** Where packages come from: channels, repodata, network. */
export const CHANNEL_KEYS = named({
  channels: list("Channels", ["conda-forge"], "Define the list of channels", {
    details: "The list of channels where the packages will be searched for.\nSee also 'channel_priority'.",
    env: ["CONDA_CHANNELS"],
    aliases: ["channel"],
  }),
  channel_alias: string("Channels", "https://conda.anaconda.org", "URL put before a bare channel name"),
  default_channels: list("Channels", [], "Channels that the name 'defaults' stands for", {
    defaultText: "pkgs/main and pkgs/r (and pkgs/msys2 on Windows) of https://repo.anaconda.com",
    details: "The list of channel names or URLs that the multichannel 'defaults' stands for.",
  }),
  custom_channels: map("Channels", "URLs of channels by name", {
    details: "A map of channel name to the URL below which that channel lives.",
  }),
  custom_multichannels: listMap("Channels", "Lists of channels by name", {
    details: "A map of a name to the list of channel names or URLs that it stands for.",
    env: "none",
  }),
  mirrored_channels: listMap("Channels", "Mirror URLs of channels by name", {
    details: "A map of channel name to the URLs that serve the same content; they are tried in order.",
    env: "none",
  }),
  override_channels_enabled: boolean("Channels", true, "Permit the option --override-channels"),
  override_channels: boolean("Channels", false, "Ignore the channels of condarc files", {
    rc: false,
    env: "none",
  }),
  allowlist_channels: list("Channels", [], "The only channels that may be used", {
    details:
      "When this list is not empty, a channel outside it is refused. Names and URLs are compared after expansion.",
    aliases: ["whitelist_channels"],
    env: "none",
  }),
  denylist_channels: list("Channels", [], "Channels that are refused", { env: "none" }),
  channel_settings: settings("Channels", "Settings of single channels", {
    details:
      "A list of maps, each with the key 'channel' (a name, a URL, or a URL with *) and 'auth': http-basic (with\n'username'), token or oauth2 as conda-auth stores them, or anaconda-auth. What they need is in the map ('password',\n'token'), in the system's keyring, which the program keyring is asked for, or in ~/.anaconda/keyring.",
    env: "none",
  }),
  add_anaconda_token: boolean(
    "Channels",
    true,
    "Add tokens that anaconda-client saved to the URLs of its channels",
    {
      aliases: ["add_binstar_token"],
      env: "none",
    },
  ),
  allow_non_channel_urls: boolean(
    "Channels",
    false,
    "Warn instead of failing when a channel has no repodata",
    { env: "none" },
  ),
  show_anaconda_channel_warnings: boolean(
    "Channels",
    true,
    "Warn about the terms of use of Anaconda's channels",
  ),
  number_channel_notices: integer(
    "Channels",
    5,
    "Most messages of channels' owners that create, install and update show; 0: none",
  ),

  repodata_use_zst: boolean("Repodata", true, "Fetch repodata.json.zst where a channel has it", {
    env: "none",
  }),
  repodata_has_zst: list(
    "Repodata",
    ["https://conda.anaconda.org/conda-forge"],
    "Channels known to have zst repodata; no channel needs to be listed",
    {
      details:
        "micromamba asks channels that are not listed whether they have repodata.json.zst.\nHere the file itself is asked for, and that a channel does not have it is remembered.",
      env: "none",
    },
  ),
  use_sharded_repodata: boolean("Repodata", true, "Fetch sharded repodata (CEP 16) where a channel has it", {
    aliases: ["repodata_use_shards"],
    env: ["MAMBA_USE_SHARDED_REPODATA", "MAMBA_REPODATA_USE_SHARDS"],
  }),
  repodata_shards_ttl: integer("Repodata", 1, "local_repodata_ttl of the indexes of sharded repodata", {
    defaultText: "the value of local_repodata_ttl",
  }),
  repodata_shards_threads: integer(
    "Repodata",
    0,
    "Most shards that are fetched at the same time; 0 chooses a number",
  ),
  repodata_fns: list("Repodata", ["repodata.json"], "File names of repodata, tried in order", {
    env: "none",
  }),
  channel_relations_max_depth: integer(
    "Repodata",
    10,
    "How far channels that name related ones (CEP 42) are followed; 0: not at all",
  ),
  use_index_cache: boolean("Repodata", false, "Use cached repodata even when it is stale", { env: "none" }),
  mamba_repodata_parsing: boolean("Basic", true, "Accepted for micromamba's sake; there is one parser", {
    env: "auto",
  }),

  cacert_path: string("Network", "", "File of certificates to trust instead of the system's", { path: true }),
  local_repodata_ttl: integer("Network", 1, "Seconds for which repodata is used without asking again", {
    details:
      "0 always asks the server (an answer 304 is respected). 1 respects the header Cache-Control: max-age.\nAny other positive number is the seconds for which cached repodata is used unchecked.",
    aliases: ["repodata_timeout_secs"],
    env: "none",
  }),
  offline: boolean("Network", false, "Do not use the network"),
  ssl_verify: sslVerify("Network", "Verify certificates of HTTPS servers", {
    details:
      "true, false, '<system>' or 'truststore' for the system's certificates, or the path of a file or directory of certificates.",
    aliases: ["verify_ssl"],
  }),
  ssl_no_revoke: boolean("Network", false, "Skip certificate revocation checks; there are none"),
  client_ssl_cert: string("Network", "", "File of the client certificate, for servers that ask for one", {
    aliases: ["client_cert"],
    env: "none",
    path: true,
  }),
  client_ssl_cert_key: string("Network", "", "File of the client certificate's private key", {
    aliases: ["client_cert_key"],
    env: "none",
    path: true,
  }),
  proxy_servers: map("Network", "Proxy URLs by scheme, or by scheme://host", {
    details:
      "A map whose keys are a scheme ('https'), 'all', or scheme://host, and whose values are proxy URLs,\noptionally with user:password.",
    env: "none",
  }),
  remote_connect_timeout_secs: number("Network", 10, "Seconds to wait for a connection"),
  remote_read_timeout_secs: number(
    "Network",
    60,
    "Seconds without any received byte after which a request fails",
    {
      env: "none",
    },
  ),
  remote_max_retries: integer("Network", 3, "Number of retries of a failed request"),
  remote_backoff_factor: number("Network", 3, "Factor by which the wait grows from one retry to the next"),
  pypi_name_mapping: string(
    "Channels",
    "",
    "File or URL that says which package of PyPI a conda package is, for `lock` with a `pip:` section",
    {
      details:
        "JSON or YAML: conda's names with PyPI's, or null (conda-pypi-map of pixi), or PyPI's names with maps that have\n'conda_name' (the look-up file of conda-lock). Others have the same name in both, but for a few that are known.",
    },
  ),
  channel_priority: oneOf(
    "Solver",
    ["strict", "flexible", "disabled"],
    "flexible",
    "How the order of channels counts",
    {
      details:
        "strict: packages of a lower channel are not considered when a higher channel has one of that name.\nflexible: a lower channel may be used when the higher one has no fitting package.\ndisabled: the version counts first, the channel only breaks ties.\ntrue means flexible, false means disabled.",
    },
  ),
});
