import type { ByteInterner } from "./byte-interner.ts";
import { repodataError } from "./decoder.ts";
import { emptyRawRecord, type RawRecord, RECORD_KEYS, setRaw } from "./raw-record.ts";

/** Deepest nesting that is followed; shards have five levels. */
const MAX_DEPTH = 32;

/**
 * Reads MessagePack by walking over its bytes. Strings come from an interner and what is not asked for is stepped over: the
 * records of a shard in a quarter of the time that a general decoder takes.
 */
export class MessageReader {
  readonly bytes: Buffer;
  readonly #interner: ByteInterner;
  readonly #fail: () => never;
  #at = 0;

  constructor(bytes: Uint8Array, interner: ByteInterner, label: string, what: string) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#interner = interner;
    this.#fail = () => {
      throw repodataError(label, `${what} is no MessagePack (at byte ${this.#at})`);
    };
  }

  #need(count: number): number {
    const at = this.#at;
    if (at + count > this.bytes.length) this.#fail();
    this.#at = at + count;
    return at;
  }

  /** Number of entries of the dictionary at the position, or -1 when there is something else (which is not consumed). */
  mapSize(): number {
    const type = this.bytes[this.#at] ?? this.#fail();
    if (type >= 0x80 && type <= 0x8f) {
      this.#at++;
      return type & 0x0f;
    }
    if (type === 0xde) return this.bytes.readUInt16BE(this.#need(3) + 1);
    if (type === 0xdf) return this.bytes.readUInt32BE(this.#need(5) + 1);
    return -1;
  }

  /** As mapSize, for lists. */
  listSize(): number {
    const type = this.bytes[this.#at] ?? this.#fail();
    if (type >= 0x90 && type <= 0x9f) {
      this.#at++;
      return type & 0x0f;
    }
    if (type === 0xdc) return this.bytes.readUInt16BE(this.#need(3) + 1);
    if (type === 0xdd) return this.bytes.readUInt32BE(this.#need(5) + 1);
    return -1;
  }

  /** Bytes of the text (0xa0, 0xd9…) or binary (0xc4…) at the position, or -1. Stops at the first of them. */
  #length(text: boolean): number {
    const type = this.bytes[this.#at] ?? this.#fail();
    if (text && type >= 0xa0 && type <= 0xbf) {
      this.#at++;
      return type & 0x1f;
    }
    const base = text ? 0xd9 : 0xc4;
    if (type === base) return this.bytes[this.#need(2) + 1]!;
    if (type === base + 1) return this.bytes.readUInt16BE(this.#need(3) + 1);
    if (type === base + 2) return this.bytes.readUInt32BE(this.#need(5) + 1);
    return -1;
  }

  /** Text at the position; undefined when there is something else, which is stepped over. */
  text(intern: boolean): string | undefined {
    const length = this.#length(true);
    if (length < 0) {
      this.skip();
      return undefined;
    }
    const at = this.#need(length);
    return intern
      ? this.#interner.intern(this.bytes, at, at + length)
      : this.bytes.toString("utf8", at, at + length);
  }

  /** Steps over binary data and gives its length; -1 for something else, which is stepped over too. */
  binaryLength(): number {
    const length = this.#length(false);
    if (length < 0) this.skip();
    else this.#need(length);
    return length;
  }

  /** Steps over any value. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) this.#fail();
    const entries = this.mapSize();
    const items = entries >= 0 ? entries * 2 : this.listSize();
    if (items >= 0) {
      for (let i = 0; i < items; i++) this.skip(depth + 1);
      return;
    }
    let length = this.#length(true);
    if (length < 0) length = this.#length(false);
    if (length < 0) length = scalarLength(this.bytes, this.#at) ?? this.#fail();
    this.#need(length);
  }

  /** Any value as plain data; binary data as hexadecimal text, which is how records hold their hashes elsewhere. */
  value(depth = 0): unknown {
    if (depth > MAX_DEPTH) this.#fail();
    const type = this.bytes[this.#at] ?? this.#fail();
    const entries = this.mapSize();
    if (entries >= 0) {
      const dictionary: Record<string, unknown> = Object.create(null);
      for (let i = 0; i < entries; i++) {
        const key = this.text(true);
        const value = this.value(depth + 1);
        if (key !== undefined) dictionary[key] = value;
      }
      return dictionary;
    }
    const items = this.listSize();
    if (items >= 0) {
      const list: unknown[] = [];
      for (let i = 0; i < items; i++) list.push(this.value(depth + 1));
      return list;
    }
    if ((type >= 0xa0 && type <= 0xbf) || (type >= 0xd9 && type <= 0xdb)) return this.text(true);
    if (type >= 0xc4 && type <= 0xc6) {
      const length = this.binaryLength();
      return this.bytes.toString("hex", this.#at - length, this.#at);
    }
    return this.#scalar(type);
  }

  #scalar(type: number): unknown {
    const bytes = this.bytes;
    const at = this.#need(scalarLength(bytes, this.#at) ?? this.#fail());
    if (type <= 0x7f) return type;
    if (type >= 0xe0) return type - 256;
    switch (type) {
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return bytes.readFloatBE(at + 1);
      case 0xcb:
        return bytes.readDoubleBE(at + 1);
      case 0xcc:
        return bytes[at + 1];
      case 0xcd:
        return bytes.readUInt16BE(at + 1);
      case 0xce:
        return bytes.readUInt32BE(at + 1);
      case 0xcf:
        return Number(bytes.readBigUInt64BE(at + 1));
      case 0xd0:
        return bytes.readInt8(at + 1);
      case 0xd1:
        return bytes.readInt16BE(at + 1);
      case 0xd2:
        return bytes.readInt32BE(at + 1);
      case 0xd3:
        return Number(bytes.readBigInt64BE(at + 1));
      default:
        // nil, and extension types, which nothing here has.
        return null;
    }
  }

  /** A record; undefined when there is no dictionary, which is stepped over. */
  record(): RawRecord | undefined {
    const entries = this.mapSize();
    if (entries < 0) {
      this.skip();
      return undefined;
    }
    const raw = emptyRawRecord();
    for (let i = 0; i < entries; i++) {
      const length = this.#length(true);
      if (length < 0) {
        this.skip();
        this.skip();
        continue;
      }
      const at = this.#need(length);
      const id = this.#interner.id(this.bytes, at, at + length);
      if (id >= 0 && id < RECORD_KEYS.length) setRaw(raw, id, this.value());
      else this.skip();
    }
    return raw;
  }

  /** Position of the next value. */
  get position(): number {
    return this.#at;
  }

  /** Goes on at a position that is known to be that of a value. */
  continueAt(position: number): void {
    this.#at = position;
  }

  /** Whether everything was read. */
  atEnd(): boolean {
    return this.#at === this.bytes.length;
  }
}

/** Bytes of the scalar at the position with its type byte; undefined for a type that does not exist. */
function scalarLength(bytes: Buffer, at: number): number | undefined {
  const type = bytes[at];
  if (type === undefined || type === 0xc1) return undefined;
  if (type <= 0x7f || type >= 0xe0 || type === 0xc0 || type === 0xc2 || type === 0xc3) return 1;
  switch (type) {
    case 0xcc:
    case 0xd0:
      return 2;
    case 0xcd:
    case 0xd1:
      return 3;
    case 0xca:
    case 0xce:
    case 0xd2:
      return 5;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 9;
    case 0xc7:
      return at + 1 < bytes.length ? 3 + bytes[at + 1]! : undefined;
    case 0xc8:
      return at + 2 < bytes.length ? 4 + bytes.readUInt16BE(at + 1) : undefined;
    case 0xc9:
      return at + 4 < bytes.length ? 6 + bytes.readUInt32BE(at + 1) : undefined;
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return 2 + (1 << (type - 0xd4));
    default:
      return undefined;
  }
}
