import { CHECKS, doctor, type HealthCheck } from "../../commands/doctor.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";
import { printable } from "../terminal.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  if (flag(invocation, "list")) {
    if (session.json) session.printJson(CHECKS);
    else
      session.print(
        renderTable([{ title: "Check" }, { title: "Looks for" }], Object.entries(CHECKS), {
          available: session.out.columns(),
          dispensable: [],
        }).join("\n"),
      );
    return EXIT.ok;
  }
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const { prefix, checks } = await doctor({ target, fix: flag(invocation, "fix") }, session.context);
  session.settle();
  const healthy = checks.every(({ status, fixed }) => status !== "error" || fixed);
  if (session.json) session.printJson({ success: healthy, prefix, checks });
  else {
    session.say(`Environment: ${prefix}\n`);
    session.print(checks.flatMap((check) => describe(check, session)).join("\n"));
  }
  return healthy ? EXIT.ok : EXIT.failure;
}

const MOST_DETAILS = 20;

function describe({ status, message, details, fixed }: HealthCheck, session: Session): string[] {
  const { colors, unicode } = session.out;
  const [good, bad, careful] = unicode ? ["✔", "✘", "!"] : ["ok", "x", "!"];
  if (status === "ok") return [`${colors.green(good)} ${message}`];
  const mark = status === "error" ? colors.red(bad) : colors.yellow(careful);
  const shown = session.verbosity > 0 ? details : details.slice(0, MOST_DETAILS);
  const more =
    details.length > shown.length ? [`    ... and ${details.length - shown.length} more (-v shows all)`] : [];
  return [
    `${mark} ${message}${fixed ? ` ${colors.green("(mended)")}` : ""}`,
    ...shown.map((line) => `    ${printable(line)}`),
    ...more,
  ];
}
