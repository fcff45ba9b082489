import { ToolError } from "../errors.ts";
import { trimTrailingSlashes } from "./slashes.ts";

/** `info.channel_relations` of a subdir (CEP 42), resolved to base URLs. */
export interface ChannelRelations {
  /** Channel with a higher priority than the declaring one. */
  base?: string;
  /** Channel with a lower priority. */
  overrides?: string;
}

/** Of a reference or base URL; longer ones are no mistake but an attack. */
const MAX_LENGTH = 4096;
/** CEP 42's `channel_relations_max_depth`. */
export const DEFAULT_RELATIONS_DEPTH = 10;

/**
 * Reads `info.channel_relations` as a channel at `baseUrl` declares it. Undefined when there is none. Throws
 * `channel-invalid`: a reference must start with `../`, stay on the host, and the two may not be the same channel.
 */
export function parseChannelRelations(value: unknown, baseUrl: string): ChannelRelations | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value))
    throw invalid(baseUrl, "`channel_relations` is not a mapping");
  const { base, overrides } = value as Record<string, unknown>;
  const relations: ChannelRelations = {
    ...(base === undefined || base === null ? {} : { base: resolveReference(base, baseUrl) }),
    ...(overrides === undefined || overrides === null
      ? {}
      : { overrides: resolveReference(overrides, baseUrl) }),
  };
  if (relations.base !== undefined && relations.base === relations.overrides) {
    throw invalid(baseUrl, "`base` and `overrides` name the same channel");
  }
  return relations.base === undefined && relations.overrides === undefined ? undefined : relations;
}

/**
 * `../conda-forge` below `https://host/bioconda` → `https://host/conda-forge`. A reference never leads to another host,
 * nor above the root: a channel may not pull packages from where the user's credentials and trust do not reach.
 */
export function resolveReference(reference: unknown, baseUrl: string): string {
  if (typeof reference !== "string" || !/^\.\.(?:\/|$)/.test(reference)) {
    throw invalid(baseUrl, "a related channel must be a path that starts with `../`");
  }
  if (reference.length > MAX_LENGTH || /[\\?#\u0000-\u0020\u007f]|%2e|%2f|%5c/i.test(reference))
    throw invalid(baseUrl, "a related channel has an unsafe path");
  const root = /^([a-z][a-z0-9+.-]*:\/\/[^/]*)(\/.*)?$/i.exec(baseUrl);
  if (!root) throw invalid(baseUrl, "its URL has no path that others could be relative to");
  const components = (root[2] ?? "").split("/").filter((part) => part !== "");
  for (const part of reference.split("/")) {
    if (part === "..") {
      if (components.pop() === undefined)
        throw invalid(baseUrl, "a related channel lies above the server's root");
    } else if (part !== "" && part !== ".") components.push(part);
  }
  const url = `${root[1]}${components.map((part) => `/${part}`).join("")}`;
  if (url === baseUrl) throw invalid(baseUrl, "it is related to itself");
  return url;
}

function invalid(baseUrl: string, reason: string): ToolError {
  return new ToolError("channel-invalid", `the channel relations of \`${baseUrl}\` are invalid: ${reason}`, {
    hint: "tell the channel's maintainers, or set channel_relations_max_depth to 0",
  });
}

/**
 * Base URLs in order of priority (CEP 42): the user's order is never changed, a relation that contradicts it is ignored,
 * other channels are placed next to the one that names them. Throws `channel-invalid` for a cycle.
 */
export function orderRelatedChannels(
  user: readonly string[],
  relations: ReadonlyMap<string, ChannelRelations>,
): string[] {
  const position = new Map(user.map((url, index) => [url, index]));
  const after = new Map<string, Set<string>>();
  const addEdge = (higher: string, lower: string) => {
    const [a, b] = [position.get(higher), position.get(lower)];
    if (a !== undefined && b !== undefined && b < a) return;
    after.set(higher, (after.get(higher) ?? new Set()).add(lower));
    if (!after.has(lower)) after.set(lower, new Set());
  };
  for (const url of user) after.set(url, new Set());
  for (const url of reachable(user, relations)) {
    const { base, overrides } = relations.get(url) ?? {};
    if (base !== undefined) addEdge(base, url);
    if (overrides !== undefined) addEdge(url, overrides);
  }
  // User edges last: a depth-first sort visits them last, so related channels stay beside their own.
  for (const [index, url] of user.entries()) {
    const next = user[index + 1];
    if (next !== undefined) addEdge(url, next);
  }
  return sortDepthFirst(user, after);
}

/** Channels in the order in which relations are found, breadth first, each once. */
function reachable(user: readonly string[], relations: ReadonlyMap<string, ChannelRelations>): string[] {
  const found = new Set(user);
  for (const url of found) {
    const { base, overrides } = relations.get(url) ?? {};
    for (const related of [base, overrides]) if (related !== undefined) found.add(related);
  }
  return [...found];
}

/**
 * Reverse post-order: valid whatever the order of the roots. They are taken so that the result reads well: the user's
 * channels from the last to the first, and after each the channels above it that nobody named, so that they end up beside it.
 */
function sortDepthFirst(user: readonly string[], after: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const state = new Map<string, "open" | "done">();
  const order: string[] = [];
  const visit = (url: string, path: readonly string[]) => {
    if (state.get(url) === "done") return;
    if (state.get(url) === "open") {
      const cycle = [...path.slice(path.indexOf(url)), url].map((each) => `\`${each}\``).join(" → ");
      throw new ToolError("channel-invalid", `the relations of channels form a cycle: ${cycle}`, {
        hint: "name the channels in the order you want, or set channel_relations_max_depth to 0",
      });
    }
    state.set(url, "open");
    for (const next of after.get(url) ?? []) visit(next, [...path, url]);
    state.set(url, "done");
    order.unshift(url);
  };
  const above = (url: string) =>
    [...after].filter(([higher, lower]) => lower.has(url) && !user.includes(higher));
  for (const url of [...user].reverse()) {
    visit(url, []);
    const beside = new Set([url]);
    for (const each of beside) {
      for (const [higher] of above(each)) beside.add(higher);
      visit(each, []);
    }
  }
  for (const url of after.keys()) visit(url, []);
  return order;
}

/**
 * URL that file names of a subdir are appended to (CEP 15): `info.base_url`, absolute or relative to the subdir, or the
 * subdir itself. Throws `repodata-invalid` for what is no http, https, s3, oci or (from a local channel) file URL.
 */
export function packageBaseUrl(subdirUrl: string, baseUrl: unknown): string {
  const subdir = `${trimTrailingSlashes(subdirUrl)}/`;
  if (baseUrl === undefined || baseUrl === null || baseUrl === "") return subdir;
  const resolved =
    typeof baseUrl === "string" && baseUrl.length <= MAX_LENGTH && URL.canParse(baseUrl, subdir)
      ? new URL(baseUrl, subdir)
      : undefined;
  const local = subdir.startsWith("file:");
  // A remote channel must not be able to make us read files of this machine.
  if (
    !resolved ||
    !(
      ["http:", "https:", "s3:", "oci:"].includes(resolved.protocol) ||
      (local && resolved.protocol === "file:")
    )
  ) {
    throw new ToolError("repodata-invalid", `the \`base_url\` of \`${subdirUrl}\` is not a usable URL`);
  }
  return `${trimTrailingSlashes(resolved.href.replace(/[?#].*$/, ""))}/`;
}
