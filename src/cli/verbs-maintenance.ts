import { inVain, type OptionSpec, refused } from "./options.ts";
import type { CommandSpec } from "./verbs.ts";

/** Rows of the command table: care of environments and packages. */
const fixOption: OptionSpec = { flags: "--fix", help: "mend what can be mended" };

const compression: OptionSpec[] = [
  {
    flags: "-c, --compression-level <level>",
    help: "1 to 22 for .conda (default 19), 1 to 9 for .tar.bz2 (default 9)",
  },
  inVain(
    "--compression-threads <n>",
    "one thread compresses: frames that were compressed apart are not read by every tool",
  ),
];

const loadPackage = () => import("./verbs/package.ts");

export const MAINTENANCE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "package",
    summary: "extract, make and convert package archives; say which package has a file",
    args: "[command]",
    argsHelp: "extract, compress, transmute",
    groups: ["prefix", "general", "idle"],
    options: [
      { flags: "-w, --which <path>", help: "say which package has a file (may be repeated)", repeat: true },
      { flags: "-u, --untracked", help: "files of the environment that no package brought" },
      refused("--reset", "it would remove what people put there by hand; `package --untracked` lists it"),
    ],
    examples: ["package -w ~/envs/sci/bin/python", "package extract numpy-2.1.0-py312_0.conda numpy"],
    load: () => import("./verbs/package-which.ts"),
    commands: [
      {
        name: "extract",
        summary: "extract an archive into a directory",
        args: "[paths...]",
        argsHelp: "archive, and directory (default: beside it)",
        groups: ["general", "idle"],
        examples: ["package extract numpy-2.1.0-py312_0.conda numpy"],
        load: loadPackage,
      },
      {
        name: "compress",
        summary: "make an archive of a directory",
        args: "[paths...]",
        argsHelp: "directory and archive; its name tells the format",
        groups: ["general", "idle"],
        options: compression,
        examples: ["package compress numpy numpy-2.1.0-py312_0.conda"],
        load: loadPackage,
      },
      {
        name: "transmute",
        summary: "convert between .tar.bz2 and .conda",
        args: "[path...]",
        argsHelp: "archive",
        groups: ["general", "idle"],
        options: compression,
        examples: ["package transmute numpy-2.1.0-py312_0.tar.bz2"],
        load: loadPackage,
      },
    ],
  },
  {
    name: "compare",
    summary: "compare an environment with a file",
    description:
      "Say which packages of a file the environment does not have. The exit code is 1 when there are any.",
    args: "[files...]",
    argsHelp: "environment.yml, spec list, @EXPLICIT file or lock file",
    groups: ["prefix", "general"],
    options: [
      { flags: "-f, --file <file>", help: "the same (may be repeated)", repeat: true },
      { flags: "--category <name>", help: "category of a conda-lock file (may be repeated)", repeat: true },
      { flags: "--environment <name>", help: "environment of a pixi.lock" },
    ],
    examples: ["compare -n sci environment.yml"],
    load: () => import("./verbs/compare.ts"),
  },
  {
    name: "rename",
    summary: "give an environment another name or place",
    args: "[name...]",
    argsHelp: "the new name or path",
    groups: ["dry", "prefix", "general"],
    options: [{ flags: "--force", help: "remove an environment that has the name already" }],
    examples: ["rename -n old new", "rename -p ./env ./moved"],
    load: () => import("./verbs/rename.ts"),
  },
  {
    name: "verify",
    summary: "compare the files of an environment with its packages",
    args: null,
    groups: ["dry", "offline", "prefix", "scripts", "network", "general"],
    options: [
      { flags: "--full", help: "hash every file (default)" },
      { flags: "--fast", help: "compare kinds and sizes only" },
      { ...fixOption, help: "link damaged packages again" },
    ],
    examples: ["verify -n sci --fast", "verify -n sci --fix"],
    load: () => import("./verbs/verify.ts"),
  },
  {
    name: "doctor",
    summary: "look for what commonly goes wrong with an environment",
    description:
      "Display a health report for your environment. What commonly goes wrong is looked for, and mended with --fix.",
    args: null,
    groups: ["dry", "offline", "prefix", "scripts", "network", "general"],
    options: [
      fixOption,
      { flags: "--network", help: "also ask the configured channels whether they answer" },
      { flags: "--list", help: "say what is looked for" },
    ],
    examples: ["doctor -n sci", "doctor -n sci --fix", "doctor --network"],
    load: () => import("./verbs/doctor.ts"),
  },
  {
    name: "notices",
    summary: "show messages of the channels' owners",
    args: null,
    groups: ["channels", "offline", "network", "general"],
    examples: ["notices -c conda-forge"],
    load: () => import("./verbs/notices.ts"),
  },
  {
    name: "constructor",
    summary: "the part of an installer's work that it leaves to its package manager",
    args: null,
    groups: ["general"],
    options: [
      { flags: "-p, --prefix <path>", help: "prefix of the installer" },
      { flags: "--extract-conda-pkgs", help: "extract the archives in PREFIX/pkgs" },
      { flags: "--extract-tarball", help: "extract a .tar.bz2 from standard input into the prefix" },
    ],
    examples: ["constructor -p /opt/app --extract-conda-pkgs"],
    load: () => import("./verbs/constructor.ts"),
  },
];
