/**
 * The option table: every flag, its meaning and where its value goes. A verb names the groups it takes; help, parsing and
 * completion are all drawn from here.
 */
export interface OptionSpec {
  /** commander's notation: `-c, --channel <channel>`. */
  flags: string;
  help: string;
  /** Appears once per value and gathers them in order. */
  repeat?: boolean;
  /** Counts how often it is given. */
  count?: boolean;
  choices?: readonly string[];
  /** Other spellings that conda or mamba users type, rewritten before parsing. */
  also?: readonly string[];
  /** Other spellings that hold only for a name that the program is run by. */
  alsoAs?: Readonly<Record<string, readonly string[]>>;
  /** Words that stand for this option and a value: conda's `--use-local` is `--channel local`. */
  shorthand?: Readonly<Record<string, string>>;
  /** micromamba reads every word up to the next option as one more value. */
  greedy?: boolean;
  /** In the help, the heading that it stands under. */
  heading?: string;
  /** Number of values where it is not one; they arrive joined by VALUE_SEPARATOR. */
  values?: 2;
  hidden?: boolean;
  /** Accepted for the peers' sake: why it changes nothing. Whoever gives it is told. */
  noEffect?: string;
  /** Known and refused: what is not there. */
  notBuilt?: string;
}

/** An option of the peers that has nothing to change here. */
export function inVain(flags: string, why: string, more?: Partial<OptionSpec>): OptionSpec {
  return { flags, help: "", hidden: true, noEffect: why, ...more };
}

/** An option of the peers that asks for what is always so: whoever gives it has what they want, and need not be told. */
function alwaysSo(flags: string): OptionSpec {
  return { flags, help: "", hidden: true };
}

/** An option of the peers that is not built: using it is an error that says what there is instead. */
export function refused(flags: string, why: string, more?: Partial<OptionSpec>): OptionSpec {
  return { flags, help: "", hidden: true, notBuilt: why, ...more };
}

const rc: OptionSpec[] = [
  { flags: "--rc-file <file>", help: "use only this configuration file (may be repeated)", repeat: true },
  { flags: "--no-rc", help: "ignore all configuration files" },
  { flags: "--no-env", help: "ignore CONDA_*, MAMBA_* and TAIPAN_* variables" },
];

const general: OptionSpec[] = [
  ...rc,
  { flags: "-r, --root-prefix <path>", help: "root prefix: where environments and the package cache live" },
  { flags: "-v, --verbose", help: "say more (repeatable: -vv shows causes and stacks)", count: true },
  { flags: "-q, --quiet", help: "results and warnings only; implies --yes" },
  { flags: "-y, --yes", help: "do not ask for confirmation", also: ["--always-yes"] },
  { flags: "--json", help: "one JSON document on stdout; implies --yes" },
  {
    flags: "--progress <how>",
    help: "how to show progress",
    choices: ["auto", "plain", "tty", "json", "none"],
  },
  { flags: "--json-events", help: "write progress events to stderr as JSON lines" },
  {
    flags: "--log-level <level>",
    help: "info, debug and trace are -v, -vv and -vvv; above warning, warnings are kept quiet",
    choices: ["critical", "error", "warning", "info", "debug", "trace", "off"],
  },
  { flags: "--debug", help: "same as -vv", hidden: true, also: ["--trace"] },
  // There are none.
  alwaysSo("--no-plugins"),
  inVain("--console <name>", "--progress chooses how things are shown"),
  {
    flags: "--print-config-only",
    help: "print the configuration and what would be worked on",
    hidden: true,
    also: ["--print-context-only"],
  },
];

const channelUrls: OptionSpec[] = [
  { flags: "--show-channel-urls", help: "show the URL of each package's channel", hidden: true },
  { flags: "--no-show-channel-urls", help: "show its name (default)", hidden: true },
];

const dry: OptionSpec[] = [{ flags: "--dry-run", help: "show what would be done and stop", also: ["-d"] }];
const offline: OptionSpec[] = [{ flags: "--offline", help: "use the caches only; no socket is opened" }];

const prefix: OptionSpec[] = [
  { flags: "-n, --name <name>", help: "environment by name" },
  { flags: "-p, --prefix <path>", help: "environment by path" },
];

