import { GROUPS, type OptionSpec, refused } from "./options.ts";
import type { CommandSpec } from "./verbs.ts";

/** Rows of the command table: lock files and exports. */
const exportOptions: OptionSpec[] = [
  {
    flags: "-f, --file <file>",
    help: "write to this file instead of standard output; its name tells the format",
  },
  { flags: "-c, --channel <channel>", help: "channel to name first (may be repeated)", repeat: true },
  { flags: "-O, --override-channels", help: "name only the channels given with -c" },
  { flags: "--no-builds", help: "without build strings", also: ["--no-build"] },
  { flags: "--md5", help: "with the MD5 sum of each package" },
  { flags: "--no-md5", help: "without hashes in an explicit list" },
  { flags: "--from-history", help: "only what was asked for" },
  { flags: "--channel-subdir", help: "with channel and subdir" },
  { flags: "--ignore-channels", help: "without channels in front of packages (default)" },
  {
    flags: "--platform <platform>",
    help: "only the platform that the environment is for; `lock --platform` solves for others",
    repeat: true,
    also: ["--subdir"],
    hidden: true,
  },
];

const formatOption: OptionSpec = {
  flags: "--format <format>",
  help: "environment-yml (default), environment-json, explicit, conda-lock, pixi-lock, mambajs-lock, cyclonedx-json or spdx-json",
};

/** The solver's options that mean something where nothing is installed. */
const solveOnly = GROUPS.solver.filter(({ flags }) =>
  /^--(no-deps|only-deps|strategy|exclude-newer|solver-timeout)\b/.test(flags),
);

export const envExport: CommandSpec = {
  name: "export",
  summary: "write an environment as a file",
  args: null,
  groups: ["prefix", "general", "looking"],
  options: [
    { flags: "-e, --explicit", help: "an @EXPLICIT list of URLs" },
    formatOption,
    { flags: "--build", help: "with build strings (default)", hidden: true },
    ...exportOptions,
  ],
  examples: [
    "env export -n sci > environment.yml",
    "env export -n sci --from-history",
    "env export -n sci --explicit > explicit.txt",
  ],
  load: () => import("./verbs/export.ts"),
};

export const LOCK_COMMANDS: readonly CommandSpec[] = [
  {
    name: "lock",
    summary: "solve for one or several platforms and write a lock file",
    description:
      "Solve for one or several platforms and write what was found as a lock file. No package is fetched and no environment is touched; `create -f` makes the environment from the lock.",
    argsHelp: "packages to lock",
    groups: ["dry", "offline", "channels", "network", "general"],
    options: [
      { flags: "-o, --output <file>", help: "lock file to write; - prints it (default conda-lock.yml)" },
      {
        flags: "--platform <platform>",
        help: "platform to solve for (may be repeated; default this one)",
        repeat: true,
        also: ["--subdir"],
      },
      {
        flags: "--format <format>",
        help: "conda-lock, pixi-lock, mambajs-lock or explicit; else the name of the output tells",
        choices: ["conda-lock", "pixi-lock", "mambajs-lock", "explicit"],
      },
      {
        flags: "--update <name>",
        help: "lock this package anew, for every platform of the lock file; the others stay as they are locked, where they can (may be repeated)",
        repeat: true,
      },
      {
        flags: "-f, --file <file>",
        help: "environment.yml or spec list; path, URL or - (may be repeated)",
        repeat: true,
      },
      { flags: "--use-uv", help: "resolve `pip:` sections with the pip that uv brings" },
      ...solveOnly,
    ],
    examples: [
      "lock -f environment.yml --platform linux-64 --platform osx-arm64",
      "lock -c conda-forge python=3.12 numpy -o pixi.lock",
      "lock -f environment.yml --update numpy",
      "create -n sci -f conda-lock.yml",
    ],
    load: () => import("./verbs/lock.ts"),
  },
  {
    name: "export",
    summary: "write an environment in one of several formats",
    description:
      "Write an environment as environment.yml, an explicit list, a lock file or a bill of materials.",
    args: null,
    groups: ["prefix", "general"],
    options: [formatOption, ...exportOptions],
    examples: [
      "export -n sci > environment.yml",
      "export -n sci --format conda-lock -f conda-lock.yml",
      "export -n sci --format cyclonedx-json -f sci.cdx.json",
    ],
    load: () => import("./verbs/export.ts"),
  },
];

