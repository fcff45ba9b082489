import { splitCredentials } from "../specs/credentials.ts";
import { distString, type PackageRecord, type PrefixRecord, type RepoDataRecord } from "../specs/records.ts";

/** One block of `conda-meta/history`, which only ever grows: a revision of the environment. */
export interface HistoryRevision {
  /** As written: `YYYY-MM-DD HH:MM:SS`, local time. */
  date: string;
  command?: string | undefined;
  condaVersion?: string | undefined;
  /** `channel/subdir::name-version-build` lines, without sign. */
  linked: string[];
  unlinked: string[];
  /** Specs of the request by what was done with them: `update`, `remove`, `neutered`, `install`... */
  specs: { action: string; specs: string[] }[];
}

export interface History {
  revisions: HistoryRevision[];
}

/** Parses conda's history in every form that conda and micromamba ever wrote. Total: unknown lines are ignored. */
export function parseHistory(text: string): History {
  const revisions: HistoryRevision[] = [];
  let current: HistoryRevision | undefined;
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    const header = /^==>\s*(.+?)\s*<==$/.exec(line);
    if (header) {
      current = { date: header[1]!, linked: [], unlinked: [], specs: [] };
      revisions.push(current);
    } else if (!current || line === "") continue;
    else if (line.startsWith("#")) readComment(line, current);
    else if (line.startsWith("-")) current.unlinked.push(line.slice(1));
    else if (line.startsWith("+")) current.linked.push(line.slice(1));
    // Lists of the first condas: every package of the environment, without sign.
    else current.linked.push(line);
  }
  return { revisions };
}

function readComment(line: string, revision: HistoryRevision): void {
  const command = /^#\s*cmd:\s*(.+)$/.exec(line);
  const version = /^#\s*conda version:\s*(.+)$/.exec(line);
  const specs = /^#\s*(\w+)\s+specs:\s*(.*)$/.exec(line);
  if (command) revision.command = command[1];
  else if (version) revision.condaVersion = version[1];
  else if (specs) revision.specs.push({ action: specs[1]!, specs: parseSpecList(specs[2]!) });
}

/** A Python or JSON list of strings, or the comma-separated list of old files (where a comma may be part of a version). */
export function parseSpecList(text: string): string[] {
  const list = text.trim();
  if (list.startsWith("[")) {
    return [...list.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g)].map((match) =>
      (match[1] ?? match[2] ?? "").replace(/\\(.)/g, "$1"),
    );
  }
  // `python>=3,<4,numpy`: what does not begin like a name goes on with the spec before it.
  const specs: string[] = [];
  for (const part of list.split(",").map((item) => item.trim())) {
    if (part === "") continue;
    if (/^[A-Za-z_]/.test(part) || specs.length === 0) specs.push(part);
    else specs[specs.length - 1] += `,${part}`;
  }
  return specs;
}

/** `channel/subdir::name-version-build`, the way conda names a package in history. */
export function historyName(
  record: Pick<RepoDataRecord, "channel" | "subdir" | "name" | "version" | "build">,
): string {
  const channel = record.channel.replace(/\/+$/, "");
  const base = channel.endsWith(`/${record.subdir}`) ? channel : `${channel}/${record.subdir}`;
  return `${channel === "" ? record.subdir : base}::${distString(record)}`;
}

/** The same with the URL of the channel, the way micromamba names it; by name where no URL is known. Without credentials. */
export function historyUrlName(
  record: Pick<RepoDataRecord, "channel" | "subdir" | "name" | "version" | "build" | "url">,
): string {
  const directory = record.url ? splitCredentials(record.url).url.replace(/\/[^/]*$/, "") : "";
  return directory === "" ? historyName(record) : `${directory}::${distString(record)}`;
}

export interface RevisionInput {
  /** Name packages as micromamba does: by the URL of their channel. */
  urls?: boolean | undefined;
  /** Local time of the change. */
  date: Date;
  command: readonly string[];
  linked: readonly RepoDataRecord[];
  unlinked: readonly PrefixRecord[];
  updateSpecs: readonly string[];
  removeSpecs: readonly string[];
  neuteredSpecs?: readonly string[];
}

/** What conda reads as "not written by a newer conda than me"; micromamba writes the same. */
const CONDA_VERSION = "3.8.0";

/** `2026-01-31 23:59:59`, in local time. */
export function historyDate(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/**
 * As JSON or, where that would escape a quote, as Python writes it: libmamba cuts a spec with escaped quotes at its first `]`, or fails;
 * older ones never return. Of a spec with both kinds of quotes, which mean the same, one kind is written.
 */
function quoted(text: string): string {
  const alike = /^([^'"]|'[^'"]*'|"[^'"]*")*$/.test(text) && text.includes("'");
  const json = JSON.stringify(alike ? text.replaceAll('"', "'") : text);
  return json.includes('\\"') && !json.includes("'") ? `'${json.slice(1, -1).replace(/\\"/g, '"')}'` : json;
}

/** One block of history: removals before additions, then what was asked for, as lists that every reader takes. */
export function formatRevision(input: RevisionInput): string {
  const oneLine = (text: string): string => text.replace(/[\r\n]+/g, " ");
  const lines = [
    `==> ${historyDate(input.date)} <==`,
    `# cmd: ${oneLine(input.command.join(" "))}`,
    `# conda version: ${CONDA_VERSION}`,
  ];
  const name = input.urls ? historyUrlName : historyName;
  for (const record of input.unlinked) lines.push(`-${name(record)}`);
  for (const record of input.linked) lines.push(`+${name(record)}`);
  const specs: [string, readonly string[] | undefined][] = [
    ["update", input.updateSpecs],
    ["remove", input.removeSpecs],
    ["neutered", input.neuteredSpecs],
  ];
  for (const [action, list] of specs)
    if (list?.length)
      lines.push(`# ${action} specs: [${list.map((spec) => quoted(oneLine(spec))).join(", ")}]`);
  return `${lines.join("\n")}\n`;
}

/** The specs that history says were asked for and not removed since, by package name. */
export function requestedSpecs(
  history: History,
  nameOf: (spec: string) => string | undefined,
): Map<string, string> {
  const result = new Map<string, string>();
  for (const revision of history.revisions) {
    for (const { action, specs } of revision.specs) {
      for (const spec of specs) {
        const name = nameOf(spec);
        if (!name) continue;
        if (action === "remove" || action === "uninstall" || action === "neutered") result.delete(name);
        else result.set(name, spec);
      }
    }
  }
  return result;
}

/** `channel::name-version-build` lines of the environment after a revision (0 is the first). */
export function stateAtRevision(history: History, revision: number): string[] {
  const state = new Map<string, string>();
  const dist = (line: string): string =>
    line.slice(line.lastIndexOf("::") < 0 ? 0 : line.lastIndexOf("::") + 2);
  for (const { linked, unlinked } of history.revisions.slice(0, revision + 1)) {
    for (const line of unlinked) state.delete(dist(line));
    for (const line of linked) state.set(dist(line), line);
  }
  return [...state.values()];
}

/** `name`, `version` and `build` of a dist string or history line. */
export function splitDist(line: string): Pick<PackageRecord, "name" | "version" | "build"> | undefined {
  const text = line
    .slice(line.lastIndexOf("::") < 0 ? 0 : line.lastIndexOf("::") + 2)
    .replace(/\.(conda|tar\.bz2)$/, "");
  const match = /^(.+)-([^-]+)-([^-]+)$/.exec(text);
  return match ? { name: match[1]!, version: match[2]!, build: match[3]! } : undefined;
}
