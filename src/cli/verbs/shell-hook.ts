import { chooseShell } from "../../commands/activation.ts";
import { hookText, ownProgram } from "../../commands/shell.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const { context } = session;
  const shell = chooseShell(text(invocation, "shell"), context);
  const hook = await hookText(shell, await ownProgram(invocation.name, context), context);
  if (session.json)
    session.printJson({
      success: true,
      operation: "shell_hook",
      context: { shell_type: shell },
      actions: { print: [hook] },
    });
  else if (hook !== "") session.print(hook.replace(/\n$/, ""));
  return EXIT.ok;
}
