import { ToolError } from "../errors.ts";
import { isWindowsPlatform } from "./python.ts";
import type { PythonInfo } from "./transaction.ts";
import { windowsLauncher } from "./windows-launcher.ts";

export interface EntryPoint {
  /** File name of the command, without directory and extension. */
  command: string;
  module: string;
  /** Possibly dotted: `app.run`. */
  func: string;
}

/** A file written, not linked: an entry point script. */
export interface GeneratedFile {
  path: string;
  pathType:
    | "unix_python_entry_point"
    | "windows_python_entry_point_script"
    | "windows_python_entry_point_exe";
  content: string | Uint8Array;
}

// The command becomes a file name and module and function become Python source: CVE-2026-47425 and GHSA-9m8m-c4j3-rj2c wrote
// files outside the prefix and injected code through them.
const COMMAND = /^(?!\.)[A-Za-z0-9_.+-]{1,200}$/;
const DOTTED = /^[\p{ID_Start}_][\p{ID_Continue}]*(\.[\p{ID_Start}_][\p{ID_Continue}]*)*$/u;

/**
 * `command = module:function`; `[extra]` after the function is allowed by setuptools and means nothing to an installer. No two parts that
 * follow each other can hold the same character: else a text of blanks would be tried in all of their divisions.
 */
const ENTRY_POINT =
  /^[ \t]*([^=\s]+)[ \t]*=[ \t]*(["']?)([^:\s]+)[ \t]*:[ \t]*([^\s["']+)(?:[ \t]*\[[\w\s,.-]*\])?\2[ \t]*$/;

/** Parses an entry point as link.json writes it; some builds quote what follows the `=`. Throws `unsafe-name`. */
export function parseEntryPoint(text: string, owner: string): EntryPoint {
  const [, command = "", , module = "", func = ""] = ENTRY_POINT.exec(text) ?? [];
  if (!COMMAND.test(command) || !DOTTED.test(module) || !DOTTED.test(func)) {
    throw new ToolError(
      "unsafe-name",
      `package \`${owner}\` has an invalid entry point \`${text.slice(0, 200)}\``,
      {
        hint: "an entry point is `command = module:function`; nothing was installed",
      },
    );
  }
  return { command, module, func };
}

/**
 * The first line(s) of a Python script: where the kernel cannot take the path (blanks, or longer than `limit` bytes), sh does,
 * with lines that are a string literal to Python.
 */
export function pythonShebang(interpreter: string, platform: string): string {
  const line = `#!${interpreter}`;
  if (Buffer.byteLength(line) <= shebangLimit(platform) && !/\s/.test(interpreter)) return `${line}\n`;
  return `#!/bin/sh\n'''exec' "${interpreter.replace(/(["$`\\])/g, "\\$1")}" "$0" "$@" #'''\n`;
}

/** Bytes of the first line that the kernel reads, `#!` included: Linux before 5.1 cut at 127, macOS cuts at 512. */
export function shebangLimit(platform: string): number {
  return platform.startsWith("osx-") ? 512 : 127;
}

function body(entry: EntryPoint): string {
  const imported = entry.func.split(".", 1)[0]!;
  return [
    "# -*- coding: utf-8 -*-",
    "import re",
    "import sys",
    "",
    `from ${entry.module} import ${imported}`,
    "",
    "if __name__ == '__main__':",
    "    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])",
    `    sys.exit(${entry.func}())`,
    "",
  ].join("\n");
}

/** The files of an entry point. On Windows a program starts the script; it is one for x86-64, which Windows on ARM runs, too. */
export function entryPointFiles(
  entry: EntryPoint,
  python: PythonInfo,
  prefix: string,
  platform: string,
): GeneratedFile[] {
  if (!isWindowsPlatform(platform)) {
    const interpreter = `${prefix}/${python.executable}`;
    return [
      {
        path: `bin/${entry.command}`,
        pathType: "unix_python_entry_point",
        content: pythonShebang(interpreter, platform) + body(entry),
      },
    ];
  }
  const script = `Scripts/${entry.command}-script.py`;
  return [
    { path: script, pathType: "windows_python_entry_point_script", content: body(entry) },
    platform === "win-32"
      ? {
          path: `Scripts/${entry.command}.bat`,
          pathType: "windows_python_entry_point_exe",
          content: `@"%~dp0..\\python.exe" "%~dp0${entry.command}-script.py" %*\r\n`,
        }
      : {
          path: `Scripts/${entry.command}.exe`,
          pathType: "windows_python_entry_point_exe",
          content: windowsLauncher(),
        },
  ];
}
