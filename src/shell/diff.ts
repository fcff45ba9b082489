/**
 * A unified diff of two texts with one hunk: the lines between their common start and end. Enough for files in which
 * one block changes; empty when the texts are the same.
 */
export function lineDiff(path: string, before: string | undefined, after: string | undefined): string {
  if (before === after) return "";
  const old = splitLines(before ?? "");
  const fresh = splitLines(after ?? "");
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  const most = Math.min(old.length, fresh.length) - start;
  while (end < most && old[old.length - 1 - end] === fresh[fresh.length - 1 - end]) end++;
  const from = Math.max(0, start - CONTEXT);
  const tail = old.slice(old.length - end, old.length - end + CONTEXT);
  const head = old.slice(from, start);
  const removed = old.slice(start, old.length - end);
  const added = fresh.slice(start, fresh.length - end);
  const range = (count: number) => `${count === 0 ? from : from + 1},${count}`;
  const lines = [
    `--- ${before === undefined ? "/dev/null" : path}`,
    `+++ ${after === undefined ? "/dev/null" : path}`,
    `@@ -${range(head.length + removed.length + tail.length)} +${range(head.length + added.length + tail.length)} @@`,
    ...head.map((line) => ` ${line}`),
    ...removed.map((line) => `-${line}`),
    ...added.map((line) => `+${line}`),
    ...tail.map((line) => ` ${line}`),
  ];
  return lines.map((line) => (line.endsWith("\n") ? line : `${line}\n`)).join("");
}

/** Lines of unchanged text shown around a change. */
const CONTEXT = 3;

/** Every line with its line break; a last line without one says so, as diff does. */
function splitLines(text: string): string[] {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return lines.map((line) => (line.endsWith("\n") ? line : `${line}\n\\ No newline at end of file\n`));
}
