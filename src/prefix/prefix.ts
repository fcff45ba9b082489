import { join } from "node:path";
import { listDir, readText } from "../fs/files.ts";
import { requestedSpecsOf } from "../plan/diff.ts";
import { tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PrefixRecord } from "../specs/records.ts";
import { readPrefixRecord } from "./conda-meta.ts";
import { type Frozen, readFrozen } from "./frozen.ts";
import { type History, parseHistory, requestedSpecs } from "./history.ts";
import { type EnvironmentStateFile, readStateFile } from "./state.ts";

/** An environment as conda-meta describes it. */
export interface PrefixState {
  path: string;
  records: PrefixRecord[];
  history: History;
  /** Lines of conda-meta/pinned, without comments. */
  pinned: string[];
  /** CEP 22: why the environment must not be changed; undefined when it may be. */
  frozen: Frozen | undefined;
  state: EnvironmentStateFile;
  /** What the user asked for, by package name: requested_specs of records, and history for records without. */
  requestedSpecs: Map<string, string[]>;
}

/** Reads a prefix; undefined when it is no environment. A broken record is an error that names the file. */
export async function readPrefix(path: string): Promise<PrefixState | undefined> {
  const meta = join(path, "conda-meta");
  const names = await listDir(meta);
  const files = recordFiles(names);
  if (files.length === 0 && !names.includes("history")) return undefined;
  const records: PrefixRecord[] = [];
  for (const name of files) {
    const record = readPrefixRecord(join(meta, name));
    if (record) records.push(record);
  }
  const history = parseHistory((await readText(join(meta, "history"))) ?? "");
  const pinned = parsePinned((await readText(join(meta, "pinned"))) ?? "");
  return {
    path,
    records,
    history,
    pinned,
    frozen: await readFrozen(path),
    state: await readStateFile(path),
    requestedSpecs: allRequested(records, history),
  };
}

/** Names of the records in a listing of conda-meta. */
export const recordFiles = (names: readonly string[]): string[] =>
  names.filter((name) => name.endsWith(".json") && !name.startsWith("."));

/** Lines of conda-meta/pinned that are specs. */
function parsePinned(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

function allRequested(records: readonly PrefixRecord[], history: History): Map<string, string[]> {
  const result = new Map<string, string[]>();
  const fromHistory = requestedSpecs(history, (spec) => tryParseMatchSpec(spec)?.name);
  for (const record of records) {
    const own = requestedSpecsOf(record);
    const old = fromHistory.get(record.name);
    if (own.length > 0) result.set(record.name, own);
    else if (old !== undefined) result.set(record.name, [old]);
  }
  return result;
}