const queryOptions: OptionSpec[] = [
  { flags: "-t, --tree", help: "as a tree" },
  { flags: "--recursive", help: "everything that can be reached", alsoAs: { conda: ["-r"] } },
  { flags: "--pretty", help: "in full: details of packages, or the tree" },
  { flags: "--platform <platform>", help: "ask about another platform", also: ["--subdir"] },
];

const QUERY_GROUPS = ["prefix", "channels", "offline", "network", "general", "looking"] as const;
const loadSearch = () => import("./verbs/search.ts");

/** Options of conda before 4.4, which old scripts still have. */
const NO_LONGER: OptionSpec[] = (
  [
    ["--canonical", "`search --json` has `fn` and `channel`"],
    ["--names-only", "`search --json` has the names"],
    ["--outdated", "`update --all --dry-run` shows what there is newer"],
    ["--reverse-dependency", "ask `repoquery whoneeds`"],
    ["-u, --unknown", "`clean` sees to packages in the caches"],
  ] as const
).map(([flags, instead]) => refused(flags, instead));

const search: CommandSpec = {
  name: "search",
  summary: "search packages in channels",
  argsHelp: "specs, with * as wildcard",
  groups: QUERY_GROUPS,
  options: [
    ...queryOptions,
    { flags: "--local", help: "search in the environment", also: ["--installed"] },
    { flags: "--remote", help: "search in the channels (default)", hidden: true },
    { flags: "--spec", help: "read the words as specs (always so)", hidden: true },
    { flags: "--envs", help: "search in every environment" },
    { flags: "-i, --info", help: "everything that is known of each package" },
    {
      flags: "-f, --full-name",
      help: "match whole names only (default: * is the wildcard)",
      hidden: true,
      also: ["--skip-flexible-search"],
    },
    { flags: "--all-channels", help: "every configured channel (always so)", hidden: true },
    ...NO_LONGER,
  ],
  examples: ['search "numpy>=2"', 'search "scikit*" -c conda-forge', "search numpy=2.1.0 --info"],
  load: loadSearch,
};

const graphOptions: OptionSpec[] = [
  ...queryOptions,
  { flags: "--local", help: "ask the environment (default)", also: ["--installed"] },
  { flags: "--all-channels", help: "every configured channel (always so)", hidden: true },
  { flags: "--remote", help: "ask the channels (default with -c)" },
];

export const QUERY_COMMANDS: readonly CommandSpec[] = [
  search,
  {
    name: "repoquery",
    summary: "ask what packages need, and what needs them",
    commands: [
      { ...search, examples: ['repoquery search "xtensor*" -c conda-forge'] },
      {
        name: "depends",
        summary: "what a package needs",
        argsHelp: "packages",
        groups: QUERY_GROUPS,
        options: graphOptions,
        examples: ["repoquery depends -n sci numpy", "repoquery depends --tree xtensor -c conda-forge"],
        load: loadSearch,
      },
      {
        name: "whoneeds",
        summary: "what needs a package",
        argsHelp: "packages",
        groups: QUERY_GROUPS,
        options: graphOptions,
        examples: ["repoquery whoneeds -n sci openssl", "repoquery whoneeds xtl -c conda-forge"],
        load: loadSearch,
      },
    ],
  },
  {
    name: "why",
    summary: "say why a package is installed",
    description:
      "Show every shortest path from the packages that were asked for to the one in question. With more specs, the question is about what they would install from the channels.",
    args: "[package...]",
    argsHelp: "the package, then what you would install",
    groups: ["prefix", "channels", "offline", "network", "general"],
    options: [{ flags: "--platform <platform>", help: "for another platform", also: ["--subdir"] }],
    examples: ["why -n sci openssl", "why openssl python=3.12 -c conda-forge"],
    load: () => import("./verbs/why.ts"),
  },
  {
    name: "why-not",
    summary: "say why a package cannot be installed",
    description:
      "Show what speaks against installing a package into the environment, or together with more specs; or what would happen. Exit code 1 when it cannot be installed.",
    args: "[package...]",
    argsHelp: "the package, then what else you would install",
    groups: ["prefix", "channels", "offline", "network", "general"],
    options: [{ flags: "--platform <platform>", help: "for another platform", also: ["--subdir"] }],
    examples: ['why-not -n sci "numpy<2"', 'why-not "python=3.13" tensorflow -c conda-forge'],
    load: () => import("./verbs/why.ts"),
  },
];
