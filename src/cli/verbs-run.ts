import { inVain } from "./options.ts";
import type { CommandSpec } from "./verbs.ts";

const loadPs = () => import("./verbs/ps.ts");
const loadVars = () => import("./verbs/env-vars.ts");

export const run: CommandSpec = {
  name: "run",
  summary: "run a program in an environment",
  description:
    "Run a program in an activated environment. Options end at the program's name. Its exit code is passed on; a signal that ends it gives 128 plus the signal's number.",
  args: "[command...]",
  argsHelp: "program and its arguments",
  groups: ["prefix"],
  passThrough: true,
  options: [
    { flags: "--cwd <dir>", help: "directory to run in" },
    { flags: "-e, --env <var>", help: "VAR=VALUE to set, or VAR to pass on from here", repeat: true },
    { flags: "--clean-env", help: "start from no variables but the system's PATH" },
    {
      flags: "-a, --attach <streams>",
      help: 'streams to connect: stdin, stdout, stderr, separated by commas; "" for none (default: all)',
      repeat: true,
    },
    { flags: "-d, --detach", help: "do not wait: the program runs on without a terminal" },
    { flags: "--label <name>", help: "name for `ps`" },
    { flags: "-r, --root-prefix <path>", help: "root prefix" },
    { flags: "--rc-file <file>", help: "use only this configuration file (may be repeated)", repeat: true },
    { flags: "--no-rc", help: "ignore all configuration files" },
    inVain("--relocate-prefix <path>", "nothing is linked"),
    inVain("--dev", "only conda's own developers start it otherwise"),
    inVain("--debug-wrapper-scripts", "there is no script around the program"),
    { flags: "-q, --quiet", help: "say nothing of its own" },
    { flags: "-v, --verbose", help: "say more", count: true },
    {
      flags: "--no-capture-output",
      help: "conda's option for what happens always: output is never captured",
      also: ["--live-stream"],
      alsoAs: { conda: ["-s"] },
    },
  ],
  examples: [
    'run -n sci python -c "import numpy; print(numpy.__version__)"',
    "run -p ./env --cwd src pytest -q",
    "run -n sci --detach --label server python -m http.server",
  ],
  load: () => import("./verbs/run.ts"),
};

export const ps: CommandSpec = {
  name: "ps",
  summary: "list and stop programs that `run` started",
  args: "[command]",
  argsHelp: "list, stop",
  groups: ["general"],
  examples: ["ps", "ps stop server"],
  load: loadPs,
  commands: [
    {
      name: "list",
      summary: "list them",
      args: null,
      groups: ["general"],
      examples: ["ps list --json"],
      load: loadPs,
    },
    {
      name: "stop",
      summary: "ask one to end",
      args: "[process]",
      argsHelp: "process id or label",
      groups: ["general"],
      examples: ["ps stop 4711", "ps stop server"],
      load: loadPs,
    },
  ],
};

/** `env config vars list|set|unset`. */
export const envConfig: CommandSpec = {
  name: "config",
  summary: "variables of an environment",
  commands: [
    {
      name: "vars",
      summary: "variables that activation sets",
      commands: [
        {
          name: "list",
          summary: "list them",
          args: null,
          groups: ["prefix", "general", "looking"],
          examples: ["env config vars list -n sci"],
          load: loadVars,
        },
        {
          name: "set",
          summary: "set variables",
          args: "[words...]",
          argsHelp: "NAME=VALUE",
          groups: ["prefix", "general", "idle"],
          examples: ["env config vars set -n sci DATA_DIR=/data"],
          load: loadVars,
        },
        {
          name: "unset",
          summary: "remove variables",
          args: "[words...]",
          argsHelp: "NAME",
          groups: ["prefix", "general", "idle"],
          examples: ["env config vars unset -n sci DATA_DIR"],
          load: loadVars,
        },
      ],
    },
  ],
};

export const selfUpdate: CommandSpec = {
  name: "self-update",
  summary: "say how taipan is brought up to date",
  args: "[options...]",
  argsHelp: "options of `install`, which say nothing here",
  groups: ["general"],
  passThrough: true,
  options: [{ flags: "--version <version>", help: "a version, instead of the newest" }],
  examples: ["self-update"],
  load: () => import("./verbs/self-update.ts"),
};

/** What the completion functions of the hooks call. */
export const completer: CommandSpec = {
  name: "completer",
  summary: "print what the last of the words can become",
  args: "[words...]",
  hidden: true,
  passThrough: true,
  groups: [],
  load: () => import("./verbs/completer.ts"),
};
