import { completions } from "../../commands/completer.ts";
import type { CompletionCommand, CompletionOption, CompletionValue } from "../../shell/completion.ts";
import { SHELLS } from "../../shell/syntax.ts";
import { EXIT } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import { GROUPS, type OptionSpec } from "../options.ts";
import { longName, optionsOf, shortName } from "../program.ts";
import type { Session } from "../session.ts";
import { COMMANDS, type CommandSpec } from "../verbs.ts";

/** Prints what the last of the words can become, one a line. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const words = invocation.args[0] === "--" ? invocation.args.slice(1) : invocation.args;
  const found = await completions(
    { words: words.length === 0 ? [""] : words, root: completionTree() },
    session.context,
  );
  if (session.json) session.printJson(found);
  else if (found.length > 0) session.print(found.join("\n"));
  return EXIT.ok;
}

function completionTree(): CompletionCommand {
  return {
    name: "",
    options: [...GROUPS.general, ...GROUPS.prefix].map(toOption),
    subcommands: COMMANDS.filter((spec) => !spec.hidden).flatMap((spec) => toCommands(spec, "")),
  };
}

/** A command under its name and under each of its aliases. */
function toCommands(spec: CommandSpec, parent: string): CompletionCommand[] {
  const path = parent === "" ? spec.name : `${parent} ${spec.name}`;
  const subcommands = (spec.commands ?? [])
    .filter((child) => !child.hidden)
    .flatMap((child) => toCommands(child, path));
  const value = ARGUMENTS[path];
  const command = {
    options: optionsOf(spec)
      .filter((option) => !option.hidden)
      .map(toOption),
    subcommands,
    ...(value === undefined ? {} : { arguments: value }),
  };
  return [spec.name, ...(spec.aliases ?? [])].map((name) => ({ name, ...command }));
}

function toOption(option: OptionSpec): CompletionOption {
  const short = shortName(option);
  const names = short ? [short, longName(option)] : [longName(option)];
  return { names, value: valueKind(option) };
}

function valueKind(option: OptionSpec): CompletionValue | undefined {
  if (!/[<[]/.test(option.flags)) return undefined;
  if (option.choices) return option.choices;
  const known = VALUES[longName(option)];
  if (known) return known;
  return /<(file|path|dir)>/.test(option.flags) ? "file" : "text";
}

const VALUES: Readonly<Record<string, CompletionValue>> = {
  "--name": "environment",
  "--clone": "environment",
  "--shell": SHELLS,
  "--set": "config-key",
  "--add": "config-key",
  "--append": "config-key",
  "--remove": "config-key",
  "--remove-key": "config-key",
  "--get": "config-key",
  "--show": "config-key",
  "--describe": "config-key",
};

/** What the positional arguments of a command are, where it is neither text nor a file. */
const ARGUMENTS: Readonly<Record<string, CompletionValue>> = {
  create: "package",
  "env create": "package",
  install: "package",
  search: "package",
  "repoquery search": "package",
  "repoquery depends": "package",
  "repoquery whoneeds": "package",
  lock: "package",
  update: "installed-package",
  remove: "installed-package",
  list: "installed-package",
  why: "installed-package",
  activate: "environment",
  "shell activate": "environment",
  compare: "environment",
  init: SHELLS,
  "config list": "config-key",
  "config describe": "config-key",
  "config get": "config-key",
  "config set": "config-key",
  "config append": "config-key",
  "config prepend": "config-key",
  "config remove": "config-key",
  "config remove-key": "config-key",
};
