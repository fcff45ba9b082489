import type { ChangePlan } from "../../commands/change.ts";
import type { Operation, OperationKind } from "../../plan/transaction.ts";
import { redactUrl } from "../../specs/credentials.ts";
import type { RepoDataRecord } from "../../specs/records.ts";
import { formatBytes, plural } from "../../util/format.ts";
import { displayWidth, printable, type TerminalFacts } from "../terminal.ts";
import { alignCells, fittingColumns, oneLine } from "./table.ts";

const SECTIONS: readonly [kind: OperationKind, title: string, mark: string, ascii: string][] = [
  ["install", "Install", "+", "+"],
  ["upgrade", "Upgrade", "↑", "^"],
  ["downgrade", "Downgrade", "↓", "v"],
  ["change", "Change", "~", "~"],
  ["reinstall", "Reinstall", "=", "="],
  ["remove", "Remove", "-", "-"],
];

const COLUMNS = [{}, {}, {}, {}, { align: "right" as const }];
/** Which columns go first when the window is too narrow: build, channel, size. Name and version stay. */
const DISPENSABLE = [2, 3, 4];

type Look = Pick<TerminalFacts, "colors" | "unicode" | "columns" | "channelUrls">;

/** The transaction as aligned lines: `+ name  version  build  channel  size`, `old -> new` where there is an old one. */
export function renderPlan(plan: ChangePlan, look: Look): string {
  const { colors } = look;
  const toFetch = new Set(plan.fetch.map((record) => record.url));
  const { operations } = plan.transaction;
  const rows = new Map(operations.map((operation) => [operation, row(operation, toFetch, look)]));
  const widths = COLUMNS.map((_, i) =>
    Math.max(0, ...[...rows.values()].map((cells) => displayWidth(cells[i]!))),
  );
  // Two more for the mark.
  const [name, ...others] = widths;
  const fit = { available: look.columns(), dispensable: DISPENSABLE };
  const shown = fittingColumns([(name ?? 0) + 2, ...others], fit);
  const lines = [`Environment: ${printable(plan.prefix)}`, ""];
  for (const [kind, title, mark, ascii] of SECTIONS) {
    const chosen = operations.filter((operation) => operation.kind === kind).sort(byName);
    if (chosen.length === 0) continue;
    lines.push(`  ${colors.bold(title)}`);
    const paint = kind === "remove" ? colors.red : kind === "downgrade" ? colors.yellow : colors.green;
    for (const operation of chosen) {
      const cells = alignCells(rows.get(operation)!, COLUMNS, widths);
      const painted = [paint(`${look.unicode ? mark : ascii} ${cells[0]}`), cells[1]!, colors.dim(cells[2]!)];
      painted.push(colors.dim(cells[3]!), cells[4]!);
      lines.push(`  ${shown.map((i) => painted[i]!).join("  ")}`.trimEnd());
    }
    lines.push("");
  }
  lines.push(...plan.notes.map((note) => `  ${printable(note)}`), summaryLine(plan));
  return lines.join("\n");
}

/** What scripts written for micromamba look for in its text, around our own: the specs that count, and the bytes to come. */
export function renderPlanAsMicromamba(plan: ChangePlan, look: Look): string {
  const { operations, newlyRequested } = plan.transaction;
  const specs = new Set([
    ...operations.flatMap(({ requestedSpecs }) => requestedSpecs),
    ...[...newlyRequested.values()].flat(),
  ]);
  const updating = specs.size
    ? `Transaction\n\n  Prefix: ${printable(plan.prefix)}\n\n  Updating specs:\n\n${[...specs].map((spec) => `   - ${oneLine(spec)}\n`).join("")}\n\n`
    : "";
  const bytes = plan.fetch.reduce((sum, record) => sum + (record.size ?? 0), 0);
  return `${updating}${renderPlan(plan, look)}\n\n  Total download: ${formatBytes(bytes)}`;
}

export function summaryLine(plan: ChangePlan): string {
  const parts: string[] = [];
  for (const [kind, title] of SECTIONS) {
    const count = plan.transaction.operations.filter((operation) => operation.kind === kind).length;
    if (count) parts.push(`${title.toLowerCase()} ${plural(count, "package")}`);
  }
  if (parts.length === 0) {
    if (plan.fresh) return "Summary: an empty environment";
    const asked = [...plan.transaction.newlyRequested.values()].flat().map((spec) => `\`${oneLine(spec)}\``);
    if (asked.length > 0) return `Nothing to install; asked for by name from now on: ${asked.join(", ")}`;
    return plan.notes.length > 0 ? "Nothing to do." : "Nothing to do: everything asked for is installed.";
  }
  const bytes = plan.fetch.reduce((sum, record) => sum + (record.size ?? 0), 0);
  const download = plan.fetch.length
    ? `download ${plural(plan.fetch.length, "package")}, ${formatBytes(bytes)}`
    : "nothing to download";
  return `Summary: ${parts.join(", ")}; ${download}`;
}

function byName(a: Operation, b: Operation): number {
  return nameOf(a) < nameOf(b) ? -1 : 1;
}

function nameOf(operation: Operation): string {
  return (operation.new ?? operation.old)!.name;
}

function row(operation: Operation, toFetch: ReadonlySet<string>, look: Pick<Look, "channelUrls">): string[] {
  const record = (operation.new ?? operation.old)!;
  const { old } = operation;
  const changed = operation.new && old && operation.kind !== "reinstall";
  const version =
    changed && old.version !== record.version ? `${old.version} -> ${record.version}` : record.version;
  const build =
    changed && old.version === record.version && old.build !== record.build
      ? `${old.build} -> ${record.build}`
      : record.build;
  const shown = look.channelUrls ? channelAddress : shortChannel;
  const moved = changed && shown(old) !== shown(record);
  const channel = moved ? `${shown(old)} -> ${shown(record)}` : shown(record);
  return [record.name, version, build, channel, sizeOf(operation, toFetch)].map(oneLine);
}

function sizeOf({ new: record }: Operation, toFetch: ReadonlySet<string>): string {
  if (!record) return "";
  if (!toFetch.has(record.url)) return "cached";
  return record.size === undefined ? "?" : formatBytes(record.size);
}

/** `conda-forge/linux-64` of a channel's URL or name. */
export function shortChannel(record: RepoDataRecord): string {
  const name = redactUrl(record.channel)
    .replace(/\/$/, "")
    .replace(/^https?:\/\/conda\.anaconda\.org\//, "");
  const last = /^(file|https?|s3|oci):\/\//.test(name) ? name.split("/").slice(-1)[0]! : name;
  // What is installed may have the subdir in its channel already.
  return last === record.subdir ? name.split("/").slice(-2).join("/") : withSubdir(last, record.subdir);
}

/** URL of the channel's directory that the record is from, or its channel when it has no URL. */
function channelAddress(record: RepoDataRecord): string {
  return redactUrl(record.url ? record.url.slice(0, record.url.lastIndexOf("/")) : record.channel);
}

function withSubdir(channel: string, subdir: string): string {
  return channel.endsWith(`/${subdir}`) ? channel : `${channel}/${subdir}`;
}
