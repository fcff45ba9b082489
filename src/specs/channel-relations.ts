import { ToolError } from "../errors.ts";
import { trimTrailingSlashes } from "./slashes.ts";

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

/**
 * A channel reference, which must be a relative path that starts with `../`, as the base URL that it names. It never leads to
 * another host, nor above the root: a channel may not pull packages from where the user's credentials and trust do not reach.
 */
export function resolveReference(reference: string, baseUrl: string): string {
  const shown = `\`${reference.slice(0, 100)}\``;
  // A backslash, a query, an escape or a fragment would make URL parsers see another path than the eye does.
  if (!/^\.\.(?:\/[A-Za-z0-9_.+~-]*)*$/.test(reference) || reference.includes("//"))
    throw invalid(baseUrl, `${shown} is no path that starts with \`../\``);
  let depth = baseUrl
    .replace(/^[^:]*:\/\/[^/]*/, "")
    .split("/")
    .filter(Boolean).length;
  for (const part of reference.split("/")) {
    depth += part === ".." ? -1 : part === "" || part === "." ? 0 : 1;
    if (depth < 0) throw invalid(baseUrl, `${shown} leads above the root of the server`);
  }
  return trimTrailingSlashes(new URL(reference, `${baseUrl}/`).href);
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
export function orderRelatedChannels(
  user: readonly string[],
  relations: readonly ChannelRelation[],
): string[] {
  const rank = new Map(user.map((url, i) => [url, i]));
  /** What must come before a channel, the user's own order first. */
  const before = new Map<string, Set<string>>();
  const node = (url: string): Set<string> => {
    const known = before.get(url) ?? new Set<string>();
    before.set(url, known);
    return known;
  };
  for (const [i, url] of user.entries())
    if (i > 0) node(url).add(user[i - 1]!);
    else node(url);
  const overridden = new Map<string, string[]>();
  const relate = (high: string, low: string): void => {
    const a = rank.get(high);
    const b = rank.get(low);
    // What the user named is in the user's order; a relation that says otherwise is ignored.
    if (a !== undefined && b !== undefined && b <= a) return;
    node(high);
    node(low).add(high);
  };
  for (const { from, base, overrides } of relations) {
    if (base !== undefined) relate(base, from);
    if (overrides === undefined) continue;
    relate(from, overrides);
    overridden.set(from, [...(overridden.get(from) ?? []), overrides]);
  }
  return sortTopologically(before, overridden);
}

/** Depth-first: each channel after all that must come before it, and at once followed by what it overrides. */
function sortTopologically(
  before: ReadonlyMap<string, ReadonlySet<string>>,
  overridden: ReadonlyMap<string, readonly string[]>,
): string[] {
  const order: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (url: string): void => {
    if (done.has(url)) return;
    if (path.includes(url)) {
      const cycle = [...path.slice(path.indexOf(url)), url].reverse().join(" → ");
      throw new ToolError("channel-invalid", `channel relations form a cycle: ${cycle}`, {
        hint: "name the channels in the order you want; channel_relations_max_depth: 0 ignores relations",
      });
    }
    path.push(url);
    for (const previous of before.get(url) ?? []) visit(previous);
    path.pop();
    done.add(url);
    order.push(url);
    for (const next of overridden.get(url) ?? [])
      if ([...(before.get(next) ?? [])].every((previous) => done.has(previous))) visit(next);
  };
  for (const url of before.keys()) visit(url);
  return order;
}
