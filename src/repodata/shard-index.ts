import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { decompress } from "../archive/zstd.ts";
import { ToolError } from "../errors.ts";
import { readBytes } from "../fs/files.ts";
import { createWriter, discardFile, openForReading, publishFile, removeOldFiles } from "../fs/index-files.ts";
import type { HttpResponse } from "../net/http.ts";
import { isSafePackageName } from "../specs/names.ts";
import { objectOf } from "../util/json.ts";
import type { Validators } from "../workers/protocol.ts";
import { resolveBase } from "./archive-base.ts";
import type { LoadContext, SubdirRequest } from "./context.ts";
import { repodataError } from "./decoder.ts";
import { mustNotStore, validatorsOf } from "./http-cache.ts";
import type { RepodataInfo } from "./index-format.ts";
import { readInfo } from "./info.ts";
import { MessageReader } from "./message-records.ts";
import { createRecordInterner } from "./raw-record.ts";

/** conda-forge's index has 0.7 MB compressed and 1.6 MB decoded. */
const MAX_INDEX = 64 << 20;
const MAX_DECODED_INDEX = 256 << 20;
/** The largest real shards have some 2 MB compressed. */
const MAX_SHARD = 64 << 20;
const MAX_DECODED_SHARD = 512 << 20;
/** Shards that no index names any more are kept this long for processes that still use the old index. */
const SHARD_LITTER_AGE = 3_600_000;
const HASH_LENGTH = 32;

export const CACHED_HINT = "the repodata cached earlier is still there: use it with --use-index-cache";

interface ShardIndexHeader {
  id: string;
  url: string;
  validators: Validators;
}

/** `repodata_shards.msgpack.zst` of a subdir: the hash of each package name's shard (CEP 16). */
export interface ShardIndex extends ShardIndexHeader {
  info: RepodataInfo;
  /** Bytes that were transferred for it; 0 when it was cached. */
  received: number;
  /** With a trailing slash. */
  archiveBase: string;
  shardsBase: string;
  /** Directory of the shards that are cached, and those of further caches, which are only read. */
  directory: string;
  otherDirectories: readonly string[];
  hashes: ShardHashes;
  /** Of an index that was just fetched and may be kept. */
  pending?: PendingIndex | undefined;
}

/**
 * A fetched index that is not the cached one yet: it becomes that once the shards that the request needs are there, so that a
 * failure in between leaves the old index, whose shards are cached, for --use-index-cache.
 */
export interface PendingIndex {
  /** Makes it the cached index; shards that it does not name are removed. */
  publish(): Promise<void>;
  /** Never throws. */
  discard(): void;
}

/** Hashes of shards by package name. They stay in the message: of 30,000 names a request reaches a hundred. */
class ShardHashes {
  readonly #message: Buffer;
  readonly #positions: ReadonlyMap<string, number>;

  constructor(message: Buffer, positions: ReadonlyMap<string, number>) {
    this.#message = message;
    this.#positions = positions;
  }

  has(name: string): boolean {
    return this.#positions.has(name) && isSafePackageName(name);
  }

  get(name: string): Buffer | undefined {
    const at = this.#positions.get(name);
    return at !== undefined && isSafePackageName(name)
      ? this.#message.subarray(at, at + HASH_LENGTH)
      : undefined;
  }

