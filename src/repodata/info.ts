import { objectOf } from "../util/json.ts";
import type { RepodataInfo } from "./index-format.ts";

const string = (value: unknown): string | undefined =>
  typeof value === "string" && value.length > 0 && value.length <= 4096 ? value : undefined;

/** What is used of `info` (CEP 15, 36, 42, 48); keys of the wrong type count as absent. */
export function readInfo(value: Record<string, unknown>): RepodataInfo {
  const info: RepodataInfo = { subdir: string(value["subdir"]), base_url: string(value["base_url"]) };
  const relations = objectOf(value["channel_relations"]);
  if (relations)
    info.channel_relations = { base: string(relations["base"]), overrides: string(relations["overrides"]) };
  for (const [key, revision] of Object.entries(objectOf(value["repodata_revisions"]) ?? {})) {
    const number = /^v([0-9]{1,6})$/.exec(key)?.[1];
    if (number === undefined || Number(number) <= (info.newest_revision ?? 3)) continue;
    info.newest_revision = Number(number);
    info.revision_message = string(objectOf(revision)?.["message"]);
  }
  return info;
}
