import { ToolError } from "../errors.ts";
import { type PrefixState, readPrefix } from "../prefix/prefix.ts";
import type { PrefixRecord } from "../specs/records.ts";
import type { CommandContext } from "./context.ts";
import { targetContext } from "./create.ts";
import { requireEnvironment } from "./install.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

export interface ListIntent {
  target: TargetOptions;
  /** Regular expression on names; with `fullName`, the whole name. */
  pattern?: string | undefined;
  fullName: boolean;
  reverse: boolean;
}

export interface ListResult {
  prefix: string;
  state: PrefixState;
  /** Sorted by name. */
  records: readonly PrefixRecord[];
}

export async function list(intent: ListIntent, context: CommandContext): Promise<ListResult> {
  const target = await resolveTarget(intent.target, targetContext(context));
  const prefix = await requireEnvironment(target ?? context.config.rootPrefix, context);
  const state = await readPrefix(prefix);
  if (!state) throw new ToolError("environment-not-found", `there is no environment at \`${prefix}\``);
  const matches = nameFilter(intent.pattern, intent.fullName);
  const records = state.records
    .filter((record) => matches(record.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (intent.reverse) records.reverse();
  return { prefix, state, records };
}

function nameFilter(pattern: string | undefined, fullName: boolean): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  if (pattern.length > 200) throw new ToolError("usage", "the pattern is longer than 200 characters");
  try {
    const regex = new RegExp(fullName ? `^(?:${pattern})$` : pattern, "i");
    return (name) => regex.test(name);
  } catch {
    throw new ToolError("usage", `\`${pattern}\` is no regular expression`, {
      hint: "to match a part of the name, write it as it is",
    });
  }
}
