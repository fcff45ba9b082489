import type { KeyDefinition } from "./key-types.ts";
import type { MergeMark } from "./rc-parse.ts";

/** What one source (a file, a variable, the command line) says of one key. */
export interface Contribution {
  origin: string;
  value: unknown;
  marks: readonly MergeMark[];
  itemMarks: ReadonlyMap<number | string, readonly MergeMark[]>;
}

/** The value of a key after all sources, and where its parts come from. */
export interface Merged {
  value: unknown;
  /** Every source that says something of the key, highest precedence first. */
  origins: string[];
  /** Origin of each list item (by index) or map entry (by key); undefined for single values. */
  parts?: Record<string, string> | undefined;
}

/**
 * Merges what the sources say, given lowest precedence first, by conda's rules (conda/common/configuration.py):
 * a key marked `#!final` shuts out all later sources, lists are joined with the highest source first, `#!top` and
 * `#!bottom` items go to the ends, maps are joined by entry. `joinMaps: false` is micromamba: the highest map wins.
 */
export function mergeContributions(
  key: KeyDefinition,
  all: readonly Contribution[],
  joinMaps: boolean,
): Merged {
  const final = all.findIndex((item) => item.marks.includes("final"));
  const sources = final === -1 ? all : all.slice(0, final + 1);
  const origins = sources.map((item) => item.origin).reverse();
  switch (key.kind) {
    case "list":
      return { ...mergeLists(sources), origins };
    case "settings":
      return { ...joinSettings(sources), origins };
    case "map":
    case "listmap":
      return { ...mergeMaps(joinMaps ? sources : sources.slice(-1)), origins };
    default:
      return { value: sources.at(-1)?.value, origins };
  }
}

function joinSettings(sources: readonly Contribution[]): Pick<Merged, "value" | "parts"> {
  const items = sources.flatMap(({ value, origin }) =>
    (value as unknown[]).map((item) => ({ item, origin })),
  );
  return {
    value: items.map(({ item }) => item),
    parts: Object.fromEntries(items.map(({ origin }, i) => [i, origin])),
  };
}

interface Item {
  text: string;
  origin: string;
}

function mergeLists(sources: readonly Contribution[]): Pick<Merged, "value" | "parts"> {
  const items = (source: Contribution, mark?: MergeMark): Item[] =>
    (source.value as string[]).flatMap((text, i) => {
      const wanted =
        mark === undefined || source.marks.includes(mark) || source.itemMarks.get(i)?.includes(mark);
      return wanted ? [{ text, origin: source.origin }] : [];
    });
  const reversed = [...sources].reverse();
  const top = sources.flatMap((source) => items(source, "top"));
  const bottom = reversed.flatMap((source) => items(source, "bottom"));
  const rest = reversed.flatMap((source) => items(source));
  // Top items first; then, seen from the end, bottom items win over any other mention.
  const fromTop = unique([...top, ...rest]);
  const merged = unique([...bottom.reverse(), ...fromTop.reverse()]).reverse();
  return {
    value: merged.map((item) => item.text),
    parts: Object.fromEntries(merged.map((item, i) => [i, item.origin])),
  };
}

function unique(items: readonly Item[]): Item[] {
  const seen = new Map<string, Item>();
  for (const item of items) if (!seen.has(item.text)) seen.set(item.text, item);
  return [...seen.values()];
}

function mergeMaps(sources: readonly Contribution[]): Pick<Merged, "value" | "parts"> {
  const value = new Map<string, unknown>();
  const parts = new Map<string, string>();
  const closed = new Set<string>();
  // Later sources come first in the result, as in conda; an entry keeps the value of the highest source.
  for (const source of sources) {
    for (const [name, item] of Object.entries(source.value as Record<string, unknown>)) {
      if (closed.has(name)) continue;
      value.set(name, item);
      parts.set(name, source.origin);
      if (source.itemMarks.get(name)?.includes("final")) closed.add(name);
    }
  }
  return { value: Object.fromEntries(value), parts: Object.fromEntries(parts) };
}
