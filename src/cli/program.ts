import { Command, CommanderError, Option } from "commander";
import { ToolError } from "../errors.ts";
import { similarNames } from "../specs/names.ts";
import { versionText } from "../util/version.ts";
import { refuseContradictions } from "./contradictions.ts";
import type { Invocation, VerbModule } from "./invocation.ts";
import { GROUPS, type GroupName, type OptionSpec } from "./options.ts";
import { COMMANDS, type CommandSpec } from "./verbs.ts";

type Execute = (verb: VerbModule, invocation: Invocation) => Promise<void>;

/**
 * Builds commander's tree from the command and option tables; nothing of a verb is loaded before it runs. Of commands that
 * `words` does not begin with only the name is there: that is all that help and suggestions need of them.
 */
export function buildProgram(name: string, words: readonly string[], execute: Execute): Command {
  const program = new Command(name)
    .description("Install conda environments: solve, download in parallel, link safely")
    .version(versionText(name), "-V, --version", "print the version")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    // Errors are thrown and reported like all others.
    .configureOutput({ outputError() {}, ...(isEvaluated(words) ? HELP_ON_STDERR : {}) })
    .exitOverride();
  program.addHelpText(
    "after",
    `
Examples:
  ${name} create -n sci -c conda-forge python=3.12 numpy
  ${name} env create -f environment.yml
  ${name} run -n sci python -c "import numpy"
  ${name} install -n sci scipy --dry-run

Run \`${name} COMMAND --help\` for the options and examples of a command.`,
  );
  const order = SECTIONS.flatMap(([, names]) => names.split(" "));
  const place = (spec: CommandSpec) => (order.includes(spec.name) ? order.indexOf(spec.name) : order.length);
  for (const spec of [...COMMANDS].sort((a, b) => place(a) - place(b)))
    addCommand(program, spec, { name, words, execute });
  return program;
}

/** What a shell's function asks for is evaluated: `activate --help` must not become commands. */
function isEvaluated(words: readonly string[]): boolean {
  const operation = words[0] === "shell" ? words[1] : words[0];
  return /activate$/.test(operation ?? "") && words.includes("--shell");
}

const HELP_ON_STDERR = { writeOut: (text: string) => void process.stderr.write(text) };

/** Under which heading the help lists a command. */
const SECTIONS: readonly [heading: string, names: string][] = [
  ["Environments", "create install update remove list env run ps"],
  ["Questions", "search repoquery why why-not info"],
  ["Lock files and exports", "lock export compare"],
  ["Shells", "activate deactivate shell init"],
  ["Settings", "config auth notices self-update"],
  ["Care", "clean verify doctor rename package constructor"],
];

function sectionOf(name: string): string | undefined {
  return SECTIONS.find(([, names]) => names.split(" ").includes(name))?.[0];
}

interface Tree {
  name: string;
  /** What is left of the command line at this depth. */
  words: readonly string[];
  execute: Execute;
}

function addCommand(parent: Command, spec: CommandSpec, tree: Tree): void {
  const { name, words, execute } = tree;
  const command = parent
    .command(spec.name, { hidden: spec.hidden ?? false })
    .summary(spec.summary)
    .description(spec.description ?? spec.summary.replace(/^[a-z]/, (first) => first.toUpperCase()))
    .exitOverride();
  const section = parent.parent ? undefined : sectionOf(spec.name);
  if (section) command.helpGroup(`${section}:`);
  for (const alias of spec.aliases ?? []) command.alias(alias);
  const called = words[0] === "help" ? words[1] : words[0];
  if (called !== spec.name && !spec.aliases?.includes(called ?? "")) return;
  for (const option of optionsOf(spec)) command.addOption(toOption(option));
  const examples = examplesOf(spec);
  if (examples.length > 0)
    command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${name} ${line}`).join("\n")}`);
  for (const child of spec.commands ?? [])
    addCommand(command, child, { name, execute, words: words.slice(1) });
  if (spec.commands) command.enablePositionalOptions().usage("[options] [command]");
  if (!spec.load) {
    command.allowExcessArguments().action(() => refuseOrHelp(command, spec));
    return;
  }
  if (spec.args !== null) command.argument(spec.args ?? "[specs...]", spec.argsHelp ?? "");
  if (spec.passThrough) command.passThroughOptions().allowUnknownOption();
  const load = spec.load;
  command.action(async () => {
    if (spec.commands && command.args.length > 0) refuseOrHelp(command, spec);
    const options = definedOptions(command);
    const warnings = checkOptions(spec, options);
    if (spec.groups?.includes("channels")) refuseContradictions(words);
    const ignoreRc = spec.ignoreRc?.(options) ?? false;
    await execute(await load(), {
      name,
      path: commandPath(command),
      args: command.args,
      options,
      ignoreRc,
      warnings,
    });
  });
}

