import { KEY_NAMES } from "./keys.ts";

/** The only known key that begins with the text, or the one with the fewest edits from a misspelt one, or undefined when none is near. */
export function nearestKey(text: string): string | undefined {
  const spelled = text.toLowerCase().replace(/-/g, "_").slice(0, 64);
  const limit = Math.max(1, Math.floor(spelled.length / 3));
  const beginning = KEY_NAMES.filter((name) => name.startsWith(spelled));
  if (spelled.length > 3 && beginning.length === 1) return beginning[0];
  let best: { name: string; distance: number } | undefined;
  for (const name of KEY_NAMES) {
    const distance = editDistance(spelled, name);
    if (distance <= limit && (!best || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}

/** Insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        value = Math.min(value, (before[j - 2] ?? 0) + 1);
      next.push(value);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
