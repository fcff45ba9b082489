import { isAbsolute, join, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { isFileSync } from "../fs/sync-files.ts";

/** A program and its arguments as Windows has to be told them. */
export interface WindowsCommand {
  file: string;
  args: readonly string[];
  /** The arguments are the command line as it is: Node's quoting would put backslashes that cmd.exe does not know. */
  verbatim: boolean;
}

/** cmd.exe and its arguments for a line of its own language; the outer quotes are those that `/S` takes away. */
export function cmdLine(line: string, env: Readonly<Record<string, string | undefined>>): WindowsCommand {
  const file = variable(env, "COMSPEC") || "cmd.exe";
  return { file, args: ["/d", "/e:on", "/v:off", "/s", "/c", `"${line}"`], verbatim: true };
}

/**
 * What runs when a person types these words: a program without its ending is looked for on PATH as cmd.exe does
 * (Windows itself tries `.exe` alone), and batch files are run by cmd.exe. Throws `usage` for an argument that no batch file can get.
 */
export function windowsCommand(
  file: string,
  args: readonly string[],
  options: { env: Readonly<Record<string, string | undefined>>; cwd?: string | undefined },
): WindowsCommand {
  const found = findProgram(file, options);
  if (!found || !/\.(bat|cmd)$/i.test(found)) return { file: found ?? file, args, verbatim: false };
  return cmdLine([found, ...args].map(quoteBatch).join(" "), options.env);
}

function findProgram(
  file: string,
  { env, cwd = "." }: { env: Readonly<Record<string, string | undefined>>; cwd?: string | undefined },
): string | undefined {
  const endings = (variable(env, "PATHEXT") || ".COM;.EXE;.BAT;.CMD")
    .toLowerCase()
    .split(";")
    .filter((ending) => /^\.(com|exe|bat|cmd)$/.test(ending));
  const names = [
    ...(endings.some((ending) => file.toLowerCase().endsWith(ending)) ? [file] : []),
    ...endings.map((ending) => file + ending),
  ];
  const directories = /[/\\:]/.test(file)
    ? [cwd]
    : (variable(env, "PATH") ?? "").split(";").filter((directory) => directory !== "");
  return directories
    .flatMap((directory) =>
      names.map((name) => (isAbsolute(name) ? name : join(resolve(cwd, directory), name))),
    )
    .find(isFileSync);
}

/**
 * Quotes are doubled, as a backslash before one means nothing to cmd.exe and what follows would become a command. A
 * percent sign begins the name of a variable even between quotes; `%cd:~,%` is such a name, and its value is empty.
 */
function quoteBatch(text: string): string {
  if (/[\r\n\0]/.test(text))
    throw new ToolError("usage", "a batch file can get no argument with a line break");
  const escaped = text.replace(
    /(\\*)("|$)/g,
    (_, slashes: string, end: string) => slashes + slashes + (end && '""'),
  );
  return `"${escaped.replaceAll("%", "%%cd:~,%")}"`;
}

const SYSTEM_PROGRAMS: Readonly<Record<string, string>> = {
  "reg.exe": "System32\\reg.exe",
  "powershell.exe": "System32\\WindowsPowerShell\\v1.0\\powershell.exe",
};

/** Windows looks for a bare name in the working directory first, where anybody may have put one: its own programs are named whole. */
export function systemProgram(file: string, env: Readonly<Record<string, string | undefined>>): string {
  const known = Object.hasOwn(SYSTEM_PROGRAMS, file) ? SYSTEM_PROGRAMS[file] : undefined;
  const root = variable(env, "SYSTEMROOT");
  return known && root ? `${root}\\${known}` : file;
}

/** Names of variables are the same in every case on Windows. */
function variable(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  return Object.entries(env).find(([key]) => key.toUpperCase() === name)?.[1];
}
