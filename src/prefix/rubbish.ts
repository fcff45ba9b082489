import { basename, dirname, join } from "node:path";
import type { EventSink } from "../events.ts";
import { entriesOf, kindAt, move, removeAll, removeSparing } from "../fs/tree.ts";

/**
 * Deletes what a change that is complete has no more use for, and what earlier ones had to leave. Files of another user (byte code of a
 * python that root started) and files in use on NFS may have to stay: they are put where they stop no later change, and a warning names
 * the place.
 */
export function removeRubbish(path: string, events: EventSink): void {
  const [directory, stem] = [dirname(path), basename(path).replace(/taipan-[a-z]+$/, "taipan-left-")];
  const left = [...(entriesOf(directory)?.keys() ?? [])].filter((name) => name.startsWith(stem));
  for (const name of left) removeSparing(join(directory, name));
  try {
    removeAll(path);
  } catch (error) {
    let number = 1;
    while (kindAt(join(directory, `${stem}${number}`)) !== undefined) number++;
    const aside = join(directory, `${stem}${number}`);
    move(path, aside);
    removeSparing(aside);
    if (kindAt(aside) === undefined) return;
    events({
      type: "warning",
      code: "left-over",
      message: `what was removed is left in \`${aside}\`: ${(error as Error).message}`,
      hint: "delete it when nothing uses it, with the rights of the user who owns it",
    });
  }
}
