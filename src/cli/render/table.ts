import { displayWidth, padEnd, padStart, printable } from "../terminal.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
}

export interface TableFit {
  /** Width of the window; undefined where everything is shown. */
  available: number | undefined;
  /** Columns that may go when the window is too narrow, the first to go first. */
  dispensable: readonly number[];
}

/**
 * Rows of text in aligned columns; the last column is never padded. Two spaces before and between. With `fit`, columns that can be
 * spared are left out until the rest fits.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  fit?: TableFit,
): string[] {
  return [...tableLines(columns, rows, fit)];
}

/** As `renderTable`, line by line. The rows are gone through twice, to measure and to print: a channel's million is not kept as text. */
export function* tableLines(
  columns: readonly Column[],
  rows: Iterable<readonly string[]>,
  fit: TableFit = { available: undefined, dispensable: [] },
): Generator<string> {
  const widths = columns.map((column) => displayWidth(column.title));
  for (const row of rows)
    for (let i = 0; i < widths.length; i++)
      widths[i] = Math.max(widths[i]!, displayWidth(oneLine(row[i] ?? "")));
  const shown = fittingColumns(widths, fit);
  const pick = <T>(items: readonly T[]): T[] => shown.map((i) => items[i]!);
  const line = (row: readonly string[]) =>
    `  ${alignCells(pick(row), pick(columns), pick(widths)).join("  ")}`.trimEnd();
  const title = line(columns.map((column) => column.title));
  const width = pick(widths).reduce((a, b) => a + b + 2, -2);
  const rule = `  ${"─".repeat(Math.min(width, (fit.available ?? width + 2) - 2))}`;
  yield title;
  yield rule;
  for (const row of rows) yield line(row.map(oneLine));
}

/** The columns that fit into the window, in order; never less than those that cannot be spared. */
export function fittingColumns(widths: readonly number[], { available, dispensable }: TableFit): number[] {
  const shown = new Set(widths.keys());
  const total = () => [...shown].reduce((sum, i) => sum + widths[i]! + 2, 0);
  for (const i of dispensable) if (available !== undefined && total() > available) shown.delete(i);
  return [...shown];
}

/** Every cell as wide as its column; the last one is left as it is. */
export function alignCells(
  row: readonly string[],
  columns: readonly Pick<Column, "align">[],
  widths: readonly number[],
): string[] {
  return row.map((cell, i) => {
    if (columns[i]?.align === "right") return padStart(cell, widths[i]!);
    return i === row.length - 1 ? cell : padEnd(cell, widths[i]!);
  });
}

/** A cell has no line breaks and nothing that steers the terminal. */
export function oneLine(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return printable(text).replace(/[\t\n]/g, " ");
}
