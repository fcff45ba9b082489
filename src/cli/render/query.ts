import type { QueryNode, RepoqueryResult } from "../../commands/repoquery.ts";
import { timestampOf } from "../../solve/candidate-order.ts";
import { redactUrl } from "../../specs/credentials.ts";
import { tryParseMatchSpec } from "../../specs/match-spec.ts";
import { plainRecord } from "../../specs/package-index.ts";
import type { RepoDataRecord } from "../../specs/records.ts";
import { formatBytes } from "../../util/format.ts";
import { type Colors, printable, type TerminalFacts } from "../terminal.ts";
import { packageDocument } from "./json.ts";
import { shortChannel } from "./plan.ts";
import { tableLines } from "./table.ts";

/** micromamba's document of search, depends and whoneeds. */
export function queryDocument(result: RepoqueryResult): Record<string, unknown> {
  const none = result.records.length === 0 ? noneFound(result) : "";
  const roots =
    result.kind === "depends"
      ? { graph_roots: packageDocuments(result.roots) }
      : result.kind === "whoneeds"
        ? { graph_roots: result.query.split(" ") }
        : {};
  return {
    query: { query: result.query, type: result.kind },
    result: { ...roots, msg: none, pkgs: packageDocuments(result.records), status: "OK" },
  };
}

/** Made while they are written: of all records of a channel they do not fit into memory. */
function* packageDocuments(records: readonly RepoDataRecord[]): Generator<Record<string, unknown>> {
  for (const record of records) yield packageDocument(plainRecord(record));
}

export function noneFound({ query }: Pick<RepoqueryResult, "query">): string {
  return `No entries matching "${query}" found`;
}

export interface RecordTableOptions {
  /** Channel and subdir in columns of their own, as micromamba prints them. */
  subdirs: boolean;
  /** Columns of the terminal. */
  available: number | undefined;
}

export function recordTable(
  records: readonly RepoDataRecord[],
  { subdirs, available }: RecordTableOptions,
  /** Names for a column with the dependencies on any of them. */
  needed?: ReadonlySet<string>,
): Iterable<string> {
  const channelCells = forRepeated(channelOf, (record: RepoDataRecord) => channelCellsOf(record, subdirs));
  const dependencyOn = forRepeated(
    ({ depends }) => depends,
    (record: RepoDataRecord) => dependencyOnAny(record, needed ?? new Set()),
  );
  const rows = {
    *[Symbol.iterator]() {
      for (const record of records) {
        const { name, version, build } = record;
        const dependency = needed ? [dependencyOn(record)] : [];
        yield [name, version, build, ...dependency, ...channelCells(record)];
      }
    },
  };
  const titles = [{ title: "Name" }, { title: "Version" }, { title: "Build" }];
  if (needed) titles.push({ title: "Depends" });
  const channel = titles.length;
  return tableLines([...titles, ...channelTitles(subdirs)], rows, {
    available,
    dispensable: [2, channel + 1, channel],
  });
}

function channelTitles(subdirs: boolean): { title: string }[] {
  return subdirs ? [{ title: "Channel" }, { title: "Subdir" }] : [{ title: "Channel" }];
}

const channelOf = ({ channel, subdir }: RepoDataRecord): string => `${channel}/${subdir}`;

/** The answer for the record before where the key is the same: neighbours mostly share it, and parsing it is what a table costs. */
function forRepeated<K, T>(
  keyOf: (record: RepoDataRecord) => K,
  answer: (record: RepoDataRecord) => T,
): (record: RepoDataRecord) => T {
  let last: { key: K; value: T } | undefined;
  return (record) => {
    const key = keyOf(record);
    if (last?.key !== key) last = { key, value: answer(record) };
    return last!.value;
  };
}

function channelCellsOf(record: RepoDataRecord, subdirs: boolean): string[] {
  const channel = shortChannel(record);
  return subdirs ? [channel.slice(0, channel.lastIndexOf("/")), record.subdir] : [channel];
}

function dependencyOnAny(record: RepoDataRecord, names: ReadonlySet<string>): string {
  return record.depends.filter((text) => names.has(tryParseMatchSpec(text)?.name ?? "")).join(", ");
}

/** `name[version]` with branches; what was shown before says so. */
export function renderTree(
  nodes: readonly QueryNode[],
  { colors, unicode }: Pick<TerminalFacts, "colors" | "unicode">,
): string[] {
  const [through, tee, end] = unicode ? ["│  ", "├─ ", "└─ "] : ["|  ", "|- ", "`- "];
  const last = lastSiblings(nodes);
  const open: boolean[] = [];
  return nodes.map((node, i) => {
    open[node.depth] = !last[i];
    const stem = open.slice(1, node.depth).map((more) => (more ? through : "   "));
    const branch = node.depth === 0 ? "" : `  ${stem.join("")}${last[i] ? end : tee}`;
    return branch + label(node, colors);
  });
}

function label({ name, record, state, spec }: QueryNode, colors: Colors): string {
  if (state === "seen") return `${printable(name)} ${colors.dim("already visited")}`;
  if (state === "virtual") return `${printable(spec ?? name)} ${colors.dim("of the system")}`;
  if (state === "missing") return `${printable(spec ?? name)} ${colors.red("not found")}`;
  return record ? `${printable(name)}${colors.dim(`[${printable(record.version)}]`)}` : printable(name);
}

/** For each node, whether no sibling follows. From the end, in one pass. */
function lastSiblings(nodes: readonly QueryNode[]): boolean[] {
  const last: boolean[] = new Array(nodes.length);
  const later: boolean[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { depth } = nodes[i]!;
    last[i] = later[depth] !== true;
    later[depth] = true;
    later.length = depth + 1;
  }
  return last;
}

/** conda's long form of a record. */
export function recordDetails(record: RepoDataRecord, colors: Colors): string[] {
  const title = `${record.name} ${record.version} ${record.build}`;
  const time = timestampOf(record);
  const rows: [string, string][] = [
    ["file name", record.fn],
    ["name", record.name],
    ["version", record.version],
    ["build", record.build],
    ["build number", String(record.build_number)],
    ["size", record.size === undefined ? "" : formatBytes(record.size)],
    ["license", record.license ?? ""],
    ["channel", redactUrl(record.channel)],
    ["subdir", record.subdir],
    ["url", redactUrl(record.url)],
    ["md5", record.md5 ?? ""],
    ["sha256", record.sha256 ?? ""],
    ["timestamp", time ? `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC` : ""],
    ["noarch", record.noarch ?? ""],
    ["track features", record.track_features ?? ""],
  ];
  const list = (name: string, items: readonly string[] | undefined) =>
    items?.length ? [`${name}:`, ...items.map((item) => `  - ${printable(item)}`)] : [];
  return [
    colors.bold(printable(title)),
    "─".repeat(title.length),
    ...rows
      .filter(([, value]) => value !== "")
      .map(([name, value]) => `${name.padEnd(12)}: ${printable(value)}`),
    ...list("constraints", record.constrains),
    ...list("dependencies", record.depends),
  ];
}
