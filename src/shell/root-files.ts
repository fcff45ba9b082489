/** What `shell init` puts below the root prefix. */
import { join } from "node:path";
import { quotePosix } from "../util/format.ts";
import { functionName, shellHook } from "./hook.ts";
import type { InitInput } from "./init-block.ts";
import { escapeCmd, type Shell, shellSyntax } from "./syntax.ts";

/**
 * Files of the hook below the root prefix, by path, as mamba lays them out. By conda's name some have conda's names, too, since scripts
 * source those.
 */
export function rootFiles(shell: Shell, input: InitInput): [path: string, text: string][] {
  const { rootPrefix } = input;
  const profile = join(rootPrefix, "etc", "profile.d");
  const hook = hookOf(shell, input);
  switch (shellSyntax(shell).family) {
    case "posix":
      return posixFiles(profile, input);
    case "fish":
      return named(join(rootPrefix, "etc", "fish", "conf.d"), "fish", hook, input);
    case "csh":
      return named(profile, "csh", hook, input);
    case "xonsh":
      return named(profile, "xsh", hook, input);
    case "nu":
      return [];
    case "powershell":
      return [
        [join(rootPrefix, "condabin", "mamba_hook.ps1"), hook],
        [join(rootPrefix, "condabin", "Mamba.psm1"), hook],
      ];
    case "cmd":
      return batchFiles(input);
  }
}

function hookOf(shell: Shell, { name, exe, rootPrefix }: InitInput): string {
  return shellHook(shell, { name, exe, rootPrefix, completion: false });
}

function named(
  directory: string,
  ending: string,
  hook: string,
  { name }: InitInput,
): [path: string, text: string][] {
  const names = name === "conda" ? ["mamba", "conda"] : ["mamba"];
  return names.map((tool) => [join(directory, `${tool}.${ending}`), hook]);
}

/** With `bin/activate` for `source <root>/bin/activate NAME`: the hook, then one activation. */
function posixFiles(profile: string, input: InitInput): [path: string, text: string][] {
  const bin = join(input.rootPrefix, "bin");
  const hook = hookOf("posix", input);
  const name = functionName(input.name);
  const files = named(profile, "sh", hook, input);
  files.push([join(bin, "activate"), `${hook}${name} activate "$@"\n`]);
  if (input.name === "conda") files.push([join(bin, "deactivate"), `${hook}${name} deactivate\n`]);
  return [...files, ...programs(input)];
}

/** What the programs below begin with. An executable that somebody put in their place may have any other text in it. */
export const PROGRAM_START = "#!/bin/sh\nexport MAMBA_ROOT_PREFIX=";

/**
 * Editors and R look for conda and mamba below the root prefix, and take the root prefix from where they found it. Scripts, not
 * links: what follows a link to the executable (R's reticulate) ends at a file that is not called conda.
 */
function programs({ name, exe, rootPrefix }: InitInput): [path: string, text: string][] {
  if (name !== "conda" && name !== "mamba") return [];
  const text = `${PROGRAM_START}${quotePosix(rootPrefix)}\nexec ${quotePosix(exe)} "$@"\n`;
  const paths = ["bin", "condabin"].map((directory) => join(rootPrefix, directory, name));
  // An executable that was put there itself would start itself.
  return paths.includes(exe) ? [] : paths.map((path) => [path, text]);
}

function batchFiles({ name, exe, rootPrefix }: InitInput): [path: string, text: string][] {
  const program = `"${exe.replaceAll("%", "%%")}"`;
  const condabin = join(rootPrefix, "condabin");
  const tool = functionName(name);
  const crlf = (lines: readonly string[]) => lines.map((line) => `${line}\r\n`).join("");
  const variables = [`@SET MAMBA_EXE=${escapeCmd(exe)}`, `@SET MAMBA_ROOT_PREFIX=${escapeCmd(rootPrefix)}`];
  return [
    [join(condabin, "mamba_hook.bat"), crlf([...variables, `@DOSKEY ${tool}="%~dp0${tool}.bat" $*`])],
    [
      join(condabin, `${tool}.bat`),
      crlf([
        ...variables,
        '@IF "%~1"=="activate" GOTO :CHANGE',
        '@IF "%~1"=="deactivate" GOTO :CHANGE',
        '@IF "%~1"=="reactivate" GOTO :CHANGE',
        `@CALL ${program} %*`,
        '@SET "_MAMBA_CODE=%ERRORLEVEL%"',
        '@IF NOT "%_MAMBA_CODE%"=="0" EXIT /B %_MAMBA_CODE%',
        "@IF NOT DEFINED CONDA_PREFIX EXIT /B 0",
        '@FOR %%I IN (install update upgrade remove uninstall) DO @IF "%~1"=="%%I" GOTO :RELOAD',
        "@EXIT /B 0",
        ":RELOAD",
        '@CALL "%~dp0_mamba_activate.bat" reactivate',
        "@EXIT /B 0",
        ":CHANGE",
        '@CALL "%~dp0_mamba_activate.bat" %*',
      ]),
    ],
    [
      join(condabin, "_mamba_activate.bat"),
      crlf([
        '@SET "_MAMBA_SCRIPT="',
        `@FOR /F "usebackq delims=" %%I IN (\`"${program} shell %* --shell cmd.exe"\`) DO @SET "_MAMBA_SCRIPT=%%I"`,
        "@IF NOT DEFINED _MAMBA_SCRIPT EXIT /B 1",
        '@CALL "%_MAMBA_SCRIPT%"',
        '@DEL /Q "%_MAMBA_SCRIPT%"',
        '@SET "_MAMBA_SCRIPT="',
      ]),
    ],
    [join(condabin, "activate.bat"), crlf([`@CALL "%~dp0${tool}.bat" activate %*`])],
  ];
}
