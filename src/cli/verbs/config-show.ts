import { unknownKeyError, warnOfUnknownKey } from "../../commands/config.ts";
import { asMicromamba } from "../../commands/context.ts";
import { type ListOptions, listConfig, listConfigJson, listSources } from "../../config/show.ts";
import { keyDescriptions } from "../../config/show-conda.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";

/** micromamba's `config list`, `config sources` and `config describe`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const action = invocation.path.at(-1);
  if (action === "sources") return printSources(invocation, session);
  const keys = invocation.args;
  const unknown = action === "describe" ? unknownKeyError(keys) : undefined;
  if (unknown) throw unknown;
  // As micromamba: the keys that are known are listed all the same.
  warnOfUnknownKey(keys, session.context);
  const options: ListOptions = {
    keys,
    all: flag(invocation, "all"),
    sources: flag(invocation, "sources"),
    descriptions: flag(invocation, "descriptions"),
    longDescriptions: flag(invocation, "longDescriptions"),
    groups: flag(invocation, "groups"),
  };
  if (action === "describe") {
    // Run by its name, micromamba's list of names; who asks about one key wants to read about it.
    if (keys.length > 0 && !options.descriptions && !asMicromamba(session.context))
      options.longDescriptions = true;
    if (session.json) session.printJson(keyDescriptions(keys));
    else printText(listConfig(session.config, { ...options, values: false }), session);
    return EXIT.ok;
  }
  if (session.json) session.printJson(listConfigJson(session.config, options));
  else {
    const text = listConfig(session.config, options);
    printText(text, session);
    if (text === "" && keys.length === 0 && !asMicromamba(session.context))
      session.say("Nothing is set; --all shows the defaults, too.");
  }
  return EXIT.ok;
}

function printSources(invocation: Invocation, session: Session): number {
  const noRc = invocation.options["rc"] === false;
  if (session.json) session.printJson({ sources: session.config.sources, no_rc: noRc });
  else printText(listSources(session.config, noRc), session);
  return EXIT.ok;
}

function printText(text: string, session: Session): void {
  if (text !== "") session.print(text.replace(/\n$/, ""));
}