  *names(): IterableIterator<string> {
    for (const name of this.#positions.keys()) if (isSafePackageName(name)) yield name;
  }

  /** Names of the files of all shards. */
  *files(): IterableIterator<string> {
    for (const at of this.#positions.values()) yield shardFile(this.#message.subarray(at, at + HASH_LENGTH));
  }
}

/** Where a subdir's shard index is kept, shards beside it in `<path>.d`, and where other caches would have the same. */
export interface ShardPlaces {
  path: string;
  others: readonly string[];
}

/** The shard index that is kept at `path`, or undefined when there is none that is whole and of this URL. The file: header JSON, newline, message. */
export function openShardIndex(path: string, url: string, places: ShardPlaces): ShardIndex | undefined {
  const file = openForReading(path);
  if (!file) return undefined;
  try {
    const bytes = Buffer.allocUnsafeSlow(file.size);
    if (!file.read(bytes, 0)) return undefined;
    const end = bytes.indexOf(0x0a);
    const header = JSON.parse(bytes.toString("utf8", 0, end)) as ShardIndexHeader & {
      length: number;
      sha256: string;
    };
    const message = bytes.subarray(end + 1);
    if (header.url !== url || message.length !== header.length) return undefined;
    // A file can have its length but not yet its data after a loss of power.
    if (createHash("sha256").update(message).digest("hex") !== header.sha256) return undefined;
    const { id, validators } = header;
    return parseShardIndex(message, { id, url, validators }, places, url);
  } catch {
    return undefined;
  } finally {
    file.close();
  }
}

/** Reads a shard index from the server; `pending` makes it the cached one. */
export async function fetchShardIndex(
  request: SubdirRequest,
  response: HttpResponse,
  places: ShardPlaces,
  now: number,
): Promise<ShardIndex> {
  const { channel, subdir, url } = request;
  const label = `${channel}/${subdir}`;
  const compressed = await response.bytes(MAX_INDEX);
  const message = await decompressed(compressed, MAX_DECODED_INDEX, label, "its shard index");
  const validators = validatorsOf(response.headers, now);
  const header = { id: randomBytes(8).toString("hex"), url, validators };
  const index = parseShardIndex(message, header, places, label);
  index.received = compressed.byteLength;
  if (!mustNotStore(validators.cacheControl)) {
    const sha256 = createHash("sha256").update(message).digest("hex");
    const head = `${JSON.stringify({ ...header, length: message.byteLength, sha256 })}\n`;
    index.pending = keepLater(index, places.path, [Buffer.from(head, "utf8"), message]);
  }
  return index;
}

function keepLater(index: ShardIndex, path: string, parts: readonly Uint8Array[]): PendingIndex {
  const writer = createWriter(path);
  try {
    for (const part of parts) writer.write(part);
    writer.close();
  } catch (error) {
    writer.discard();
    throw error;
  }
  return {
    publish: async () => {
      if (!publishFile(writer.temporary, path)) discardFile(writer.temporary);
      let named: Set<string> | undefined;
      const isLitter = (name: string): boolean => {
        named ??= new Set(index.hashes.files());
        return !named.has(name);
      };
      await removeOldFiles(index.directory, isLitter, Date.now() - SHARD_LITTER_AGE);
    },
    discard: () => discardFile(writer.temporary),
  };
}

async function decompressed(
  bytes: Uint8Array,
  limit: number,
  label: string,
  what: string,
): Promise<Uint8Array> {
  try {
    return await decompress(bytes, limit);
  } catch (error) {
    if (error instanceof ToolError) throw repodataError(label, `${what} is damaged: ${error.message}`, error);
    throw error;
  }
}

function parseShardIndex(
  message: Uint8Array,
  header: ShardIndexHeader,
  { path, others }: ShardPlaces,
  label: string,
): ShardIndex {
  const reader = new MessageReader(message, createRecordInterner(), label, "its shard index");
  let version: unknown;
  let info: unknown;
  const hashes = new Map<string, number>();
  let found = false;
  const entries = reader.mapSize();
  for (let i = 0; i < entries; i++) {
    const key = reader.text(false);
    if (key === "shards" && !found) found = readHashes(reader, hashes);
    else if (key === "version") version = reader.value();
    else if (key === "info") info = reader.value();
    else reader.skip();
  }
  if (entries >= 0 && version !== 1)
    throw repodataError(label, `its shard index has version ${JSON.stringify(version)}, not 1`);
  const known = objectOf(info);
  if (!found || !known) throw repodataError(label, "its shard index has no `info` and `shards`");
  const base = (key: string): string | undefined =>
    typeof known[key] === "string" && known[key] !== "" ? known[key] : undefined;
  return {
    ...header,
    received: 0,
    info: readInfo(known),
    archiveBase: resolveBase(base("base_url"), header.url, label, "base_url"),
    shardsBase: resolveBase(base("shards_base_url"), header.url, label, "shards_base_url"),
    directory: `${path}.d`,
    otherDirectories: others.map((other) => `${other}.d`),
    hashes: new ShardHashes(reader.bytes, hashes),
  };
}

/** Package names and where the hashes of their shards are; entries without a hash are passed over. */
function readHashes(reader: MessageReader, into: Map<string, number>): boolean {
  const entries = reader.mapSize();
  for (let i = 0; i < entries; i++) {
    const name = reader.text(false);
    const length = reader.binaryLength();
    if (name !== undefined && length === HASH_LENGTH) into.set(name, reader.position - length);
  }
  return entries >= 0;
}

function shardFile(hash: Uint8Array): string {
  return `${Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString("hex")}.msgpack.zst`;
}

/** The decompressed shard of a name, from the cache or the server; its bytes are checked against their hash either way. */
export async function fetchShard(
  index: ShardIndex,
  name: string,
  label: string,
  context: LoadContext,
): Promise<{ message: Uint8Array; bytes: number } | undefined> {
  const hash = index.hashes.get(name);
  if (!hash) return undefined;
  const fn = shardFile(hash);
  const matches = (bytes: Uint8Array): boolean => createHash("sha256").update(bytes).digest().equals(hash);
  let bytes: Uint8Array | undefined;
  for (const directory of [index.directory, ...index.otherDirectories]) {
    // One that this user may not read is as good as none.
    bytes = await readBytes(join(directory, fn)).catch(() => undefined);
    if (bytes && matches(bytes)) break;
    bytes = undefined;
  }
  let received = 0;
  if (!bytes) {
    bytes = await downloadShard(index.shardsBase + fn, name, label, matches, context).catch((error) => {
      throw inContext(error, `the shard of \`${name}\` in \`${label}\``, index);
    });
    received = bytes.byteLength;
    if (!mustNotStore(index.validators.cacheControl)) await storeShard(join(index.directory, fn), bytes);
  }
  return {
    message: await decompressed(bytes, MAX_DECODED_SHARD, label, `the shard of \`${name}\``),
    bytes: received,
  };
}

/** A failed transfer as an error that names the channel, and says so when there is an older index to fall back on. */
function inContext(error: unknown, what: string, { pending, directory }: ShardIndex): unknown {
  if (!(error instanceof ToolError) || !["http-error", "channel-unreachable"].includes(error.code))
    return error;
  const older = pending && openForReading(directory.replace(/\.d$/, ""));
  older?.close();
  const hint = older ? CACHED_HINT : error.hint;
  const { code, details, message } = error;
  const told = message.startsWith(what) ? message : `${what} cannot be fetched: ${message}`;
  return new ToolError(code, told, { hint, details, cause: error });
}

async function storeShard(path: string, bytes: Uint8Array): Promise<void> {
  const writer = createWriter(path);
  try {
    writer.write(bytes);
    writer.close();
    if (!publishFile(writer.temporary, path)) discardFile(writer.temporary);
  } catch (error) {
    writer.discard();
    throw error;
  }
}

async function downloadShard(
  url: string,
  name: string,
  label: string,
  matches: (bytes: Uint8Array) => boolean,
  context: LoadContext,
): Promise<Uint8Array> {
  if (context.http.offline && !url.startsWith("file:")) {
    throw new ToolError("offline-missing", `repodata of \`${name}\` in \`${label}\` is not cached`, {
      hint: "run the command once without --offline",
      details: { url },
    });
  }
  // A damaged transfer is tried once more: a proxy's cache may have held it.
  for (let attempt = 1; ; attempt++) {
    const response = await context.http.fetch(url, { signal: context.signal });
    if (response.status !== 200) {
      response.discard();
      throw new ToolError(
        "http-error",
        `the shard of \`${name}\` in \`${label}\` cannot be fetched: HTTP ${response.status} for ${response.url}`,
        {
          hint: "the channel may be in the middle of an update; try again, or turn sharded repodata off (use_sharded_repodata: false)",
        },
      );
    }
    const bytes = await response.bytes(MAX_SHARD);
    if (matches(bytes)) return bytes;
    context.http.reportBad(url);
    if (attempt === 2)
      throw new ToolError(
        "checksum-mismatch",
        `the shard of \`${name}\` in \`${label}\` does not have the hash that the index gives`,
        {
          hint: "the channel, or something between it and this machine, is damaged or hostile",
          details: { url: response.url },
        },
      );
  }
}
