/**
 * What libmamba (1.x and 2.x) demands of an environment, as a reader that throws where libmamba throws, loops or leaves something behind.
 * Facts of its prefix_data, package_info, history, link, activation and environments_manager; none of it is its code.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

type Json = Record<string, unknown>;

/** Keys that are read as text, as a whole number and as a list of texts: absent is well, any other type ends the reading of the prefix. */
const TEXTS = ["name", "version", "channel", "url", "subdir", "fn", "build", "build_string", "license"];
TEXTS.push("md5", "sha256", "signatures", "python_site_packages_path");
const NUMBERS = ["size", "timestamp", "build_number"];
const LISTS = ["depends", "constrains"];

function fail(file: string, problem: string): never {
  throw new Error(`libmamba: ${file}: ${problem}`);
}

const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

/** One file of conda-meta that ends in .json: every one is taken for a record. */
function readRecord(file: string, text: string): Json {
  const record = JSON.parse(text) as Json;
  if (record === null || typeof record !== "object" || Array.isArray(record)) fail(file, "no object");
  for (const key of TEXTS)
    if (key in record && typeof record[key] !== "string") fail(file, `${key} is no text`);
  for (const key of NUMBERS)
    if (key in record && !(Number.isSafeInteger(record[key]) && (record[key] as number) >= 0))
      fail(file, `${key} is no whole number`);
  for (const key of LISTS)
    if (key in record && !isTextList(record[key])) fail(file, `${key} is no list of texts`);
  const features = record["track_features"];
  if (features !== undefined && typeof features !== "string" && !isTextList(features))
    fail(file, "track_features is neither");
  if ("noarch" in record && record["noarch"] !== "python" && record["noarch"] !== "generic")
    fail(file, "an unknown noarch");
  // The channel is resolved, and must be one: a name or URL without subdir.
  for (const key of ["name", "version", "build", "subdir", "channel"])
    if (!record[key]) fail(file, `${key} is empty`);
  // An installed package is unlinked by the record that has its `fn` for a name.
  const stem = String(record["fn"]).replace(/\.(conda|tar\.bz2)$/, "");
  if (file !== `${stem}.json`) fail(file, `unlinking looks for ${stem}.json`);
  return record;
}

/** Records by package name. */
export function libmambaRecords(prefix: string): Map<string, Json> {
  const meta = join(prefix, "conda-meta");
  const records = new Map<string, Json>();
  for (const file of readdirSync(meta).filter((name) => name.endsWith(".json"))) {
    const record = readRecord(file, readFileSync(join(meta, file), "utf8"));
    const name = String(record["name"]);
    if (records.has(name)) fail(file, `a second ${name}, which is not read`);
    records.set(name, record);
  }
  return records;
}

export interface LibmambaRevision {
  linked: string[];
  unlinked: string[];
  update: string[];
  remove: string[];
}

/** The blocks of conda-meta/history, without which a directory is no environment. */
export function libmambaHistory(prefix: string): LibmambaRevision[] {
  const revisions: LibmambaRevision[] = [];
  for (const line of readFileSync(join(prefix, "conda-meta", "history"), "utf8").split("\n")) {
    const current = revisions.at(-1);
    if (line === "") continue;
    if (/^==>\s*(.+?)\s*<==$/.test(line))
      revisions.push({ linked: [], unlinked: [], update: [], remove: [] });
    else if (!current) fail("history", `a line before the first block: ${line}`);
    else if (line.startsWith("#")) readComment(line, current);
    else if (line.startsWith("+")) current.linked.push(packageOf(line.slice(1)));
    else if (line.startsWith("-")) current.unlinked.push(packageOf(line.slice(1)));
    else fail("history", `a line that is neither: ${line}`);
  }
  return revisions;
}

function readComment(line: string, revision: LibmambaRevision): void {
  const colon = line.indexOf(":");
  const key = line.slice(1, colon).trim();
  if (colon < 0 || !key.endsWith(" specs")) return;
  const list = specList(line.slice(colon + 1));
  const action = key.split(" ")[0]!;
  if (["update", "install", "create"].includes(action)) revision.update = list;
  else if (["remove", "uninstall"].includes(action)) revision.remove = list;
}

/** From quote to the same quote. An empty list reads beyond its text, and before a quote a backslash makes some versions loop. */
function specList(text: string): string[] {
  const list: string[] = [];
  for (let at = text.search(/['"]/); at < text.length; ) {
    if (at < 0) fail("history", `a list without quotes: ${text}`);
    const end = text.indexOf(text[at]!, at + 1);
    if (end < 0) fail("history", `a quote is open: ${text}`);
    if (text[end - 1] === "\\") fail("history", `an escaped quote: ${text}`);
    list.push(text.slice(at + 1, end));
    const next = text.slice(end + 1).search(/['"]/);
    if (next < 0) return list;
    at = end + 1 + next;
  }
  return list;
}

/** `name-version-build` of a line of history; the channel before it is not the last part of a path. */
function packageOf(line: string): string {
  const [, rest] = /\/([^/]*)$/.exec(line) ?? fail("history", `no channel and subdir: ${line}`);
  const [, dist] = /^[^:]+::(.+-[^-]+-[^-]+)$/.exec(rest!) ?? fail("history", `no package: ${line}`);
  return dist!;
}

/** Variables of conda-meta/state, in the order in which activation sets them. */
export function libmambaVariables(prefix: string): Record<string, string> {
  const path = join(prefix, "conda-meta", "state");
  if (!existsSync(path)) return {};
  const vars = (JSON.parse(readFileSync(path, "utf8")) as Json)["env_vars"] ?? {};
  for (const [key, value] of Object.entries(vars as Json))
    if (typeof value !== "string") fail("state", `${key} is no text`);
  return vars as Record<string, string>;
}

/** Environments that environments.txt registers: absolute paths without a slash at the end, of directories with a history. */
export function libmambaEnvironments(file: string): string[] {
  const lines = readFileSync(file, "utf8").split("\n");
  if (lines.pop() !== "") fail("environments.txt", "the next path is appended to its last line");
  for (const line of lines)
    if (!/^\/.*[^/]$/.test(line) || !existsSync(join(line, "conda-meta", "history")))
      fail("environments.txt", `no environment: ${line}`);
  return lines;
}

/** Unlinks a package: every `_path` of paths_data, then directories that are empty, then the record. */
export function libmambaUnlink(prefix: string, name: string): void {
  const record = libmambaRecords(prefix).get(name)!;
  const { paths } = record["paths_data"] as { paths: { _path: string }[] };
  for (const { _path } of paths) {
    const path = join(prefix, _path);
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) continue;
    rmSync(path, { force: true });
    for (let parent = dirname(path); parent !== prefix; parent = dirname(parent)) {
      if (existsSync(parent) && readdirSync(parent).length > 0) break;
      if (existsSync(parent)) rmdirSync(parent);
    }
  }
  rmSync(join(prefix, "conda-meta", String(record["fn"]).replace(/\.(conda|tar\.bz2)$/, ".json")));
}
