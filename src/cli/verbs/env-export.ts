import { exportEnvironment, exportExplicit } from "../../commands/export.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  if (flag(invocation, "explicit")) {
    const list = await exportExplicit(
      target,
      invocation.options["md5"] === false ? "none" : "md5",
      session.context,
    );
    if (session.json)
      session.printJson(
        list
          .trim()
          .split("\n")
          .filter((line) => !line.startsWith("#") && line !== "@EXPLICIT"),
      );
    else session.print(list.trimEnd());
    return EXIT.ok;
  }
  const options = {
    build: invocation.options["builds"] !== false,
    channelSubdir: flag(invocation, "channelSubdir"),
  };
  const result = await exportEnvironment(
    { target, fromHistory: flag(invocation, "fromHistory"), options },
    session.context,
  );
  if (session.json) session.printJson(result.document);
  else session.print(result.yaml.trimEnd());
  return EXIT.ok;
}
