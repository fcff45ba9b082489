import { ToolError } from "../errors.ts";
import { type PipPackage, pipPackages } from "../prefix/pip-packages.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import type { PrefixRecord } from "../specs/records.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { readForQuery } from "./prefix-state.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

export interface ListIntent {
  target: TargetOptions;
  /** Regular expression on names; with `fullName`, the whole name. */
  pattern?: string | undefined;
  fullName?: boolean | undefined;
  /** Also what pip installed. */
  pip?: boolean | undefined;
}

export interface ListResult {
  prefix: string;
  state: PrefixState;
  /** Sorted by name. */
  records: readonly PrefixRecord[];
  pip: readonly PipPackage[];
}

export async function list(intent: ListIntent, context: CommandContext): Promise<ListResult> {
  const { prefix, state } = await readEnvironment(intent.target, context);
  const matches = nameFilter(intent.pattern, intent.fullName === true);
  const records = state.records
    .filter((record) => matches(record.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const pip = intent.pip ? await pipPackages(prefix, state.records, platformOf(context)) : [];
  return { prefix, state, records, pip: pip.filter(({ name }) => matches(name)) };
}

/** The environment that is named or active, else the root prefix; it must exist. */
export async function readEnvironment(
  target: TargetOptions,
  context: CommandContext,
): Promise<{ prefix: string; state: PrefixState }> {
  const prefix = await requireEnvironment(
    (await resolveTarget(target, targetContext(context))) ?? context.config.rootPrefix,
    context,
  );
  const state = await readForQuery(prefix, context);
  if (!state) throw new ToolError("environment-not-found", `there is no environment at \`${prefix}\``);
  return { prefix, state };
}

/** Bytes of a package's files, as its record says. */
export function installedSize(record: PrefixRecord): number {
  return record.paths_data.paths.reduce((sum, entry) => sum + (entry.size_in_bytes ?? 0), 0);
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
