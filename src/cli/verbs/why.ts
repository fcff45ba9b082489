import type { ChangePlan } from "../../commands/change.ts";
import { why, whyNot } from "../../commands/why.ts";
import { ToolError } from "../../errors.ts";
import type { WhyStep } from "../../solve/why.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, list, text } from "../invocation.ts";
import { changeDocument, packageDocument } from "../render/json.ts";
import { renderPlan } from "../render/plan.ts";
import type { Session } from "../session.ts";
import { printable, type TerminalFacts } from "../terminal.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const [spec, ...wanted] = invocation.args;
  const command = invocation.path[0]!;
  if (spec === undefined)
    throw new ToolError("usage", "there is no package to ask about", {
      hint: `write it after the command: \`${command} numpy\``,
    });
  if (wanted.length === 0 && command === "why" && text(invocation, "platform") !== undefined)
    throw new ToolError("usage", "an environment is of one platform", {
      hint: "to ask about a new one, name what you would install after the package",
    });
  const intent = {
    spec,
    wanted,
    channels: list(invocation, "channel"),
    target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
  };
  return command === "why-not" ? answerWhyNot(intent, session) : answerWhy(intent, session);
}

type Intent = Parameters<typeof why>[0];

async function answerWhy(intent: Intent, session: Session): Promise<number> {
  const result = await why(intent, session.context);
  session.settle();
  if (session.json) {
    session.printJson({
      query: intent.spec,
      packages: result.packages.map(packageDocument),
      requested: Object.fromEntries(
        result.packages.flatMap(({ name }) =>
          result.requested.has(name) ? [[name, result.requested.get(name)]] : [],
        ),
      ),
      paths: result.paths,
      more: result.more,
    });
    return EXIT.ok;
  }
  const { colors } = session.out;
  for (const { name, version } of result.packages) {
    const specs = result.requested.get(name);
    const paths = result.paths.filter((path) => path.at(-1)!.name === name && path.length > 1);
    const head = `${colors.bold(printable(name))} ${printable(version)}`;
    if (specs) session.print(`${head} was asked for: ${specs.map(printable).join(", ")}`);
    else
      session.print(paths.length ? `${head} is needed:` : `${head} was not asked for, and nothing needs it`);
    if (specs && paths.length) session.print("It is also needed:");
    for (const path of paths) session.print(`  ${renderPath(path, session.out)}`);
  }
  if (result.more) session.say("There are more paths than are shown.");
  return EXIT.ok;
}

/** `tool 0.1 → app 2.0 (app >=2) → libx 1.1 (libx >=1.1)` */
function renderPath(
  path: readonly WhyStep[],
  { colors, unicode }: Pick<TerminalFacts, "colors" | "unicode">,
): string {
  return path
    .map(({ name, version }, i) => {
      const needs = path[i - 1]?.needs;
      return `${printable(name)} ${printable(version)}${needs === undefined ? "" : colors.dim(` (${printable(needs)})`)}`;
    })
    .join(unicode ? " → " : " -> ");
}

async function answerWhyNot(intent: Intent, session: Session): Promise<number> {
  const { answer, plan, error } = await whyNot(intent, session.context);
  session.settle();
  const complete = plan && { ...plan, fetch: [], cached: [] };
  const code = answer === "impossible" ? EXIT.failure : EXIT.ok;
  if (session.json) {
    const change =
      complete &&
      changeDocument({ plan: complete, done: false, dryRun: true, downloadOnly: false, declined: false });
    session.printJson({
      query: intent.spec,
      answer,
      ...(change ? { actions: change["actions"] ?? {} } : {}),
      ...(error ? { message: error.message, hint: error.hint ?? null, ...error.details } : {}),
    });
    return code;
  }
  if (answer === "installed") session.print(`\`${printable(intent.spec)}\` is installed already.`);
  if (error) printReasons(error, session);
  if (complete) {
    const lead =
      answer === "possible"
        ? "Nothing speaks against it; this would happen:"
        : "Without keeping all that is installed:";
    session.print(`${error ? "\n" : ""}${lead}\n\n${planText(complete, session)}`);
  }
  return code;
}

function printReasons(error: ToolError, session: Session): void {
  session.print(printable(error.message));
  for (const line of error.hint?.split("\n") ?? [])
    session.print(`${session.out.colors.cyan("hint:")} ${printable(line)}`);
}

/** A plan without its heading where it is about no environment. */
function planText(plan: ChangePlan, session: Session): string {
  const whole = renderPlan(plan, session.out);
  return plan.prefix === "" ? whole.slice(whole.indexOf("\n\n") + 2) : whole;
}
