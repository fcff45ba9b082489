import type { OptionSpec } from "./options.ts";
import type { CommandSpec } from "./verbs.ts";

const WHERE: OptionSpec[] = [
  { flags: "--file <path>", help: "edit this file (default: ~/.condarc)" },
  { flags: "--system", help: "edit the file of the root prefix" },
  { flags: "--env", help: "edit the file of the active environment" },
];

const DETAILS: OptionSpec[] = [
  { flags: "-l, --long-descriptions", help: "with long descriptions" },
  { flags: "-g, --groups", help: "in groups" },
];

const LIST_OPTIONS: OptionSpec[] = [
  { flags: "-a, --all", help: "also keys that have their default value" },
  { flags: "-s, --sources", help: "say where each value comes from" },
  { flags: "-d, --descriptions", help: "with descriptions" },
  ...DETAILS,
];

/** Keys and values are read after the file that they repair, so a broken file must not stop them. */
const always = () => true;

function editCommand(
  name: string,
  rest: Pick<CommandSpec, "summary" | "args" | "argsHelp" | "examples">,
): CommandSpec {
  return {
    name,
    ...rest,
    groups: ["general"],
    options: WHERE,
    ignoreRc: always,
    load: () => import("./verbs/config-edit.ts"),
  };
}

const showConfig = () => import("./verbs/config-show.ts");

/** What of conda's `config` is about the one file, which may be broken. */
function readsFile(options: Readonly<Record<string, unknown>>): boolean {
  const words = ["get", "set", "add", "append", "remove", "removeKey", "stdin", "describe", "writeDefault"];
  return words.some((word) => options[word] !== undefined);
}

export const config: CommandSpec = {
  name: "config",
  summary: "show and edit configuration files",
  description:
    "Show the configuration and where it comes from, and edit condarc files. Both micromamba's commands and conda's options work.",
  args: "[command]",
  argsHelp: "list, sources, describe, get, set, append, prepend, remove, remove-key",
  groups: ["prefix", "general"],
  options: [
    { flags: "--show [keys...]", help: "values in use, of all keys or of these" },
    { flags: "--show-sources", help: "what each file, variable and option says" },
    { flags: "--describe [keys...]", help: "what keys mean" },
    { flags: "--get [keys...]", help: "what the file says" },
    { flags: "--set <key> <value>", help: "set a key", repeat: true, values: 2 },
    {
      flags: "--add <key> <value>",
      help: "add a value to the start of a list",
      repeat: true,
      values: 2,
      also: ["--prepend"],
    },
    { flags: "--append <key> <value>", help: "add a value to the end of a list", repeat: true, values: 2 },
    { flags: "--remove <key> <value>", help: "remove a value from a list", repeat: true, values: 2 },
    { flags: "--remove-key <key>", help: "remove a key and all its values", repeat: true },
    { flags: "--validate", help: "check every configuration file" },
    { flags: "--stdin", help: "set what the YAML on standard input says" },
    { flags: "--write-default", help: "write every key with its default, as comments, into a new file" },
    ...WHERE,
  ],
  ignoreRc: readsFile,
  examples: [
    "config list --sources",
    "config set channel_priority strict",
    "config append channels bioconda",
    "config --set always_yes yes --add channels conda-forge",
    "config --show channels",
  ],
  load: () => import("./verbs/config.ts"),
  commands: [
    {
      name: "list",
      summary: "list keys that are set, and their values",
      args: "[keys...]",
      argsHelp: "only these keys",
      groups: ["prefix", "offline", "general", "looking"],
      options: LIST_OPTIONS,
      examples: ["config list", "config list --all --descriptions", "config list channels --sources"],
      load: showConfig,
    },
    {
      name: "sources",
      summary: "list the configuration files that are read, highest precedence first",
      args: null,
      groups: ["prefix", "general", "looking"],
      examples: ["config sources", "config sources -n sci"],
      load: showConfig,
    },
    {
      name: "describe",
      summary: "say what keys mean",
      args: "[keys...]",
      argsHelp: "only these keys",
      groups: ["general"],
      options: [{ flags: "-d, --descriptions", help: "with descriptions" }, ...DETAILS],
      ignoreRc: always,
      examples: ["config describe channel_priority"],
      load: showConfig,
    },
    editCommand("get", {
      summary: "print what the file says of a key",
      args: "[key...]",
      argsHelp: "KEY",
      examples: ["config get channels"],
    }),
    editCommand("set", {
      summary: "set a key",
      args: "[words...]",
      argsHelp: "KEY VALUE; KEY.NAME for an entry of a map",
      examples: ["config set channel_priority strict", "config set proxy_servers.https http://proxy:3128"],
    }),
    editCommand("append", {
      summary: "add a value to the end of a list",
      args: "[words...]",
      argsHelp: "KEY VALUE [KEY VALUE ...]",
      examples: ["config append channels bioconda"],
    }),
    editCommand("prepend", {
      summary: "add a value to the start of a list",
      args: "[words...]",
      argsHelp: "KEY VALUE [KEY VALUE ...]",
      examples: ["config prepend channels my-channel"],
    }),
    editCommand("remove", {
      summary: "remove a value from a list",
      args: "[words...]",
      argsHelp: "KEY VALUE",
      examples: ["config remove channels defaults"],
    }),
    editCommand("remove-key", {
      summary: "remove a key",
      args: "[key...]",
      argsHelp: "KEY",
      examples: ["config remove-key channel_alias"],
    }),
  ],
};
