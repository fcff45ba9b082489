import type { RepoDataRecord } from "../specs/records.ts";
import { ID, spans } from "./json-spans.ts";
import { items, messageSpans, numbers } from "./message-spans.ts";
import { clearFields, emptyFields, type OutlineOrigin, OutlineRecord } from "./outline.ts";
import { MAX_TEXT } from "./record.ts";
import type { VettedTexts } from "./vetted-texts.ts";

/** Longer file names are left to `toRecord`, which refuses those that are too long. */
const MAX_FILE_NAME = 200;

const EXTENSIONS = [".conda", ".tar.bz2"];

/** Told of every dependency: where its text is in the bytes, or a list of them. */
export interface DependencyReader {
  text(bytes: Buffer, start: number, end: number): void;
  list(dependencies: readonly string[]): void;
}

const fields = emptyFields();

/**
 * The outline of the record at `start`, whose file is `key` with `extension` (none in v3), and where it ends; undefined for
 * one that is not plainly in order, which `toRecord` has to judge.
 */
export function readOutline(
  bytes: Buffer,
  record: { key: string; extension: string; start: number; name: string; origin: OutlineOrigin },
  context: { texts: VettedTexts; dependencies?: DependencyReader | undefined },
): { outline: RepoDataRecord; end: number } | undefined {
  const end = messageSpans(bytes, record.start, bytes.length);
  if (end < 0) return undefined;
  clearFields(fields, record.name, record.origin.source.subdir);
  if (!fill(bytes, record.name, context.texts) || !isFileName(record.key, record.extension)) return undefined;
  fields.start = record.start;
  fields.end = end;
  const { dependencies } = context;
  if (dependencies)
    for (let i = 0; i < items.length; i++)
      dependencies.text(bytes, items.positions[i * 2]!, items.positions[i * 2 + 1]!);
  return { outline: new OutlineRecord(fields, record.origin), end };
}

function fill(bytes: Buffer, name: string, texts: VettedTexts): boolean {
  const vetted = (id: number, kind: Parameters<VettedTexts["text"]>[3]): string | undefined =>
    spans[id] === 0 ? undefined : texts.text(bytes, spans[id]!, spans[id + 1]!, kind);
  const nameStart = spans[ID.name]!;
  if (nameStart === 0 || spans[ID.name + 1]! - nameStart !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (bytes[nameStart + i] !== name.charCodeAt(i)) return false;
  const version = vetted(ID.version, "version");
  const build =
    spans[ID.build] === 0 ? undefined : texts.build(bytes, spans[ID.build]!, spans[ID.build + 1]!);
  if (version === undefined || build === undefined) return false;
  fields.version = version;
  fields.build = build;
  if (spans[ID.subdir] !== 0) {
    const subdir = vetted(ID.subdir, "subdir");
    if (subdir === undefined) return false;
    fields.subdir = subdir;
  }
  if (spans[ID.innerPath] !== 0 && vetted(ID.innerPath, "innerPath") === undefined) return false;
  const features = spans[ID.track_features + 1]! - spans[ID.track_features]!;
  if (features > MAX_TEXT) return false;
  if (features > 0)
    fields.track_features = texts.interner.intern(
      bytes,
      spans[ID.track_features]!,
      spans[ID.track_features + 1]!,
    );
  fields.build_number = numbers[ID.build_number / 2]!;
  fields.timestamp = numbers[ID.timestamp / 2] || undefined;
  fields.indexed_timestamp = numbers[ID.indexed_timestamp / 2] || undefined;
  return isHash(ID.md5, 16) && isHash(ID.sha256, 32);
}

function isHash(id: number, length: number): boolean {
  const found = spans[id + 1]! - spans[id]!;
  return spans[id] === 0 || found === length || found === 0;
}

function isFileName(key: string, given: string): boolean {
  const stem = `${fields.name}-${fields.version}-${fields.build}`;
  if (key.length > MAX_FILE_NAME || !key.startsWith(stem)) return false;
  const extension = key.slice(stem.length);
  if (given === "" ? !EXTENSIONS.includes(extension) : extension !== "") return false;
  fields.extension = given || extension;
  return true;
}
