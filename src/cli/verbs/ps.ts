import { listProcesses, stopProcess } from "../../commands/processes.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

/** `ps [list]` and `ps stop`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  if (invocation.path.at(-1) === "stop") return stop(invocation, session);
  const processes = await listProcesses(session.context);
  if (session.json) {
    session.printJson({
      processes: processes.map(({ pid, name, prefix, command, detached }) => ({
        pid,
        name,
        prefix,
        command,
        detached,
      })),
    });
    return EXIT.ok;
  }
  if (processes.length === 0) session.say("No program that `run` started is running.");
  else {
    const rows = processes.map(({ pid, name, prefix, command }) => [
      String(pid),
      name,
      prefix,
      command.join(" "),
    ]);
    session.print(
      renderTable([{ title: "PID" }, { title: "Name" }, { title: "Prefix" }, { title: "Command" }], rows, {
        available: session.out.columns(),
        dispensable: [2],
      }).join("\n"),
    );
  }
  return EXIT.ok;
}

async function stop(invocation: Invocation, session: Session): Promise<number> {
  const [which] = invocation.args;
  if (which === undefined)
    throw new ToolError("usage", "there is no process to stop", {
      hint: "name it by its id or label; `ps` lists them",
    });
  const { pid, name } = await stopProcess(which, session.context);
  if (session.json) session.printJson({ success: true, pid, name });
  else session.say(`Asked process ${pid} (${name}) to end`);
  return EXIT.ok;
}
