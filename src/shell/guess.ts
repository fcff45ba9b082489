import { ToolError } from "../errors.ts";
import { parentProgram } from "../host/parent.ts";
import { isShell, type Shell } from "./syntax.ts";

/** What `sh` may be: scripts and `RUN` lines are run by it whatever shell the user has. */
const PLAIN = ["sh", "dash", "ash"];

/**
 * The shell that started us; where that is none, or a plain `sh`, the one in `SHELL`. A bash that was started from zsh has zsh there.
 * On Windows cmd.exe unless PowerShell started us.
 */
export function guessShell(
  env: Readonly<Record<string, string | undefined>>,
  platform: string,
  parent: () => string | undefined = parentProgram,
): Shell {
  if (platform.startsWith("win")) return env["PSModulePath"] && !env["PROMPT"] ? "powershell" : "cmd.exe";
  const started = parent() ?? "";
  if (isShell(started) && !PLAIN.includes(started)) return started;
  const name = env["SHELL"]?.split("/").at(-1) ?? "";
  if (name === "sh" || (name === "" && PLAIN.includes(started))) return "posix";
  if (isShell(name)) return name;
  throw new ToolError("usage", name === "" ? "the shell is not known" : `\`${name}\` is no known shell`, {
    hint: "name it: --shell bash|zsh|fish|...",
  });
}
