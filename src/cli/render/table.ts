import { displayWidth, padEnd, padStart, printable } from "../terminal.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
}

/** Rows of text in aligned columns; the last column is never padded. Two spaces between, `indent` before. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  indent = "  ",
): string[] {
  const cells = rows.map((row) => row.map(oneLine));
  // Not by a spread: what needs numpy has more rows than a call may have arguments.
  const widths = columns.map((column, i) =>
    cells.reduce((widest, row) => Math.max(widest, displayWidth(row[i] ?? "")), displayWidth(column.title)),
  );
  const line = (row: readonly string[]) => (indent + alignCells(row, columns, widths).join("  ")).trimEnd();
  const title = line(columns.map((column) => column.title));
  const rule = indent + "─".repeat(widths.reduce((a, b) => a + b + 2, -2));
  return [title, rule, ...cells.map(line)];
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
