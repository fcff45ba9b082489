import type { VerbModule } from "./invocation.ts";
import { GROUPS, type GroupName, inVain, type OptionSpec, refused } from "./options.ts";
import { config } from "./verbs-config.ts";
import { MAINTENANCE_COMMANDS } from "./verbs-maintenance.ts";
import { envExport, LOCK_COMMANDS, QUERY_COMMANDS } from "./verbs-query.ts";
import { completer, envConfig, ps, run, selfUpdate } from "./verbs-run.ts";
import { auth, init, OUTSIDE, shell } from "./verbs-shell.ts";

/** One row of the command table. `load` imports the verb only when it runs, so that `--help` stays instant. */
export interface CommandSpec {
  name: string;
  aliases?: readonly string[];
  summary: string;
  description?: string;
  /** commander's notation; null takes none. */
  args?: string | null;
  argsHelp?: string;
  groups?: readonly GroupName[];
  options?: readonly OptionSpec[];
  examples?: readonly string[];
  /** Everything after the first positional belongs to another program (`run`). */
  passThrough?: boolean;
  /** Not in the help. */
  hidden?: boolean;
  /** Whether, with these options, configuration files are left unread: what repairs them must not fail of them. */
  ignoreRc?: (options: Readonly<Record<string, unknown>>) => boolean;
  commands?: readonly CommandSpec[];
  load?: () => Promise<VerbModule>;
}

const CHANGE_GROUPS = ["change", "prefix", "channels", "solver", "linking", "network", "general"] as const;

/** What conda's install and update have in common. */
const reinstall: OptionSpec[] = [
  { flags: "--force-reinstall", help: "link the named packages again even if nothing changes" },
  { flags: "--update-deps", help: "also update the dependencies of the named packages" },
];

const create: CommandSpec = {
  name: "create",
  summary: "create an environment",
  description:
    "Create an environment from package specs and files. Nothing appears at the prefix before everything is fetched and verified.",
  argsHelp: "packages, such as `python=3.12`, `numpy>=2` or a package URL",
  groups: CHANGE_GROUPS,
  options: [
    { flags: "--clone <environment>", help: "copy an environment, by name or path" },
    { flags: "--no-default-packages", help: "do not add create_default_packages" },
    { flags: "-m, --mkdir", help: "directories are made in any case", hidden: true },
  ],
  examples: [
    "create -n sci -c conda-forge python=3.12 numpy",
    "create -p ./env -f environment.yml",
    "create -n exact -f explicit.txt",
  ],
  load: () => import("./verbs/create.ts"),
};

/** What conda takes with `remove`, where no channel is asked. */
const IN_VAIN: OptionSpec[] = [...GROUPS.channels, ...GROUPS.network, ...GROUPS.solver]
  .filter(({ flags }) =>
    /--(channel|override-channels|repodata-fn|use-index-cache|insecure|solver|no-pin)\b(?!-)/.test(flags),
  )
  .map((option) => ({ ...option, hidden: true, noEffect: "removing asks no channel" }));

