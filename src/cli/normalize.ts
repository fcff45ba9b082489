import { ToolError } from "../errors.ts";
import type { OptionSpec } from "./options.ts";
import { GROUPS } from "./options.ts";
import { longName, optionsOf, shortName } from "./program.ts";
import { COMMANDS, type CommandSpec } from "./verbs.ts";

/**
 * Rewrites what conda and mamba users type to the one form that is parsed: other spellings of options (`-d`, `--copy`),
 * bundles of letters (`-tipsy`), options before the command (`taipan -n x list`, `config --json list x`), options with
 * two values (`--set KEY VALUE`) and conda's `shell.bash hook`. `name` is the name that the program is run by: it decides
 * what a letter means on which the peers disagree.
 */
export function normalizeArguments(args: readonly string[], name = "taipan"): string[] {
  const { leading, rest } = splitLeading(shellCommand(args));
  const found = findCommand(rest);
  if (!found) return withoutHelp(args, rest[0]);
  const { spec, path, tail } = found;
  const words = [...leading, ...tail];
  return [...path, ...rewriteOptions(words, spec, name)];
}

/** `build --help` asks whether there is a `build`: where there is none, help of the whole would say yes. */
function withoutHelp(args: readonly string[], word: string | undefined): string[] {
  if (word === undefined || word === "help" || isOption(word)) return [...args];
  return args.filter((arg) => arg !== "--help" && arg !== "-h");
}

/** What a word becomes once its option is known; two values of an option are joined by the one character no argument holds. */
function rewriteOptions(words: readonly string[], spec: CommandSpec, name: string): string[] {
  const options = optionsOf(spec);
  const aliases = aliasesOf(options, name);
  const result: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") return [...result, ...words.slice(i)];
    if (!isOption(word)) {
      // From here on everything belongs to the program that is run.
      if (spec.passThrough) return [...result, ...words.slice(i)];
      result.push(word);
      continue;
    }
    for (const single of splitBundle(word, options, aliases)) {
      const renamed = rename(single, aliases);
      const option = findOption(renamed, options);
      const count = option && !renamed.includes("=") ? valueCount(option, renamed) : 0;
      const values = words.slice(i + 1, i + 1 + count);
      i += values.length;
      if (count === 2 && values.length === 2) result.push(`${renamed}=${values.join(VALUE_SEPARATOR)}`);
      else result.push(renamed, ...values);
      if (!option?.greedy || spec.passThrough || !GREEDY_NAMES.has(name)) continue;
      while (i + 1 < words.length && !isOption(words[i + 1]!)) result.push(longName(option), words[++i]!);
    }
  }
  return result;
}

/** Names of programs whose options with a list of values take every word up to the next option. */
const GREEDY_NAMES = new Set(["mamba", "micromamba"]);

/** Between the values of an option that takes two: the operating system passes no argument with a NUL. */
export const VALUE_SEPARATOR = "\0";

function isOption(word: string): boolean {
  return word.startsWith("-") && word !== "-";
}

function aliasesOf(options: readonly OptionSpec[], name: string): Map<string, string> {
  const aliases = new Map<string, string>();
  for (const option of options) {
    for (const other of option.also ?? []) aliases.set(other, longName(option));
    for (const other of option.alsoAs?.[name] ?? []) aliases.set(other, longName(option));
    for (const [other, value] of Object.entries(option.shorthand ?? {}))
      aliases.set(other, `${longName(option)}=${value}`);
  }
  return aliases;
}

function rename(word: string, aliases: ReadonlyMap<string, string>): string {
  const at = word.indexOf("=");
  const name = word.startsWith("--") && at > 0 ? word.slice(0, at) : word;
  const target = aliases.get(name);
  return target === undefined ? word : target + word.slice(name.length);
}

/** `-tipsy` as five flags; a bundle with a letter that is no flag stays whole, as it may be `-nNAME`. */
function splitBundle(
  word: string,
  options: readonly OptionSpec[],
  aliases: ReadonlyMap<string, string>,
): string[] {
  if (!/^-[A-Za-z]{2,}$/.test(word)) return [word];
  const letters = [...word.slice(1)].map((letter) => `-${letter}`);
  const flags = letters.every((letter) => {
    const option = findOption(rename(letter, aliases), options);
    return option !== undefined && valueCount(option, letter) === 0;
  });
  return flags ? letters : [word];
}

