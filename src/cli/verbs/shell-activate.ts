import { tmpdir } from "node:os";
import { join } from "node:path";
import { activationScript } from "../../commands/activation.ts";
import { writeAtomic } from "../../fs/files.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

/** `shell activate`, `deactivate`, `reactivate`: prints what the shell's function evaluates, and nothing else. */
export async function run(
  invocation: Invocation,
  session: Pick<Session, "json" | "print" | "printJson" | "context">,
): Promise<number> {
  const operation = invocation.path.at(-1) as "activate" | "deactivate" | "reactivate";
  // conda passes over empty words, so that `conda activate "$UNSET"` is `conda activate`.
  const [named] = invocation.args;
  const script = await activationScript(
    {
      operation,
      shell: text(invocation, "shell"),
      environment: named === "" && session.context.dialect === "conda" ? undefined : named,
      target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
      stack: invocation.options["stack"] as boolean | undefined,
    },
    session.context,
  );
  for (const message of script.warnings)
    session.context.events({ type: "warning", code: "activation", message });
  if (session.json) {
    session.printJson({
      operation,
      context: { shell_type: script.shell },
      actions: { print: [script.text] },
    });
  } else if (script.shell === "cmd.exe") session.print(await batchFile(script.text));
  else if (script.text !== "") session.print(script.text.replace(/\n$/, ""));
  return EXIT.ok;
}

/** cmd.exe cannot evaluate text: it calls the file that is printed, and deletes it. */
async function batchFile(content: string): Promise<string> {
  const path = join(tmpdir(), `taipan-${process.pid}-${Date.now()}.bat`);
  await writeAtomic(path, content, { mode: 0o600 });
  return path;
}
