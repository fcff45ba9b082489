import { ToolError } from "../../errors.ts";
import type { Invocation } from "../invocation.ts";

/** Reached only where the shell's function is missing: a program cannot change the shell that started it. */
export async function run(invocation: Invocation): Promise<number> {
  const { name } = invocation;
  const verb = invocation.path[0] ?? "activate";
  const words = [verb, ...invocation.args].join(" ");
  throw new ToolError(
    "usage",
    name === "conda"
      ? `Run 'conda init' before 'conda ${verb}'`
      : `\`${name} ${words}\` needs a shell that is set up for ${name}, and this one is not`,
    {
      details: name === "conda" ? { exception_name: "CondaError" } : undefined,
      hint: [
        `for this shell only: eval "$(${name} shell hook -s bash)", then \`${name} ${words}\``,
        `for every new shell: ${name} shell init -s bash   (or zsh, fish, tcsh, xonsh, nu, powershell, cmd.exe)`,
        `without activating: ${name} run -n NAME PROGRAM`,
      ].join("\n"),
    },
  );
}
