import { enableLongPaths } from "../../commands/long-paths.ts";
import { EXIT } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";

const WORDS = {
  unneeded: "Nothing to do: only Windows limits the length of paths.",
  "enabled-before": "Windows long-path support already enabled.",
  enabled: "Windows long-path support enabled.",
  "would-enable": "Would enable Windows long-path support.",
} as const;

/** micromamba's `shell enable_long_path_support`. */
export async function run(_: Invocation, session: Session): Promise<number> {
  const state = await enableLongPaths(session.context);
  if (session.json) session.printJson({ success: true, long_paths: state });
  else session.say(WORDS[state]);
  return EXIT.ok;
}
