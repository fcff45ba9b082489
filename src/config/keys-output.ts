import { boolean, integer, list, named, oneOf, string } from "./key-types.ts";

const flag = { rc: false, env: "none" } as const;

/** What is shown and asked, shells, and where configuration comes from. */
export const OUTPUT_KEYS = named({
  always_yes: boolean("Output, Prompt and Flow Control", false, "Answer yes to every question", {
    aliases: ["yes"],
  }),
  auto_activate_base: boolean(
    "Output, Prompt and Flow Control",
    false,
    "Activate an environment when a shell starts",
    {
      aliases: ["auto_activate"],
    },
  ),
  default_activation_env: string(
    "Output, Prompt and Flow Control",
    "base",
    "The environment activated without a name",
    {
      env: "none",
    },
  ),
  auto_stack: integer("Output, Prompt and Flow Control", 0, "Stack environments up to this CONDA_SHLVL", {
    env: "none",
  }),
  dry_run: boolean("Output, Prompt and Flow Control", false, "Show what would be done and do nothing", {
    rc: false,
  }),
  download_only: boolean("Output, Prompt and Flow Control", false, "Download and extract, but do not link", {
    rc: false,
  }),
  log_level: oneOf(
    "Output, Prompt and Flow Control",
    ["critical", "error", "warning", "info", "debug", "trace", "off"],
    "warning",
    "Least level of messages that are printed",
  ),
  log_backtrace: integer(
    "Output, Prompt and Flow Control",
    0,
    "Number of the last messages of -vvv that are printed before an error",
  ),
  log_pattern: string("Output, Prompt and Flow Control", "%^%-9!l%-8n%$ %v", "Pattern of messages", {
    noEffect: "messages have one form; --json-events has the same as data",
  }),
  json: boolean("Output, Prompt and Flow Control", false, "Print one JSON document"),
  progress: oneOf(
    "Output, Prompt and Flow Control",
    ["auto", "plain", "tty", "json", "none"],
    "auto",
    "How progress is shown",
    { env: "none" },
  ),
  changeps1: boolean("Output, Prompt and Flow Control", true, "Show the active environment in the prompt", {
    aliases: ["change_ps1"],
  }),
  shell_completion: boolean("Output, Prompt and Flow Control", true, "Add tab completion to the shell hook"),
  env_prompt: string(
    "Output, Prompt and Flow Control",
    "({default_env}) ",
    "Template of the environment in the prompt",
    {
      details:
        "{prefix} is the path of the environment, {name} its last part, {default_env} the name of a named\nenvironment and the path of any other.",
    },
  ),
  envvars_force_uppercase: boolean(
    "Output, Prompt and Flow Control",
    false,
    "Let `env config vars set` write names of variables in upper case",
    { env: "none", defaultText: "true when run as `conda`, `mamba` or `micromamba`, else false" },
  ),
  show_channel_urls: boolean(
    "Output, Prompt and Flow Control",
    false,
    "Show the URLs of channels in lists and transactions, instead of their names",
    { env: "none" },
  ),
  quiet: boolean("Output, Prompt and Flow Control", false, "Print less"),
  verbose: integer("Output, Prompt and Flow Control", 0, "How much more to print", {
    rc: false,
    env: "none",
    aliases: ["verbosity"],
  }),
  show_banner: boolean(
    "Output, Prompt and Flow Control",
    true,
    "Accepted for micromamba's sake; there is no banner",
  ),
  print_config_only: boolean(
    "Output, Prompt and Flow Control",
    false,
    "Print the configuration and stop",
    flag,
  ),
  print_context_only: boolean("Output, Prompt and Flow Control", false, "Print the context and stop", flag),
  show_all_configs: boolean(
    "Output, Prompt and Flow Control",
    false,
    "List keys that no file may hold, too",
    flag,
  ),
  show_all_rc_configs: boolean(
    "Output, Prompt and Flow Control",
    false,
    "List keys with default values, too",
    flag,
  ),
  show_config_descriptions: boolean(
    "Output, Prompt and Flow Control",
    false,
    "List descriptions of keys",
    flag,
  ),
  show_config_groups: boolean("Output, Prompt and Flow Control", false, "List groups of keys", flag),
  show_config_long_descriptions: boolean(
    "Output, Prompt and Flow Control",
    false,
    "List long descriptions",
    flag,
  ),
  show_config_sources: boolean("Output, Prompt and Flow Control", false, "List where values come from", flag),
  show_config_values: boolean("Output, Prompt and Flow Control", false, "List values", flag),

  rc_files: list("Config sources", [], "The condarc files to read instead of the search path", {
    rc: false,
    env: ["MAMBARC", "CONDARC"],
    path: true,
  }),
  override_rc_files: boolean("Config sources", true, "Let the file of highest precedence win", { rc: false }),
  no_rc: boolean("Config sources", false, "Read no condarc file", { rc: false }),
  no_env: boolean("Config sources", false, "Read no environment variable", { rc: false }),
});
