import { GROUPS, type OptionSpec } from "./options.ts";
import { longName, optionsOf } from "./program.ts";
import { COMMANDS, type CommandSpec } from "./verbs.ts";

/**
 * Rewrites the other spellings that conda and mamba users type (`-d`, `--copy`, `--subdir`) to the option's own name,
 * and options before the command (`taipan -n x list`, `taipan --json list`) behind it.
 */
export function normalizeArguments(args: readonly string[]): string[] {
  const { leading, rest } = splitLeading(args);
  const found = findCommand(rest);
  if (!found) return [...args];
  const { spec, depth } = found;
  const aliases = new Map<string, string>();
  for (const option of optionsOf(spec))
    for (const other of option.also ?? []) aliases.set(other, longName(option));
  const tail = [...leading, ...rest.slice(depth)];
  const end = spec.passThrough ? firstPositional(tail, spec) : tail.length;
  return [...rest.slice(0, depth), ...tail.map((arg, i) => (i < end ? rewrite(arg, aliases) : arg))];
}

function rewrite(arg: string, aliases: ReadonlyMap<string, string>): string {
  const at = arg.indexOf("=");
  const name = arg.startsWith("--") && at > 0 ? arg.slice(0, at) : arg;
  const target = aliases.get(name);
  return target === undefined ? arg : target + arg.slice(name.length);
}

function takesValue(option: OptionSpec): boolean {
  return /[<[]/.test(option.flags);
}

function findOption(arg: string, options: readonly OptionSpec[]): OptionSpec | undefined {
  const name = arg.split("=")[0]!;
  return options.find(
    (option) =>
      longName(option) === name || option.flags.startsWith(`${name}, `) || option.also?.includes(name),
  );
}

/** Options in front of the command; only those that every command takes. */
function splitLeading(args: readonly string[]): { leading: string[]; rest: string[] } {
  const common = [...GROUPS.general, ...GROUPS.prefix];
  let at = 0;
  while (at < args.length && args[at]!.startsWith("-")) {
    const option = findOption(args[at]!, common);
    if (!option) break;
    at += takesValue(option) && !args[at]!.includes("=") ? 2 : 1;
  }
  return { leading: args.slice(0, at), rest: args.slice(at) };
}

function findCommand(args: readonly string[]): { spec: CommandSpec; depth: number } | undefined {
  let level: readonly CommandSpec[] = COMMANDS;
  let spec: CommandSpec | undefined;
  let depth = 0;
  for (; depth < args.length; depth++) {
    const next = level.find((entry) => entry.name === args[depth] || entry.aliases?.includes(args[depth]!));
    if (!next) break;
    spec = next;
    level = next.commands ?? [];
  }
  return spec && { spec, depth };
}

/** Index of the first argument that is neither an option nor an option's value: the program that `run` runs. */
function firstPositional(args: readonly string[], spec: CommandSpec): number {
  const options = optionsOf(spec);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith("-")) return i;
    if (arg === "--") return i + 1;
    const option = findOption(arg, options);
    if (option && takesValue(option) && !arg.includes("=")) i++;
  }
  return args.length;
}
