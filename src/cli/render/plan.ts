import type { ChangePlan } from "../../commands/change.ts";
import type { Operation } from "../../plan/transaction.ts";
import type { RepoDataRecord } from "../../specs/records.ts";
import { formatBytes, plural } from "../../util/format.ts";
import type { Colors } from "../terminal.ts";
import { printable } from "../terminal.ts";

const SECTIONS = [
  ["install", "Install", "+"],
  ["upgrade", "Upgrade", "↑"],
  ["downgrade", "Downgrade", "↓"],
  ["change", "Change", "~"],
  ["reinstall", "Reinstall", "="],
  ["remove", "Remove", "-"],
] as const;

/** The transaction as aligned lines: `+ name  version  build  channel  size`, `old -> new` where there is an old one. */
export function renderPlan(plan: ChangePlan, colors: Colors): string {
  const lines: string[] = [`Environment: ${printable(plan.prefix)}`, ""];
  const toFetch = new Set(plan.fetch.map((record) => record.url));
  const rows = plan.transaction.operations.map((operation) => row(operation, toFetch));
  const widths = [0, 1, 2, 3].map((i) => Math.max(0, ...rows.map((cells) => cells[i]!.length)));
  for (const [kind, title, mark] of SECTIONS) {
    const operations = plan.transaction.operations
      .map((operation, i) => ({ operation, cells: rows[i]! }))
      .filter(({ operation }) => operation.kind === kind);
    if (operations.length === 0) continue;
    operations.sort((a, b) => (nameOf(a.operation) < nameOf(b.operation) ? -1 : 1));
    lines.push(`  ${colors.bold(title)}`);
    const paint = kind === "remove" ? colors.red : kind === "downgrade" ? colors.yellow : colors.green;
    for (const { cells } of operations) {
      const padded = cells.map((cell, i) => (i < 4 ? cell.padEnd(widths[i]!) : cell));
      lines.push(
        `  ${paint(`${mark} ${padded[0]}`)}  ${padded[1]}  ${colors.dim(padded[2]!)}  ${colors.dim(padded[3]!)}  ${padded[4]}`.trimEnd(),
      );
    }
    lines.push("");
  }
  lines.push(...plan.notes.map((note) => `  ${printable(note)}`), summaryLine(plan));
  return lines.join("\n");
}

export function summaryLine(plan: ChangePlan): string {
  const parts: string[] = [];
  for (const [kind, title] of SECTIONS) {
    const count = plan.transaction.operations.filter((operation) => operation.kind === kind).length;
    if (count) parts.push(`${title.toLowerCase()} ${plural(count, "package")}`);
  }
  if (parts.length === 0) return "Nothing to do: everything asked for is installed.";
  const bytes = plan.fetch.reduce((sum, record) => sum + (record.size ?? 0), 0);
  const download = plan.fetch.length
    ? `download ${plural(plan.fetch.length, "package")}, ${formatBytes(bytes)}`
    : "nothing to download";
  return `Summary: ${parts.join(", ")}; ${download}`;
}

function nameOf(operation: Operation): string {
  return (operation.new ?? operation.old)!.name;
}

function row(operation: Operation, toFetch: ReadonlySet<string>): string[] {
  const record = (operation.new ?? operation.old)!;
  const { old } = operation;
  const changed = operation.new && old && operation.kind !== "reinstall";
  const version =
    changed && old.version !== record.version ? `${old.version} -> ${record.version}` : record.version;
  const build =
    changed && old.version === record.version && old.build !== record.build
      ? `${old.build} -> ${record.build}`
      : record.build;
  const size = operation.new
    ? toFetch.has(record.url)
      ? record.size === undefined
        ? ""
        : formatBytes(record.size)
      : "cached"
    : "";
  return [record.name, version, build, shortChannel(record), size].map(printable);
}

/** `conda-forge/linux-64` of a channel URL or name. */
export function shortChannel(record: RepoDataRecord): string {
  const name = record.channel.replace(/\/$/, "").replace(/^https?:\/\/conda\.anaconda\.org\//, "");
  const last = /^(file|https?):\/\//.test(name) ? name.split("/").slice(-1)[0]! : name;
  return `${last}/${record.subdir}`;
}