/** How many of the following words are the option's; an optional value is left to the parser. */
function valueCount(option: OptionSpec, word: string): number {
  if (!option.flags.includes("<")) return 0;
  if (option.flags.includes("...>")) return 0;
  // `-nNAME`
  if (/^-[A-Za-z]./.test(word)) return 0;
  return option.values ?? 1;
}

function findOption(word: string, options: readonly OptionSpec[]): OptionSpec | undefined {
  const name = word.split("=")[0]!;
  const short = /^-[A-Za-z]/.test(word) ? word.slice(0, 2) : undefined;
  return options.find(
    (option) =>
      longName(option) === name || (short && shortName(option) === short) || option.also?.includes(name),
  );
}

/** conda's sentence. */
const SHELL_WORDS = "'activate', 'deactivate', 'hook', 'commands', or 'reactivate' command must be given.";

/** conda's `shell.bash hook` and `shell.posix activate x`. */
function shellCommand(args: readonly string[]): readonly string[] {
  if (args[0] === "shell" && args.includes("--shell")) return helpOfFunction(args);
  const match = /^shell\.([\w.]+?)(\+json)?$/.exec(args[0] ?? "");
  if (!match) return args;
  const [operation, ...rest] = args.slice(1);
  const known = COMMANDS.find(({ name }) => name === "shell")?.commands;
  if (operation !== "commands" && !known?.some(({ name }) => name === operation))
    throw new ToolError("usage", SHELL_WORDS, { hint: `such as \`${args[0]} hook\`` });
  if (operation === "commands") return ["commands", ...rest];
  return helpOfFunction([
    "shell",
    operation!,
    "--shell",
    match[1]!,
    ...(match[2] ? ["--json"] : []),
    ...rest,
  ]);
}

/**
 * `conda activate --help` in a shell that is set up: the function passes it on as `shell activate --help --shell bash`, and what
 * helps is the help of what was typed. `--shell` stays, as the mark of text that a shell evaluates.
 */
function helpOfFunction(args: readonly string[]): readonly string[] {
  const [, operation, ...rest] = args;
  if (!/^(?:de|re)?activate$/.test(operation ?? "") || !rest.some((word) => HELP_WORDS.has(word)))
    return args;
  return [operation!, "--help", "--shell"];
}

/** conda knows the last, too. */
const HELP_WORDS = new Set(["-h", "--help", "/?"]);

/** Options in front of a command, of those that the given options know. */
function splitLeading(
  args: readonly string[],
  options: readonly OptionSpec[] = [...GROUPS.general, ...GROUPS.prefix],
): { leading: string[]; rest: string[] } {
  let at = 0;
  while (at < args.length && isOption(args[at]!) && args[at] !== "--") {
    const option = findOption(args[at]!, options);
    if (!option || option.flags.includes("[") || option.flags.includes("...>")) break;
    at += 1 + (args[at]!.includes("=") ? 0 : valueCount(option, args[at]!));
  }
  return { leading: args.slice(0, at), rest: args.slice(at) };
}

interface Found {
  spec: CommandSpec;
  path: string[];
  /** Everything behind the command, with the options that stood between its words. */
  tail: string[];
}

/** The command that the words name. `config --json list` names `config list`; `config --get list` does not. */
function findCommand(args: readonly string[]): Found | undefined {
  const at = (level: readonly CommandSpec[], word: string | undefined) =>
    level.find((entry) => entry.name === word || (word !== undefined && entry.aliases?.includes(word)));
  const first = at(COMMANDS, args[0]);
  if (!first) return undefined;
  let spec = first;
  const path = [args[0]!];
  let tail: string[] = args.slice(1);
  while (spec.commands) {
    const { leading, rest } = splitLeading(tail, [...GROUPS.general, ...GROUPS.prefix]);
    const next = at(spec.commands, rest[0]);
    if (!next) break;
    path.push(rest[0]!);
    tail = [...leading, ...rest.slice(1)];
    spec = next;
  }
  return { spec, path, tail };
}
