import { join } from "node:path";
import { listDir, pathKind } from "../fs/files.ts";
import { journalDirectory } from "./journal.ts";

/** Whether a directory is an environment: one with `conda-meta/history`, or with any package record (CEP 32 wants the former). */
export async function isEnvironment(path: string): Promise<boolean> {
  if ((await pathKind(join(path, "conda-meta", "history"))) === "file") return true;
  // In the middle of a change, history may be away: the journal knows where.
  if ((await pathKind(join(journalDirectory(path), "journal.json"))) === "file") return true;
  return (await listDir(join(path, "conda-meta"))).some((name) => name.endsWith(".json"));
}
