import { quotePosix } from "../util/format.ts";
import type { Step } from "./activation.ts";

/** Shells by the names that `shell -s` takes. */
export const SHELLS = [
  "bash",
  "zsh",
  "dash",
  "posix",
  "ash",
  "fish",
  "tcsh",
  "csh",
  "xonsh",
  "nu",
  "powershell",
  "pwsh",
  "cmd.exe",
] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(name: string): name is Shell {
  return (SHELLS as readonly string[]).includes(name);
}

/** How a family of shells writes what activation does. Every value and path is quoted, whatever it holds. */
export interface ShellSyntax {
  family: "posix" | "fish" | "csh" | "xonsh" | "nu" | "powershell" | "cmd";
  /** Ending of scripts in activate.d. */
  scriptExtension: string;
  /** The variable that holds the prompt in the shell's environment, where activation rewrites it. */
  promptVariable?: string;
  render(steps: readonly Step[]): string;
}

type Writers = {
  set(name: string, value: string): string;
  unset(name: string): string;
  source(path: string): string;
  prompt?(value: string): string;
};

function lines(writers: Writers): (steps: readonly Step[]) => string {
  const write = (step: Step): string => {
    if (step.type === "set") return writers.set(step.name, step.value);
    if (step.type === "unset") return writers.unset(step.name);
    if (step.type === "source") return writers.source(step.path);
    return writers.prompt?.(step.value) ?? "";
  };
  return (steps) =>
    steps
      .map(write)
      .map((line) => (line === "" ? "" : `${line}\n`))
      .join("");
}

function doubleQuotePosix(text: string): string {
  return `"${text.replace(/[\\"$`]/g, "\\$&")}"`;
}

export function quoteFish(text: string): string {
  return `"${text.replace(/[\\"$]/g, "\\$&")}"`;
}

/**
 * csh expands history even between single quotes, and a line cannot continue inside a word that `eval` reads from a
 * backquoted command: a line break in a value becomes a space.
 */
export function quoteCsh(text: string): string {
  return quotePosix(text).replaceAll("!", "\\!").replace(/\r?\n/g, " ");
}

/** A Python string literal. */
export function quotePython(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/[\0-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)}"`;
}

/** PowerShell takes typographic quotes for quotes. */
export function quotePowerShell(text: string): string {
  return `'${text.replace(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`;
}

/**
 * A value in a batch file. Quoting with `"` would end at a quote in the value and run what follows, so every special
 * character gets a caret; percent signs are doubled. A batch file cannot hold line breaks: they become spaces.
 */
export function escapeCmd(text: string): string {
  return text
    .replace(/[\r\n\0]+/g, " ")
    .replaceAll("%", "%%")
    .replace(/[&|<>^"()!]/g, "^$&");
}

const POSIX: ShellSyntax = {
  family: "posix",
  scriptExtension: ".sh",
  promptVariable: "PS1",
  render: lines({
    set: (name, value) => `export ${name}=${quotePosix(value)}`,
    unset: (name) => `unset ${name}`,
    source: (path) => `. ${doubleQuotePosix(path)}`,
    prompt: (value) => `PS1=${quotePosix(value)}`,
  }),
};

const FISH: ShellSyntax = {
  family: "fish",
  scriptExtension: ".fish",
  render: lines({
    set: (name, value) => `set -gx ${name} ${quoteFish(value)}`,
    unset: (name) => `set -e ${name} || true`,
    source: (path) => `source ${quoteFish(path)}`,
  }),
};

const CSH: ShellSyntax = {
  family: "csh",
  scriptExtension: ".csh",
  promptVariable: "prompt",
  render: lines({
    set: (name, value) => `setenv ${name} ${quoteCsh(value)};`,
    unset: (name) => `unsetenv ${name};`,
    source: (path) => `source ${quoteCsh(path)};`,
    prompt: (value) => `set prompt=${quoteCsh(value)};`,
  }),
};

const XONSH: ShellSyntax = {
  family: "xonsh",
  scriptExtension: ".sh",
  render: lines({
    set: (name, value) => `$${name} = ${quotePython(value)}`,
    unset: (name) => `\${...}.pop(${quotePython(name)}, None)`,
    // Between plain quotes xonsh would expand `$NAME`; the form @(...) takes any Python value as it is.
    source: (path) => `source-bash --suppress-skip-message -n @(${quotePython(path)})`,
  }),
};

/** nushell cannot evaluate text, but it reads data: the hook loads this object. */
const NU: ShellSyntax = {
  family: "nu",
  scriptExtension: ".nu",
  render: (steps) => {
    const set: Record<string, string> = {};
    const unset = new Set<string>();
    for (const step of steps) {
      if (step.type === "set") set[step.name] = step.value;
      if (step.type === "set") unset.delete(step.name);
      if (step.type === "unset") unset.add(step.name);
      if (step.type === "unset") delete set[step.name];
    }
    return steps.length === 0 ? "" : `${JSON.stringify({ set, unset: [...unset] })}\n`;
  },
};

const POWERSHELL: ShellSyntax = {
  family: "powershell",
  scriptExtension: ".ps1",
  render: lines({
    set: (name, value) => `$Env:${name} = ${quotePowerShell(value)}`,
    unset: (name) => `Remove-Item -LiteralPath Env:${name} -ErrorAction SilentlyContinue`,
    source: (path) => `. ${quotePowerShell(path)}`,
  }),
};

const CMD: ShellSyntax = {
  family: "cmd",
  scriptExtension: ".bat",
  promptVariable: "PROMPT",
  render: (steps) =>
    lines({
      set: (name, value) => `@SET ${name}=${escapeCmd(value)}`,
      unset: (name) => `@SET ${name}=`,
      // CALL reads its line a second time, so a percent sign is doubled twice.
      source: (path) => `@CALL "${path.replaceAll("%", "%%%%")}"`,
      prompt: (value) => `@SET PROMPT=${escapeCmd(value)}`,
    })(steps).replaceAll("\n", "\r\n"),
};

export function shellSyntax(shell: Shell): ShellSyntax {
  switch (shell) {
    case "bash":
    case "zsh":
    case "dash":
    case "posix":
    case "ash":
      return POSIX;
    case "fish":
      return FISH;
    case "tcsh":
    case "csh":
      return CSH;
    case "xonsh":
      return XONSH;
    case "nu":
      return NU;
    case "powershell":
    case "pwsh":
      return POWERSHELL;
    case "cmd.exe":
      return CMD;
  }
}
