import { asMicromamba } from "../../commands/context.ts";
import { type RunOutcome, run as runProgram, type StandardStream } from "../../commands/run.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, list, text } from "../invocation.ts";
import type { Session } from "../session.ts";
import { printable } from "../terminal.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const detach = flag(invocation, "detach");
  const attach = attachedStreams(list(invocation, "attach"));
  if (detach && attach !== undefined)
    throw new ToolError("usage", "--attach and --detach exclude each other", {
      hint: "a detached program has no streams",
    });
  const outcome = await runProgram(
    {
      target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
      command: invocation.args,
      cwd: text(invocation, "cwd"),
      cleanEnv: flag(invocation, "cleanEnv"),
      env: list(invocation, "env"),
      attach,
      detach,
      label: text(invocation, "label"),
      onStart: session.releaseSignals,
    },
    session.context,
  ).catch((error: unknown) => cannotRun(error, invocation.args[0], session));
  const micromamba = asMicromamba(session.context);
  if (outcome.detached) {
    const text = `Running as process ${outcome.detached.pid}; end it with: ${invocation.name} ps stop ${outcome.detached.name}`;
    if (micromamba && !session.quiet) session.print(text);
    else session.say(text);
  }
  // By conda's name as conda ends its report, beside what the program said.
  if (invocation.name === "conda" && outcome.exitCode !== EXIT.ok)
    session.say(
      `ERROR conda.cli.main_run:execute: \`conda run ${printable(invocation.args.join(" "))}\` failed. (See above for error)`,
    );
  // micromamba has left its caller by the time the program turns out not to be there.
  return detach && micromamba && outcome.exitCode === 127 ? EXIT.ok : outcome.exitCode;
}

/** A shell's exit codes for a program that is not there (127) or may not be run (126). */
function cannotRun(error: unknown, program: string | undefined, session: Session): RunOutcome {
  const errno =
    error instanceof ToolError && error.details?.["file"] === program ? error.details?.["errno"] : undefined;
  if (error instanceof ToolError && error.code === "environment-not-found" && asMicromamba(session.context)) {
    // In micromamba's words, which programs look for.
    const location = String(error.details?.["location"] ?? "");
    throw new ToolError(error.code, `critical libmamba The given prefix does not exist: "${location}"`, {
      hint: error.hint,
      details: error.details,
    });
  }
  if (!(error instanceof ToolError) || (errno !== "ENOENT" && errno !== "EACCES")) throw error;
  session.fail(error);
  return { exitCode: errno === "ENOENT" ? 127 : 126 };
}

/** `-a stdin,stdout`, several times; `-a ""` attaches none; undefined where the option is not given. */
function attachedStreams(given: readonly string[]): StandardStream[] | undefined {
  if (given.length === 0) return undefined;
  const names = given.flatMap((entry) => entry.split(",")).filter((name) => name !== "");
  return names.map((name) => {
    const stream = name.toLowerCase();
    if (stream === "stdin" || stream === "stdout" || stream === "stderr") return stream;
    throw new ToolError("usage", `\`${name}\` is no stream`, {
      hint: "--attach takes stdin, stdout and stderr, separated by commas",
    });
  });
}