/** Of a command that groups others: a word that names none of them is a slip, no word asks for help. */
function refuseOrHelp(command: Command, spec: CommandSpec): never {
  const [word] = command.args;
  if (word === undefined) return command.help({ error: true });
  const known = (spec.commands ?? []).filter(({ hidden }) => !hidden);
  const near = similarNames(
    word,
    known.flatMap(({ name, aliases = [] }) => [name, ...aliases]),
    1,
  )[0];
  let program = command;
  while (program.parent) program = program.parent;
  if (["micromamba", "mamba"].includes(program.name())) {
    // Said as of a command at the top: in that program's words.
    const suggestion = near ? `\n(Did you mean ${near}?)` : "";
    return command.error(`error: unknown command '${word}'${suggestion}`, {
      code: "commander.unknownCommand",
    });
  }
  throw new ToolError("usage", `\`${commandPath(command).join(" ")}\` has no command \`${word}\``, {
    hint: near ? `did you mean \`${near}\`?` : `it has ${known.map(({ name }) => name).join(", ")}`,
  });
}

/** What to say of options that change nothing; those that are not built are refused. */
function checkOptions(spec: CommandSpec, given: Readonly<Record<string, unknown>>): { message: string }[] {
  return optionsOf(spec).flatMap((option) => {
    if (!option.noEffect && !option.notBuilt) return [];
    const value = given[new Option(option.flags).attributeName()];
    const shown = longName(option);
    if (value === undefined || (value === false) !== shown.startsWith("--no-")) return [];
    if (option.notBuilt)
      throw new ToolError("not-implemented", `\`${shown}\` is not built: ${option.notBuilt}`);
    return [{ message: `\`${shown}\` has no effect: ${option.noEffect}` }];
  });
}

/** Own options and those of its groups; an own option replaces a group's of the same long name. */
export function optionsOf(spec: CommandSpec): OptionSpec[] {
  const own = spec.options ?? [];
  const longNames = new Set(own.map(longName));
  const shorts = new Set(own.map((option) => option.flags.match(/^-(\w),/)?.[1]).filter(Boolean));
  const grouped = (spec.groups ?? [])
    .flatMap((group: GroupName) => GROUPS[group].map((option) => ({ heading: HEADINGS[group], ...option })))
    .filter((option) => !longNames.has(longName(option)) && longNames.add(longName(option)));
  return [
    ...own,
    ...grouped.map((option) => {
      const short = option.flags.match(/^-(\w), /);
      return short && shorts.has(short[1]) ? { ...option, flags: option.flags.slice(4) } : option;
    }),
  ];
}

/** Under which heading the help has the options of a group; those of the command itself come first. */
const HEADINGS: Partial<Record<GroupName, string>> = {
  prefix: "Which environment",
  channels: "Channels",
  solver: "Solver",
  linking: "Linking",
  scripts: "Linking",
  network: "Network",
  general: "General options",
};

export function longName(option: OptionSpec): string {
  return option.flags.match(/--[\w-]+/)![0];
}

export function shortName(option: OptionSpec): string | undefined {
  return option.flags.match(/^-\w(?=,)/)?.[0];
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.help);
  if (spec.heading) option.helpGroup(`${spec.heading}:`);
  if (spec.choices) chooseFrom(option, spec.choices);
  if (spec.repeat)
    option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  if (spec.count) option.argParser((_: string, before: number | undefined) => (before ?? 0) + 1);
  if (spec.hidden) option.hideHelp();
  return option;
}

/** As commander's `choices`, whatever the case of the letters, as micromamba reads them. */
function chooseFrom(option: Option, choices: readonly string[]): void {
  option.argChoices = [...choices];
  option.argParser((value: string) => {
    const choice = choices.find((item) => item === value.toLowerCase());
    if (choice !== undefined) return choice;
    const near = similarNames(value, choices, 1)[0];
    throw new ToolError("usage", `\`${option.long}\` takes no \`${value}\``, {
      hint: `${near ? `did you mean \`${near}\`? It` : "it"} takes ${choices.join(", ")}`,
    });
  });
}

/** Only what was given on the command line: commander sets `--no-x` options to true by default. */
function definedOptions(command: Command): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(command.opts())) {
    if (command.getOptionValueSource(key) === "cli") given[key] = value;
  }
  return given;
}

function commandPath(command: Command): string[] {
  const path: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) path.unshift(at.name());
  return path;
}

export { CommanderError };

/** A group of commands without examples of its own shows the first of each command in it. */
function examplesOf(spec: CommandSpec): readonly string[] {
  return spec.examples ?? (spec.commands ?? []).flatMap((command) => examplesOf(command).slice(0, 1));
}
