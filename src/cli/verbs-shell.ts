import { inVain, type OptionSpec, refused } from "./options.ts";
import type { CommandSpec } from "./verbs.ts";

const SHELL: OptionSpec = {
  flags: "-s, --shell <shell>",
  help: "bash, zsh, dash, posix, fish, tcsh, xonsh, nu, powershell or cmd.exe (default: the one in use)",
};
const STACK: OptionSpec = { flags: "--stack", help: "keep the environment below active, too" };
const NO_STACK: OptionSpec = {
  flags: "--no-stack",
  help: "leave the environment below, whatever auto_stack says",
  hidden: true,
};
const DEV: OptionSpec = inVain("--dev", "only conda's own developers start it otherwise");

const loadActivate = () => import("./verbs/shell-activate.ts");
const loadInit = () => import("./verbs/shell-init.ts");

export const shell: CommandSpec = {
  name: "shell",
  summary: "set up shells, and start one inside an environment",
  description: "Set up shells for activation. Without a command, start a shell inside an environment.",
  args: "[command]",
  argsHelp: "activate, deactivate, reactivate, hook, init, deinit, reinit",
  groups: ["prefix", "general", "idle"],
  examples: ["shell -n sci", "shell init -s bash --dry-run", "shell hook -s zsh"],
  load: () => import("./verbs/shell.ts"),
  commands: [
    {
      name: "activate",
      summary: "print what a shell evaluates to activate an environment",
      args: "[environment]",
      argsHelp: "name or path",
      groups: ["prefix", "general", "looking"],
      options: [SHELL, STACK, NO_STACK, DEV],
      examples: ["shell activate sci -s bash"],
      load: loadActivate,
    },
    {
      name: "deactivate",
      summary: "print what a shell evaluates to leave an environment",
      args: null,
      groups: ["general", "looking"],
      options: [SHELL, DEV],
      examples: ["shell deactivate -s bash"],
      load: loadActivate,
    },
    {
      name: "reactivate",
      summary: "print what a shell evaluates after packages changed",
      args: null,
      groups: ["general", "looking"],
      options: [SHELL, DEV],
      examples: ["shell reactivate -s bash"],
      load: loadActivate,
    },
    {
      name: "hook",
      summary: "print the functions that make `activate` work",
      args: null,
      groups: ["general", "looking"],
      options: [SHELL],
      examples: ['shell hook -s bash   (use: eval "$(taipan shell hook -s bash)")'],
      load: () => import("./verbs/shell-hook.ts"),
    },
    {
      name: "init",
      summary: "set up a shell's start-up file",
      args: "[root-prefix]",
      argsHelp: "same as --root-prefix",
      groups: ["dry", "general", "idle"],
      options: [SHELL],
      examples: ["shell init -s bash", "shell init -s zsh --dry-run"],
      load: loadInit,
    },
    {
      name: "deinit",
      summary: "take out of a shell's start-up file what `init` put there",
      args: "[root-prefix]",
      argsHelp: "same as --root-prefix",
      groups: ["dry", "general", "idle"],
      options: [SHELL],
      examples: ["shell deinit -s bash"],
      load: loadInit,
    },
    {
      name: "reinit",
      summary: "renew every shell that is set up, or one",
      args: "[root-prefix]",
      argsHelp: "same as --root-prefix",
      groups: ["dry", "general", "idle"],
      options: [SHELL],
      examples: ["shell reinit", "shell reinit -s zsh"],
      load: loadInit,
    },
    {
      name: "enable_long_path_support",
      summary: "let Windows use paths of more than 260 characters (as administrator)",
      args: null,
      groups: ["dry", "general", "looking"],
      examples: ["shell enable_long_path_support"],
      load: () => import("./verbs/long-paths.ts"),
    },
  ],
};

export const init: CommandSpec = {
  name: "init",
  summary: "conda's form of `shell init`",
  args: "[shells...]",
  argsHelp: "shells to set up (default: the one in use)",
  groups: ["dry", "general", "idle"],
  options: [
    { flags: "--all", help: "every shell" },
    { flags: "--reverse", help: "undo it" },
    { flags: "--user", help: "for this user (default)" },
    refused("--no-user", "a shell is set up for its user, or with --system for all"),
    { flags: "--system", help: "for the login shells of all users, in /etc (needs root)" },
    refused("--install", "taipan is where it was installed; `init SHELL` sets up a shell", {
      also: ["--anaconda-prompt"],
    }),
    inVain("--condabin", "the hook puts condabin on PATH", { also: ["--dev"] }),
  ],
  examples: ["init bash", "init zsh --dry-run", "init bash --reverse", "init bash --system"],
  load: loadInit,
};

const loadOutside = () => import("./verbs/activate.ts");

/** Commands of the shell's function: the program itself can only say how to get it. */
export const OUTSIDE: readonly CommandSpec[] = [
  {
    name: "activate",
    summary: "activate an environment in this shell",
    args: "[environment]",
    argsHelp: "name or path",
    groups: ["prefix", "general"],
    options: [STACK, NO_STACK, DEV],
    load: loadOutside,
    examples: ["activate sci", "activate ./env --stack"],
  },
  {
    name: "deactivate",
    summary: "leave the active environment",
    args: null,
    groups: ["general"],
    options: [DEV],
    examples: ["deactivate"],
    load: loadOutside,
  },
  {
    name: "reactivate",
    summary: "run the active environment's scripts again",
    args: null,
    groups: ["general"],
    hidden: true,
    examples: ["reactivate"],
    load: loadOutside,
  },
];

const loadAuth = () => import("./verbs/auth.ts");

export const auth: CommandSpec = {
  name: "auth",
  summary: "store logins of channels",
  commands: [
    {
      name: "login",
      summary: "store a login for a host in ~/.mamba/auth/authentication.json",
      args: "[host]",
      argsHelp: "such as repo.example.com, or https://repo.example.com:8080/channel",
      groups: ["general"],
      options: [
        { flags: "-t, --token <token>", help: "anaconda.org-style token, sent as /t/<token>" },
        { flags: "-b, --bearer <token>", help: "token sent as `Authorization: Bearer`" },
        { flags: "-u, --username <user>", help: "user of basic authentication" },
        {
          flags: "-p, --password <password>",
          help: "its password; other users see the command line, so better:",
        },
        { flags: "--password-stdin", help: "read the password from standard input" },
        { flags: "--token-stdin", help: "read the token from standard input" },
        { flags: "--bearer-stdin", help: "read the bearer token from standard input" },
      ],
      examples: [
        "auth login repo.example.com --token-stdin < token.txt",
        "auth login repo.example.com -u me --password-stdin",
      ],
      load: loadAuth,
    },
    {
      name: "logout",
      summary: "forget a login",
      args: "[host]",
      argsHelp: "the host of the login",
      groups: ["general"],
      options: [{ flags: "--all", help: "forget every login" }],
      examples: ["auth logout repo.example.com", "auth logout --all"],
      load: loadAuth,
    },
    {
      name: "list",
      summary: "say for which hosts logins are stored, and where; never the secrets",
      args: null,
      groups: ["general"],
      options: [],
      examples: ["auth list", "auth list --json"],
      load: loadAuth,
    },
  ],
};