const channels: OptionSpec[] = [
  {
    flags: "-c, --channel <channel>",
    help: "channel to search first (may be repeated; earlier ones win)",
    repeat: true,
    shorthand: { "--use-local": "local" },
  },
  { flags: "--override-channels", help: "ignore the channels of configuration files" },
  {
    flags: "--channel-priority <how>",
    help: "how the order of channels counts",
    choices: ["strict", "flexible", "disabled"],
  },
  { flags: "--strict-channel-priority", help: "same as --channel-priority strict" },
  { flags: "--no-channel-priority", help: "same as --channel-priority disabled" },
  { flags: "--channel-alias <url>", help: "where bare channel names live" },
];

const network: OptionSpec[] = [
  {
    flags: "--ssl-verify <value>",
    help: "CA bundle path, `<system>`, or `<false>` to switch verification off",
  },
  { flags: "--cacert-path <path>", help: "CA bundle path" },
  {
    flags: "--repodata-ttl <seconds>",
    help: "seconds for which cached repodata is not asked for again (1: as the server says)",
  },
  { flags: "--use-index-cache", help: "use cached repodata whatever its age", also: ["-C"] },
  { flags: "--retry-clean-cache", help: "when there is no solution, fetch repodata anew and solve again" },
  {
    flags: "--repodata-fn <name>",
    help: "repodata file of the channels, such as current_repodata.json (may be repeated: tried in order)",
    repeat: true,
  },
  { flags: "--repodata-use-zst", help: "fetch repodata.json.zst where there is one (default)", hidden: true },
  { flags: "--no-repodata-use-zst", help: "fetch the plain repodata.json", hidden: true },
  inVain("--no-lock", "caches are always changed under a lock"),
  { flags: "-k, --insecure", help: 'same as --ssl-verify "<false>"' },
  // Node.js asks for no revocation lists.
  alwaysSo("--ssl-no-revoke"),
];

const scripts: OptionSpec[] = [
  {
    flags: "--link-scripts <how>",
    help: "run scripts that packages bring for linking (default), skip them, or fail when there are any",
    choices: ["run", "skip", "fail"],
  },
  { flags: "--skip-run-link-scripts", help: "same as --link-scripts skip" },
  { flags: "--run-link-scripts", help: "same as --link-scripts run" },
  { flags: "--override-frozen", help: "change the environment even if it is marked frozen (CEP 22)" },
];

const linking: OptionSpec[] = [
  { flags: "--pyc", help: "compile noarch python packages (default)" },
  { flags: "--no-pyc", help: "do not compile python files" },
  { flags: "--always-copy", help: "copy files, never link them", also: ["--copy"] },
  { flags: "--no-always-copy", help: "link where possible (default)" },
  { flags: "--always-softlink", help: "symlink to the package cache" },
  { flags: "--allow-softlinks", help: "symlink where hard links do not work" },
  {
    flags: "--safety-checks <how>",
    help: "check sizes of extracted files",
    choices: ["enabled", "warn", "disabled"],
  },
  { flags: "--extra-safety-checks", help: "check hashes of extracted files" },
  { flags: "--shortcuts", help: "make menu entries (default)" },
  { flags: "--no-shortcuts", help: "make no menu entries" },
  {
    flags: "--lock-timeout <seconds>",
    help: "give up waiting for another taipan after so long (default: never)",
  },
  { flags: "--use-uv", help: "install `pip:` sections with uv" },
  { flags: "--no-always-softlink", help: "link where possible (default)", hidden: true },
  { flags: "--no-allow-softlinks", help: "copy where hard links do not work (default)", hidden: true },
  { flags: "--no-extra-safety-checks", help: "check no hashes (default)", hidden: true },
  {
    flags: "--verify-artifacts",
    help: "install only packages that their channel has signed (content trust)",
  },
  {
    flags: "--trusted-channels <channel>",
    help: "channel whose signatures count (may be repeated; default: all)",
    repeat: true,
    greedy: true,
    also: ["--trusted-channel"],
  },
  {
    flags: "--relocate-prefix <path>",
    help: "write this path into files instead of the environment's own: it will be moved there, as images are",
  },
  ...scripts,
];

