import { ToolError } from "../errors.ts";
import { matchSpecMatches, parseMatchSpec } from "../specs/match-spec.ts";
import type { PrefixRecord } from "../specs/records.ts";
import type { CommandContext } from "./context.ts";
import { knownEnvironments } from "./environments.ts";
import { readForQuery } from "./prefix-state.ts";

export interface FoundInEnvironment {
  prefix: string;
  /** Sorted by name. */
  records: readonly PrefixRecord[];
}

/** Every known environment that has a package which one of the specs matches. */
export async function searchEnvironments(
  specs: readonly string[],
  context: CommandContext,
): Promise<FoundInEnvironment[]> {
  if (specs.length === 0)
    throw new ToolError("usage", "there is nothing to search for", {
      hint: "name packages; * is a wildcard",
    });
  const wanted = specs.map((text) => parseMatchSpec(text));
  const found: FoundInEnvironment[] = [];
  for (const prefix of await knownEnvironments(context)) {
    const state = await readForQuery(prefix, context);
    const records = (state?.records ?? []).filter((record) =>
      wanted.some((spec) => matchSpecMatches(spec, record)),
    );
    if (records.length === 0) continue;
    found.push({ prefix, records: [...records].sort((a, b) => (a.name < b.name ? -1 : 1)) });
  }
  return found;
}
