import { ToolError } from "../errors.ts";
import { isShell, type Shell } from "./syntax.ts";

/** The shell that started us, by the path in `SHELL`; on Windows cmd.exe unless PowerShell did. */
export function guessShell(env: Readonly<Record<string, string | undefined>>, platform: string): Shell {
  if (platform.startsWith("win")) return env["PSModulePath"] && !env["PROMPT"] ? "powershell" : "cmd.exe";
  const name = env["SHELL"]?.split("/").at(-1) ?? "";
  if (name === "sh") return "posix";
  if (isShell(name)) return name;
  throw new ToolError("usage", name === "" ? "the shell is not known" : `\`${name}\` is no known shell`, {
    hint: "name it: --shell bash|zsh|fish|...",
  });
}
