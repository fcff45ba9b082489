import { ToolError } from "../errors.ts";

/** What a subdir of a channel says of other channels (CEP 42), references resolved to base URLs. */
export interface ChannelRelation {
  /** Base URL of the channel that declares it. */
  from: string;
  base?: string | undefined;
  overrides?: string | undefined;
}

function invalid(channel: string, reason: string): ToolError {
  return new ToolError(
    "channel-invalid",
    `the channel \`${channel}\` declares relations that cannot be followed: ${reason}`,
    {
      hint: "tell the owner of the channel; channel_relations_max_depth: 0 ignores relations",
    },
  );
}

/** A channel reference, which must be a relative path that starts with `../`, as the base URL that it names. */
export function resolveReference(reference: string, baseUrl: string): string {
  // A backslash, a query or a fragment would make URL parsers see another path than the eye does.
  if (!/^\.\.\/[A-Za-z0-9_.+~/-]*$/.test(reference) || reference.includes("//"))
    throw invalid(baseUrl, `\`${reference.slice(0, 100)}\` is no path that starts with \`../\``);
  return new URL(reference, `${baseUrl}/`).href.replace(/\/+$/, "");
}

/** Resolves both references of a declaration; naming one channel twice is an error. */
export function readRelation(
  from: string,
  relations: { base?: string | undefined; overrides?: string | undefined },
): ChannelRelation {
  const base = relations.base === undefined ? undefined : resolveReference(relations.base, from);
  const overrides =
    relations.overrides === undefined ? undefined : resolveReference(relations.overrides, from);
  if (base !== undefined && base === overrides)
    throw invalid(from, `\`${base}\` is both its base and overridden by it`);
  if (base === from || overrides === from) throw invalid(from, "it names itself");
  return { from, base, overrides };
}

/**
 * All channels, highest priority first: the user's order holds, a base comes before the channel that declares it, an
 * overridden one after it, and related channels stay beside each other where they can. Cycles are errors.
 */
export function orderChannels(user: readonly string[], relations: readonly ChannelRelation[]): string[] {
  const rank = new Map(user.map((url, i) => [url, i]));
  /** Edges point from higher to lower priority. */
  const after = new Map<string, Set<string>>();
  const edge = (high: string, low: string): void => {
    for (const url of [high, low]) if (!after.has(url)) after.set(url, new Set());
    after.get(high)?.add(low);
  };
  const related = (high: string, low: string): void => {
    const a = rank.get(high);
    const b = rank.get(low);
    // What the user named is in the user's order; a relation that says otherwise is ignored.
    if (a !== undefined && b !== undefined && b <= a) return;
    edge(high, low);
  };
  for (const [i, url] of user.entries()) {
    if (!after.has(url)) after.set(url, new Set());
    if (i > 0) edge(user[i - 1]!, url);
  }
  for (const { from, base, overrides } of relations) {
    if (base !== undefined) related(base, from);
    if (overrides !== undefined) related(from, overrides);
  }
  return sortTopologically(after);
}

/** Depth-first: a channel is put in front of everything that comes after it. */
function sortTopologically(after: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const order: string[] = [];
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (url: string): void => {
    if (state.get(url) === "done") return;
    if (state.get(url) === "open") {
      const cycle = [...path.slice(path.indexOf(url)), url].join(" → ");
      throw new ToolError("channel-invalid", `channel relations form a cycle: ${cycle}`, {
        hint: "name the channels explicitly in the order you want; channel_relations_max_depth: 0 ignores relations",
      });
    }
    state.set(url, "open");
    path.push(url);
    // Reversed, so that what was declared first ends up first.
    for (const next of [...(after.get(url) ?? [])].reverse()) visit(next);
    path.pop();
    state.set(url, "done");
    order.unshift(url);
  };
  for (const url of [...after.keys()].reverse()) visit(url);
  return order;
}
