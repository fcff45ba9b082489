import { chooseShell } from "../../commands/activation.ts";
import { applyShells, ownProgram, planShells } from "../../commands/shell.ts";
import { prefixFromPath } from "../../commands/target.ts";
import { type InitPlan, initDiff } from "../../shell/init.ts";
import { SHELLS, type Shell, shellSyntax } from "../../shell/syntax.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

type Action = "init" | "deinit" | "reinit";

/** micromamba's `shell init|deinit|reinit`, and conda's `init [SHELL...] [--all] [--reverse]`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const ofConda = invocation.path.length === 1;
  const last = invocation.path.at(-1) as Action;
  const action: Action = ofConda && flag(invocation, "reverse") ? "deinit" : last;
  const shells = ofConda ? condaShells(invocation, session) : mambaShells(action, invocation, session);
  const context = ofConda ? session.context : withRootPrefix(invocation.args[0], session.context);
  const program = await ownProgram(invocation.name, context);
  const system = ofConda && flag(invocation, "system");
  const plans = planShells(system ? loginShells(shells) : shells, { action, program, system }, context);
  const { dryRun } = session.config.values;
  if (!dryRun) await applyShells(action, plans, context);
  report(action, plans, session);
  return EXIT.ok;
}

/** micromamba takes the root prefix as an argument, too. */
function withRootPrefix(path: string | undefined, context: Session["context"]): Session["context"] {
  if (path === undefined) return context;
  return { ...context, config: { ...context.config, rootPrefix: prefixFromPath(path, context) } };
}

function condaShells(invocation: Invocation, session: Session): Shell[] {
  if (flag(invocation, "all"))
    return SHELLS.filter(
      (shell) =>
        (shell === "cmd.exe") === session.context.hostPlatform.startsWith("win") &&
        shell !== "posix" &&
        shell !== "ash",
    );
  const named = invocation.args.map((name) => chooseShell(name, session.context));
  if (named.length === 0 && invocation.name === "conda") return [guessedOrBash(session)];
  return named.length > 0 ? named : [chooseShell(undefined, session.context)];
}

/** One file is read by the login shells of a family; `--all` means those that have one. */
function loginShells(shells: readonly Shell[]): Shell[] {
  const families = shells.map((shell): Shell => {
    const { family } = shellSyntax(shell);
    return family === "posix" ? "posix" : family === "csh" ? "tcsh" : shell;
  });
  const each = [...new Set(families)];
  return each.length > 3 ? each.filter((shell) => ["posix", "tcsh", "fish"].includes(shell)) : each;
}

/** conda takes bash where nothing says which shell it is; on Windows nothing is taken for granted. */
function guessedOrBash({ context }: Session): Shell {
  try {
    return chooseShell(undefined, context);
  } catch (error) {
    if (context.hostPlatform.startsWith("win")) throw error;
    return "bash";
  }
}

/** `reinit` without a shell takes every shell that is initialised. */
function mambaShells(action: Action, invocation: Invocation, session: Session): Shell[] {
  const named = text(invocation, "shell");
  if (action === "reinit" && named === undefined) return [...SHELLS];
  return [chooseShell(named, session.context)];
}

function report(action: Action, plans: readonly InitPlan[], session: Session): void {
  const { dryRun } = session.config.values;
  const files = plans.flatMap((plan) =>
    plan.changes.map(({ path, before, after }) => ({
      shell: plan.shell,
      path,
      change: before === undefined ? "created" : after === undefined ? "removed" : "modified",
    })),
  );
  if (session.json) {
    session.printJson({
      success: true,
      dry_run: dryRun,
      operation: action,
      shells: plans.map((plan) => plan.shell),
      files,
    });
    return;
  }
  if (dryRun) {
    const diff = plans.map(initDiff).join("");
    if (diff !== "" && !session.quiet) session.print(diff.replace(/\n$/, ""));
  } else for (const { change, path } of files) session.say(`${change.padEnd(8)}  ${path}`);
  const touched = files.length > 0 || plans.some((plan) => plan.autoRun !== undefined);
  if (!touched) session.say("Nothing to change.");
  else if (dryRun) session.say("\nDry run: nothing was changed.");
  else if (action !== "deinit") session.say("\nOpen a new shell for the changes to take effect.");
}
