import type { ConflictNode } from "./types.ts";

/** Draws nodes as a tree of lines, without colour. */
export function renderTree(nodes: readonly ConflictNode[], indent = ""): string[] {
  return nodes.flatMap((node, i) => {
    const last = i === nodes.length - 1;
    return [
      `${indent}${last ? "└─" : "├─"} ${node.text}`,
      ...renderTree(node.children, `${indent}${last ? "   " : "│  "}`),
    ];
  });
}

/** `a`, `a and b`, `a, b and c`; with more than `limit`: `a, b and 5 more`. */
export function joinWords(words: readonly string[], word = "and", limit = 4): string {
  const shown =
    words.length > limit ? [...words.slice(0, limit - 1), `${words.length - limit + 1} more`] : words;
  if (shown.length < 2) return shown.join("");
  return `${shown.slice(0, -1).join(", ")} ${word} ${shown[shown.length - 1]}`;
}

/** A MatchSpec with its name apart, as `name version build`, without the `*` that says nothing. */
export function shortSpec(text: string): string {
  return text.replace(/\s+\*$/, "").trim();
}

/** Versions newest first, said shortly: the list when it is short, else its ends. */
export function describeVersions(versions: readonly string[]): string {
  const distinct = [...new Set(versions)];
  if (distinct.length <= 3) return joinWords([...distinct].reverse());
  return `${distinct[distinct.length - 1]} to ${distinct[0]}`;
}
