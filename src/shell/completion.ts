/**
 * Tab completion. The hooks of bash, zsh, fish, xonsh and PowerShell call `taipan completer -- WORDS...` with the words
 * after the program's name, the last one being completed (maybe empty), and offer the lines that it prints.
 */
export interface CompletionCommand {
  name: string;
  /** Long and short options, such as `--name` and `-n`. */
  options: readonly CompletionOption[];
  subcommands: readonly CompletionCommand[];
  /** What its positional arguments are. */
  arguments?: CompletionValue;
}

export interface CompletionOption {
  names: readonly string[];
  /** What its value is; undefined for a flag. */
  value?: CompletionValue | undefined;
}

/** A kind of value, or its words. `file` leaves completion to the shell. */
export type CompletionValue =
  | "environment"
  | "package"
  | "installed-package"
  | "config-key"
  | "file"
  | "text"
  | readonly string[];

export interface CompletionContext {
  root: CompletionCommand;
  /** Candidates of a kind that start with the text; called at most once. */
  candidates(
    kind: "environment" | "package" | "installed-package" | "config-key",
    start: string,
  ): readonly string[];
}

/** Candidates for the last of the words, sorted. Never throws: an unknown command or option has none. */
export function complete(words: readonly string[], context: CompletionContext): string[] {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const { command, pending } = follow(before, context.root);
  if (before.includes("--")) return offer(command.arguments, current, context);
  if (pending) return offer(pending, current, context);
  const [name, value] = splitOption(current);
  if (value !== undefined) {
    const option = command.options.find((item) => item.names.includes(name));
    return offer(option?.value, value, context).map((item) => `${name}=${item}`);
  }
  if (current.startsWith("-")) {
    const names = command.options.flatMap((option) => option.names);
    const long = names.filter((item) => item.startsWith("--"));
    return starting(current === "-" ? names : long, current);
  }
  const commands = starting(
    command.subcommands.map((item) => item.name),
    current,
  );
  return [...new Set([...commands, ...offer(command.arguments, current, context)])];
}

function splitOption(word: string): [name: string, value: string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** Walks the words: which command they reach, and whether the last one is an option that waits for its value. */
function follow(
  words: readonly string[],
  root: CompletionCommand,
): { command: CompletionCommand; pending: CompletionValue | undefined } {
  let command = root;
  let options = root.options;
  let pending: CompletionValue | undefined;
  for (const word of words) {
    if (pending) {
      pending = undefined;
      continue;
    }
    if (word.startsWith("-")) {
      const [name, value] = splitOption(word);
      pending = value === undefined ? options.find((item) => item.names.includes(name))?.value : undefined;
      continue;
    }
    const next = command.subcommands.find((item) => item.name === word);
    if (!next) continue;
    command = next;
    // Options of outer commands are accepted after inner ones, too.
    options = [...next.options, ...options];
  }
  return { command: { ...command, options }, pending };
}

function offer(value: CompletionValue | undefined, start: string, context: CompletionContext): string[] {
  if (value === undefined || value === "text" || value === "file") return [];
  return starting(typeof value === "string" ? context.candidates(value, start) : value, start);
}

function starting(words: readonly string[], start: string): string[] {
  return [...new Set(words.filter((word) => word.startsWith(start)))].sort();
}