const solver: OptionSpec[] = [
  { flags: "--no-pin", help: "ignore pinned packages" },
  { flags: "--pin", help: "heed them (default)", hidden: true },
  { flags: "--no-py-pin", help: "let python's minor version change" },
  { flags: "--py-pin", help: "keep it (default)", hidden: true },
  { flags: "--allow-uninstall", help: "remove installed packages where it must be (default)", hidden: true },
  {
    flags: "--allow-downgrade",
    help: "downgrade installed packages where it must be (default)",
    hidden: true,
  },
  inVain("--solver <name>", "there is one solver", { also: ["--experimental-solver"] }),
  inVain("--unknown", "packages are chosen from the channels' repodata, cached where there is no network"),
  inVain("--mamba-repodata-parsing", "there is one parser", { also: ["--exp-repodata-parsing"] }),
  inVain("--no-mamba-repodata-parsing", "there is one parser", { also: ["--no-exp-repodata-parsing"] }),
  { flags: "--no-deps", help: "only the named packages, without their dependencies" },
  { flags: "--only-deps", help: "only the dependencies of the named packages" },
  { flags: "--no-allow-uninstall", help: "never remove an installed package" },
  { flags: "--no-allow-downgrade", help: "never downgrade an installed package" },
  {
    flags: "--strategy <how>",
    help: "which versions to prefer",
    choices: ["highest", "lowest", "lowest-direct"],
  },
  { flags: "--exclude-newer <when>", help: "ignore packages newer than a date (2026-01-31) or an age (7d)" },
  { flags: "--solver-timeout <seconds>", help: "give up solving after so long" },
  {
    flags: "--platform <platform>",
    help: "solve for another platform, such as osx-arm64",
    also: ["--subdir"],
  },
];

const change: OptionSpec[] = [
  inVain("--experimental", "nothing is experimental"),
  inVain("--experimental-feature <name>", "nothing is experimental", {
    alsoAs: { conda: ["--experimental"] },
  }),
  { flags: "--clobber", help: "let packages overwrite each other's files without a word", hidden: true },
  inVain("--dev", "scripts are started by the environment itself"),
  inVain("--environment-specifier <name>", "a file says itself what it is", { also: ["--env-spec"] }),
  refused(
    "--shortcuts-only <package>",
    "menu entries are made for every package, or with --no-shortcuts for none",
    { repeat: true },
  ),
  ...channelUrls,
  {
    flags: "-f, --file <file>",
    help: "environment.yml, spec list, @EXPLICIT file or lock file; path, URL or - (may be repeated)",
    repeat: true,
  },
  {
    flags: "--category <name>",
    help: "category of a conda-lock file to install (may be repeated; default main)",
    repeat: true,
    greedy: true,
    also: ["--categories"],
  },
  { flags: "--environment <name>", help: "environment of a pixi.lock to install (default `default`)" },
  ...dry,
  ...offline,
  { flags: "--timings", help: "say at the end where the time went (on stderr; `timings` with --json)" },
  { flags: "--download-only", help: "fetch and extract into the package cache, link nothing" },
];

/**
 * micromamba takes these with every command. Where nothing is fetched or installed they ask nothing that is not so anyway.
 * Those of `looking` are only for commands that change nothing: others would have to heed them.
 */
const idle: OptionSpec[] = [
  { flags: "--offline", help: "nothing is fetched", hidden: true },
  { flags: "--use-uv", help: "nothing is installed", hidden: true },
  { flags: "--relocate-prefix <path>", help: "nothing is linked", hidden: true },
  { flags: "--experimental", help: "nothing is experimental", hidden: true },
];
const looking: OptionSpec[] = [
  ...idle,
  { flags: "--dry-run", help: "nothing is changed", hidden: true },
  { flags: "--download-only", help: "nothing is linked", hidden: true },
];

export const GROUPS = {
  channelUrls,
  idle,
  looking,
  general,
  prefix,
  dry,
  offline,
  channels,
  network,
  solver,
  linking,
  scripts,
  change,
} as const;
export type GroupName = keyof typeof GROUPS;
