import { stringify } from "yaml";
import { describeRequest, type RequestToDescribe } from "../commands/describe-request.ts";
import { camelCase, KEY_NAMES } from "../config/keys.ts";
import { redactValue } from "../config/redact.ts";
import { EXIT } from "./exit-codes.ts";
import type { Invocation } from "./invocation.ts";
import type { Session } from "./session.ts";
import { changeSources } from "./verbs/change.ts";

/**
 * `--print-config-only`: the whole configuration as YAML, and by its keys what the command would work on. The command does not
 * run. Secrets are hidden.
 */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const { values } = session.config;
  const configured = Object.fromEntries(
    KEY_NAMES.map((key) => [key, values[camelCase(key) as keyof typeof values]]),
  );
  const request = await describeRequest(
    { ...changeSources(invocation), kind: kindOf(invocation.path) },
    session.context,
  );
  session.settle();
  const document = { ...configured, ...request, print_config_only: true };
  if (session.json) session.printJson(redactValue(document));
  else session.print(stringify(redactValue(document), { lineWidth: 0 }).trimEnd());
  return EXIT.ok;
}

function kindOf(path: readonly string[]): RequestToDescribe["kind"] {
  const command = path.join(" ");
  if (command === "create" || command === "env create") return "create";
  if (command === "install" || command === "update" || command === "env update") return "change";
  return command === "remove" || command === "env remove" ? "remove" : "other";
}
