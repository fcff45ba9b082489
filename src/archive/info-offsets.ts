/** `offsets` and `shebang_length` of a paths.json entry (draft CEP "Prefix placeholder offsets in paths.json", conda/ceps 179). */
import type { PathsEntry, PlaceholderOffsets } from "../specs/records.ts";
import { isJsonObject } from "../util/json.ts";

/** The encodings of the draft. An unknown one may stand for rules that are not known here: then the file is searched. */
const ENCODINGS = new Set(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]);

/**
 * What can be judged without the file; `malformed` where the draft is broken. Only the UTF-8 group is kept, since a search replaces
 * only that encoding and both ways must give the same bytes.
 */
export function parseOffsets(
  groups: unknown,
  shebang: unknown,
  mode: NonNullable<PathsEntry["file_mode"]>,
): PlaceholderOffsets | "malformed" {
  const found: PlaceholderOffsets = mode === "text" ? { positions: [] } : { strings: [] };
  if (shebang !== undefined && shebang !== null) {
    if (mode !== "text" || !isOffset(shebang) || shebang < 2) return "malformed";
    found.shebang_length = shebang;
  }
  if (!Array.isArray(groups) || (groups.length === 0 && found.shebang_length === undefined))
    return "malformed";
  const seen = new Set<string>();
  for (const group of groups) {
    if (!isJsonObject(group) || Object.keys(group).length !== 2) return "malformed";
    const { encoding, ranges } = group;
    if (typeof encoding !== "string" || !ENCODINGS.has(encoding) || seen.has(encoding)) return "malformed";
    seen.add(encoding);
    if (!Array.isArray(ranges) || ranges.length === 0) return "malformed";
    if (!(mode === "text" ? ascends(ranges) : ranges.every((range) => isString(range)))) return "malformed";
    if (encoding !== "utf-8") continue;
    if (mode === "text") found.positions = ranges as number[];
    else found.strings = ranges as number[][];
  }
  return found;
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function ascends(values: readonly unknown[]): boolean {
  return values.every((value, i) => isOffset(value) && (i === 0 || value > (values[i - 1] as number)));
}

function isString(range: unknown): boolean {
  return Array.isArray(range) && range.length >= 2 && ascends(range);
}
