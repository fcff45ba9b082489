import { run as runProgram } from "../../commands/run.ts";
import { flag, type Invocation, list, text } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  return runProgram(
    {
      target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
      command: invocation.args,
      cwd: text(invocation, "cwd"),
      cleanEnv: flag(invocation, "cleanEnv"),
      env: list(invocation, "env"),
    },
    session.context,
  );
}