export const COMMANDS: readonly CommandSpec[] = [
  create,
  {
    name: "install",
    summary: "install packages into an environment",
    argsHelp: "packages to install",
    groups: CHANGE_GROUPS,
    options: [
      {
        flags: "--freeze-installed",
        help: "keep every installed package as it is",
        also: ["--no-update-deps"],
      },
      {
        flags: "--revision <n>",
        help: "go back to what the environment was after a revision (see list --revisions)",
      },
      ...reinstall,
      {
        flags: "-S, --satisfied-skip-solve",
        help: "leave alone what is installed and satisfies the request (default, but for `conda`)",
        hidden: true,
      },
      {
        flags: "--update-specs",
        help: "bring the named packages up to date (default for `conda`)",
        hidden: true,
      },
      { flags: "--update-all", help: "update every package, too", hidden: true, also: ["--all"] },
      { flags: "-m, --mkdir", help: "create the environment if it is not there", hidden: true },
      { flags: "--prune", help: "also remove dependencies that nothing needs any more", hidden: true },
    ],
    examples: ["install -n sci scipy", 'install -n sci "numpy>=2" --dry-run', "install -p ./env -f more.yml"],
    load: () => import("./verbs/install.ts"),
  },
  {
    name: "update",
    aliases: ["upgrade"],
    summary: "update packages of an environment",
    argsHelp: "packages to update",
    groups: CHANGE_GROUPS,
    options: [
      { flags: "-a, --all", help: "update every package", also: ["--update-all"] },
      {
        flags: "--prune-deps",
        help: "remove dependencies that nothing needs any more (default)",
        also: ["--prune"],
      },
      { flags: "--no-prune-deps", help: "keep them" },
      ...reinstall,
      {
        flags: "--freeze-installed",
        help: "keep every other package as it is",
        hidden: true,
        also: ["--no-update-deps"],
      },
      inVain(
        "-S, --satisfied-skip-solve",
        "`install` leaves alone what satisfies the request, `update` does not",
      ),
      { flags: "--update-specs", help: "the same without it", hidden: true },
    ],
    examples: ["update -n sci numpy", "update -n sci --all --timings"],
    load: () => import("./verbs/update.ts"),
  },
  {
    name: "remove",
    aliases: ["uninstall"],
    summary: "remove packages, and what needs them, from an environment",
    argsHelp: "packages to remove",
    groups: ["dry", "offline", "prefix", "scripts", "general", "looking"],
    options: [
      { flags: "-a, --all", help: "remove the whole environment" },
      {
        flags: "-f, --force",
        help: "remove only the named packages, even if others need them",
        also: ["--force-remove"],
      },
      { flags: "--prune-deps", help: "remove dependencies that nothing needs any more (default)" },
      { flags: "--no-prune-deps", help: "keep them" },
      ...GROUPS.change.filter(({ flags }) => flags === "--dev" || flags === "--timings"),
      { flags: "--keep-env", help: "with --all: remove the packages, keep the environment" },
      ...IN_VAIN,
      refused("--features", "features are gone from conda packages; name the packages", {
        also: ["--feature"],
      }),
    ],
    examples: ["remove -n sci scipy", "remove -n sci --all"],
    load: () => import("./verbs/remove.ts"),
  },
  {
    name: "list",
    summary: "list the packages of an environment",
    args: "[regex]",
    argsHelp: "show only packages whose name matches",
    groups: ["prefix", "general", "looking", "channelUrls"],
    options: [
      { flags: "-f, --full-name", help: "match whole names only" },
      {
        flags: "--explicit",
        help: "an @EXPLICIT list of URLs, from which the environment can be made again",
      },
      { flags: "--md5", help: "with MD5 sums" },
      { flags: "--sha256", help: "with SHA-256 sums" },
      {
        flags: "--fields <names>",
        help: "columns to show, separated by commas: name, version, build, channel, license, size, url ...",
      },
      { flags: "--size", help: "with the size of each package on disk" },
      { flags: "-c, --canonical", help: "names as in channel/subdir::name-version-build" },
      { flags: "-e, --export", help: "name=version=build lines" },
      { flags: "--revisions", help: "the history of the environment", alsoAs: { conda: ["-r"] } },
      inVain("--auth", "records hold no credentials"),
      { flags: "--reverse", help: "in reverse order" },
      { flags: "--no-pip", help: "leave out what pip installed" },
    ],
    examples: ["list -n sci", "list -n sci ^py --json", "list -n sci --explicit --sha256 > lock.txt"],
    load: () => import("./verbs/list.ts"),
  },
  {
    name: "info",
    summary: "show where things are and what this machine offers",
    args: null,
    groups: ["prefix", "general", "looking"],
    options: [
      { flags: "-e, --envs", help: "list environments" },
      { flags: "--base", help: "print the root prefix", also: ["--root"] },
      { flags: "-a, --all", help: "everything" },
      { flags: "-s, --system", help: "variables that concern conda environments" },
      { flags: "--size", help: "with --envs, the size of each environment" },
      refused("--unsafe-channels", "credentials of channels are never shown"),
      { flags: "--licenses", help: "licences of taipan and of what is in it", also: ["--license"] },
    ],
    examples: ["info --json", "info -n sci"],
    load: () => import("./verbs/info.ts"),
  },
  {
    name: "env",
    summary: "work with environments",
    commands: [
      {
        ...create,
        description: `${create.description} Without -f it reads ./environment.yml.`,
        options: [
          ...(create.options ?? []),
          { flags: "--force", help: "replace the environment that is there", hidden: true },
        ],
        examples: ["env create -f environment.yml", "env create -p ./env -f environment.yml -f more.yml"],
      },
      {
        name: "list",
        summary: "list environments",
        args: null,
        groups: ["general", "looking"],
        options: [
          { flags: "--size", help: "with the size of each environment" },
          ...GROUPS.prefix.map((option) => ({ ...option, hidden: true })),
        ],
        examples: ["env list", "env list --size --json"],
        load: () => import("./verbs/env-list.ts"),
      },
      {
        name: "remove",
        summary: "remove an environment",
        args: null,
        groups: ["dry", "prefix", "scripts", "general", "idle"],
        options: IN_VAIN.filter(({ flags }) => flags.startsWith("--solver")),
        examples: ["env remove -n sci", "env remove -p ./env -y"],
        load: () => import("./verbs/env-remove.ts"),
      },
      {
        name: "update",
        summary: "bring an environment to what a file says",
        groups: CHANGE_GROUPS,
        options: [{ flags: "--prune", help: "remove packages that the file does not need" }],
        examples: ["env update -n sci -f environment.yml --prune"],
        load: () => import("./verbs/env-update.ts"),
      },
      envExport,
      envConfig,
    ],
  },
  run,
  ps,
  config,
  ...OUTSIDE,
  shell,
  init,
  auth,
  selfUpdate,
  completer,
  ...QUERY_COMMANDS,
  {
    name: "commands",
    summary: "list the commands, a line each",
    args: null,
    groups: ["general", "looking"],
    hidden: true,
    examples: ["commands"],
    load: () => import("./verbs/commands.ts"),
  },
  {
    name: "clean",
    summary: "remove cached packages and indexes",
    args: "[prefixes...]",
    argsHelp: "with --tempfiles: environments to look for them in, too",
    groups: ["dry", "general", "idle"],
    options: [
      { flags: "-a, --all", help: "index cache, archives, unused packages and leftovers" },
      { flags: "-i, --index-cache", help: "cached repodata" },
      { flags: "-p, --packages", help: "extracted packages that no environment links to" },
      { flags: "-t, --tarballs", help: "package archives" },
      { flags: "-l, --locks", help: "left-over locks (run as `conda`, -l is --logfiles)" },
      { flags: "--logfiles", help: "log files that conda left", alsoAs: { conda: ["-l"] } },
      { flags: "-c, --tempfiles", help: "what interrupted runs left" },
      inVain("-s, --source-cache", "only conda-build keeps a source cache"),
      { flags: "--trash", help: "files that could not be removed earlier" },
      { flags: "-f, --force-pkgs-dirs", help: "whole package caches, in use or not" },
      {
        flags: "--older-than <age>",
        help: "archives and unused packages that came so long ago (30d, 6M, 2026-01-31)",
      },
      {
        flags: "--max-size <size>",
        help: "the oldest of them, until the rest takes no more (5G, 500M, 4Gi)",
      },
    ],
    examples: ["clean --all --yes", "clean --index-cache", "clean --older-than 30d --max-size 5G --dry-run"],
    load: () => import("./verbs/clean.ts"),
  },
  ...LOCK_COMMANDS,
  ...MAINTENANCE_COMMANDS,
];
