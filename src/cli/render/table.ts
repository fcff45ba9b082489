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
  fit: TableFit = { available: undefined, dispensable: [] },
): string[] {
  const cells = rows.map((row) => row.map(oneLine));
  // No spread: what needs numpy has more rows than a call may have arguments.
  const widths = columns.map((column, i) =>
    cells.reduce((widest, row) => Math.max(widest, displayWidth(row[i] ?? "")), displayWidth(column.title)),
  );
  const shown = fittingColumns(widths, fit);
  const pick = <T>(items: readonly T[]): T[] => shown.map((i) => items[i]!);
  const line = (row: readonly string[]) =>
    `  ${alignCells(pick(row), pick(columns), pick(widths)).join("  ")}`.trimEnd();
  const title = line(columns.map((column) => column.title));
  const width = pick(widths).reduce((a, b) => a + b + 2, -2);
  const rule = `  ${"─".repeat(Math.min(width, (fit.available ?? width + 2) - 2))}`;
  return [title, rule, ...cells.map(line)];
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
  return printable(text).replace(/[\t\n]/g, " ");
}
