import { printable } from "../terminal.ts";

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
  const cells = rows.map((row) => row.map(printable));
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    (
      indent +
      row
        .map((cell, i) => {
          if (columns[i]?.align === "right") return cell.padStart(widths[i]!);
          return i === row.length - 1 ? cell : cell.padEnd(widths[i]!);
        })
        .join("  ")
    ).trimEnd();
  const title = line(columns.map((column) => column.title));
  const rule = indent + "─".repeat(widths.reduce((a, b) => a + b + 2, -2));
  return [title, rule, ...cells.map(line)];
}
