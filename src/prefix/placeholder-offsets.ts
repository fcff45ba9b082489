/**
 * Replacing the placeholder where paths.json says it is, without a search (draft CEP "Prefix placeholder offsets in paths.json").
 * A list that disagrees with the file in anything that can be seen without a search is not used at all. That it is complete is the
 * package's word: an occurrence that it leaves out keeps the placeholder, as the draft has it.
 */
import type { PlaceholderOffsets } from "../specs/records.ts";
import { checkFits, replaceBytes, replacePrefix, replaceShebangLine, textPrefix } from "./placeholder.ts";

/** A file with a placeholder, as its paths.json entry says. */
export interface PlaceholderEntry {
  _path: string;
  prefix_placeholder: string;
  file_mode?: "text" | "binary" | undefined;
  offsets?: PlaceholderOffsets | "malformed" | undefined;
}

export interface Replaced {
  data: Buffer;
  /** The offsets did not agree with the file, which was searched instead. */
  searched: boolean;
}

/** Replaces the placeholder at the offsets when there are any and they agree with the file, else wherever it is. */
export function replaceAtOffsets(
  data: Buffer,
  entry: PlaceholderEntry,
  prefix: string,
  platform: string,
): Replaced {
  const { offsets } = entry;
  // Nothing is replaced in binaries of Windows, whatever is listed.
  if (offsets === undefined || (entry.file_mode === "binary" && platform.startsWith("win-")))
    return { data: replacePrefix(data, entry, prefix, platform), searched: false };
  const replaced =
    offsets === "malformed"
      ? undefined
      : entry.file_mode === "binary"
        ? binaryAt(data, offsets.strings ?? [], entry, prefix)
        : textAt(data, offsets, entry, { prefix, platform });
  if (replaced) return { data: replaced, searched: false };
  return { data: replacePrefix(data, entry, prefix, platform), searched: true };
}

/** Undefined when the list and the text disagree. */
function textAt(
  data: Buffer,
  offsets: PlaceholderOffsets,
  entry: PlaceholderEntry,
  where: { prefix: string; platform: string },
): Buffer | undefined {
  const { prefix, platform } = where;
  const from = Buffer.from(entry.prefix_placeholder);
  const to = textPrefix(prefix, platform);
  const region = offsets.shebang_length ?? 0;
  if (region !== firstLineLength(data)) return undefined;
  const parts: Buffer[] = [];
  if (region > 0) {
    const line = data[region - 1] === 0x0a ? region - 1 : region;
    const first = data.subarray(0, line);
    parts.push(
      platform.startsWith("win-")
        ? replaceBytes(first, from, to)
        : replaceShebangLine(first, entry.prefix_placeholder, prefix, platform),
      data.subarray(line, region),
    );
  }
  let done = region;
  for (const at of offsets.positions ?? []) {
    if (at < done || !holds(data, from, at)) return undefined;
    parts.push(data.subarray(done, at), to);
    done = at + from.length;
  }
  parts.push(data.subarray(done));
  return Buffer.concat(parts);
}

/** What `shebang_length` must be: bytes of a first line that begins with `#!`, with its newline; 0 for other files. */
function firstLineLength(data: Buffer): number {
  if (data[0] !== 0x23 || data[1] !== 0x21) return 0;
  const newline = data.indexOf(0x0a);
  return newline < 0 ? data.length : newline + 1;
}

/** Undefined when the list and the bytes disagree. The end of each C string is looked up: a wrong one would move bytes behind it. */
function binaryAt(
  data: Buffer,
  strings: readonly (readonly number[])[],
  entry: PlaceholderEntry,
  prefix: string,
): Buffer | undefined {
  const from = Buffer.from(entry.prefix_placeholder);
  const to = Buffer.from(prefix);
  let done = 0;
  for (const string of strings) {
    const end = string.at(-1)!;
    for (const at of string.slice(0, -1)) {
      if (at < done || !holds(data, from, at)) return undefined;
      done = at + from.length;
    }
    const nul = data.indexOf(0, string[0]!);
    if (end < done || end !== (nul < 0 ? data.length : nul)) return undefined;
    done = end;
  }
  if (strings.length === 0) return data;
  checkFits(from, to, entry._path);
  const out = Buffer.from(data);
  for (const string of strings) {
    const end = string.at(-1)!;
    let read = string[0]!;
    let written = read;
    for (const at of string.slice(0, -1)) {
      written += data.copy(out, written, read, at);
      written += to.copy(out, written);
      read = at + from.length;
    }
    written += data.copy(out, written, read, end);
    out.fill(0, written, end);
  }
  return out;
}

function holds(data: Buffer, bytes: Buffer, at: number): boolean {
  const end = at + bytes.length;
  return end <= data.length && data.compare(bytes, 0, bytes.length, at, end) === 0;
}
